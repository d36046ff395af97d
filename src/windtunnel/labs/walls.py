"""The walls around somebody's code: what a submission may use, touch and reach while it is graded.

Theory of operation. The grader is a process of its own, and each run of a submission is a child forked from it. Two rings:

| ring | wall | against |
|---|---|---|
| grader | a session of its own, killed as a group | what is left behind |
| grader | user, network and IPC namespaces | the network, and capabilities of root |
| grader | Landlock: writes only below one scratch folder; TCP and signals only inside | deleted files, other processes |
| run | rlimits: processor time, memory, size of files, open files, no core | loops, allocations, gigabytes of output |
| run | seccomp: no process, program, socket, signal to others, change of rights, mount | fork bombs, the rest |
| run | an audit hook, where Landlock or seccomp is refused | the same, as far as Python code asks politely |

No wall needs privileges. One that the system refuses is left out, and `doctor` says so. Nothing here keeps a secret from the
code, and code that runs in one process with its checks can forge their result: the walls protect the machine, and a result is
worth what running it again is worth. Sources: landlock(7), seccomp(2), user_namespaces(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windtunnel.labs import syscalls

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every machine

_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run of a submission may use.

    cpu_s: of processor. run_s: of real time. step_s: of processor between two awaits. memory_bytes: beyond what the grader has
    itself. file_bytes: of each file, and of what is printed.
    """

    cpu_s: int = 20
    run_s: float = 10.0
    step_s: float = 2.0
    memory_bytes: int = 1 << 30
    file_bytes: int = 16 << 20
    open_files: int = 256


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall. text: what it keeps out, or why it does not stand."""

    name: str
    stands: bool
    text: str


# --- The outer ring ---


def enclose(scratch: Path) -> list[Wall]:
    """Put up the outer ring around this process, for good. scratch: where writing stays possible."""
    die_with_parent()
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans stay below this process, where they are found
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return [_namespaces(), _landlock(scratch)]


def die_with_parent() -> None:
    """Let the kernel kill this process when the one that made it ends."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _namespaces() -> Wall:
    name = "namespaces"
    if _libc is None:
        return Wall(name, False, "only Linux has them")
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) != 0:
        return Wall(name, False, f"refused: {os.strerror(ctypes.get_errno())}")
    # Without a map everybody is nobody, which is enough to run; with one, names of users read as before.
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        try:
            Path(f"/proc/self/{file}").write_text(text, encoding="ascii")
        except OSError:
            break
    return Wall(name, True, "no network but its own, no privileges")


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("access", ctypes.c_uint64), ("fd", ctypes.c_int32))


_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # remove and make, of every kind


def landlock_abi() -> int:
    """The version of Landlock that the kernel has; 0 without."""
    return 0 if _libc is None else max(0, int(_libc.syscall(_CREATE_RULESET, 0, 0, 1)))


def _landlock(scratch: Path) -> Wall:
    """Writes only below `scratch`, and to /dev/null."""
    name, abi = "landlock", landlock_abi()
    if abi == 0:
        return Wall(name, False, "the kernel has none, or it is switched off")
    writes = _WRITES | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    attributes = _Ruleset(writes, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return Wall(name, False, f"refused: {os.strerror(ctypes.get_errno())}")
    to_files = writes & (_WRITE_FILE | _TRUNCATE)
    for path, access in ((str(scratch), writes), (os.devnull, to_files)):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = _Beneath(access, fd)
        added = _libc.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
        os.close(fd)
        if added != 0:
            os.close(ruleset)
            return Wall(name, False, f"refused for {path}: {os.strerror(ctypes.get_errno())}")
    done = _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    if done != 0:
        return Wall(name, False, f"refused: {os.strerror(ctypes.get_errno())}")
    more = ", signals to nobody outside" if abi >= 6 else ""
    return Wall(name, True, f"version {abi}: writes only to a scratch folder{more}")


# --- The inner ring ---


def confine(limits: Limits, scratch: Path) -> list[Wall]:
    """Put up the inner ring around this process, for good: it will not start another one."""
    if _libc is not None:
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    walls = [_rlimits(limits), _seccomp()]
    if not walls[-1].stands or landlock_abi() == 0:
        _audit(scratch)
        walls.append(Wall("audit hook", True, "Python calls that leave the scratch folder or this process raise"))
    return walls


def _rlimits(limits: Limits) -> Wall:
    memory = _address_space() + limits.memory_bytes
    wanted = (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    )
    refused = []
    for which, most in wanted:
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(which, (bound, bound))
        except (ValueError, OSError):  # macOS refuses a bound on addresses
            refused.append(which)
    text = f"{limits.cpu_s} s of processor, {limits.memory_bytes >> 20} MiB, {limits.file_bytes >> 20} MiB a file"
    return Wall("rlimits", not refused, text if not refused else f"some are refused: {refused}")


def _address_space() -> int:
    """Bytes that this process has mapped now."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 1 << 30


_FILTER = struct.Struct("HBBI")
"""struct sock_filter: code, jump if true, jump if false, operand."""


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_uint16), ("filters", ctypes.c_void_p))


_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; of the low half of the first argument
_CLONE_THREAD = 0x00010000


def _rules(machine: syscalls.Machine, me: int, *, programs: bool) -> list[tuple[int, int, int, int]]:
    """The filter, as (code, jump if true, jump if false, operand). programs: processes may be started and signalled."""
    denied = _ERRNO | errno.EPERM
    rules = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, machine.arch),
        (_RETURN, 0, 0, _KILL),  # the other instruction set of this machine has other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, syscalls.X32),
        (_RETURN, 0, 0, denied),
    ]
    for number in machine.denied if not programs else set(machine.denied) - set(machine.starting):
        rules += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, denied)]
    if programs:
        return [*rules, (_RETURN, 0, 0, _ALLOW)]
    rules += [
        (_EQUAL, 0, 1, machine.clone3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),  # its flags are in memory; the C library then takes `clone`
        (_EQUAL, 0, 3, machine.clone),
        (_LOAD, 0, 0, _ARGUMENT),
        (_ANY_BIT, 2, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, denied),
        (_EQUAL, 1, 0, machine.tgkill),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _ARGUMENT),
        (_EQUAL, 1, 0, me),
        (_RETURN, 0, 0, denied),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return rules


def _seccomp(*, programs: bool = False) -> Wall:
    name = "seccomp"
    machine = syscalls.MACHINES.get(platform.machine())
    if _libc is None or machine is None:
        return Wall(name, False, f"no table of system calls for {platform.machine()}")
    rules = _rules(machine, os.getpid(), programs=programs)
    filters = ctypes.create_string_buffer(b"".join(_FILTER.pack(*rule) for rule in rules))
    program = _Program(len(rules), ctypes.cast(filters, ctypes.c_void_p))
    if _libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) != 0:
        return Wall(name, False, f"refused: {os.strerror(ctypes.get_errno())}")
    return Wall(name, True, "no processes, programs, sockets, signals to others, changes of rights")


_REFUSED = ("os.fork", "os.exec", "os.posix_spawn", "os.system", "os.kill", "os.chmod", "os.chown", "subprocess", "pty")
_WRITING = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil")


def _audit(scratch: Path) -> None:
    """The last resort: raise where Python says that it is about to do what it may not."""
    below = str(scratch)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_REFUSED) or event in {"socket.connect", "socket.bind", "socket.sendto"}:
            raise PermissionError(errno.EPERM, f"a submission may not call {event}")
        writes = event.startswith(_WRITING) or (event == "open" and arguments and _opens_to_write(arguments))
        if writes and isinstance(arguments[0], str | bytes) and not os.path.abspath(os.fsdecode(arguments[0])).startswith(below):  # noqa: PTH100
            raise PermissionError(errno.EPERM, f"a submission writes only to {below}")

    sys.addaudithook(hook)


def _opens_to_write(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


# --- Programs of other languages ---


def enclose_programs() -> None:
    """Give the children of this process process numbers of their own: when it ends, the kernel kills them all, orphans too."""
    if _libc is None or _libc.unshare(_CLONE_NEWPID) != 0:
        return  # each program is killed with its group, and with what descends from it
    if os.fork() == 0:  # the first child is the init of the new numbers: it buries orphans, and takes all with it when it dies
        die_with_parent()
        os.closerange(0, 4096)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            signal.pause()


def confine_program(limits: Limits, scratch: Path) -> None:
    """Put up walls around this process, which is about to become a program: like `confine`, but it may start processes."""
    die_with_parent()
    if _libc is not None:
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _landlock(scratch)  # within that of the grader: now the grader is somebody outside, too
    bounds = [
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_DATA, limits.memory_bytes),  # other runtimes reserve addresses that they never use
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ]
    for which, most in bounds:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))
    _seccomp(programs=True)


# --- What stands here ---


def standing(scratch: Path) -> list[Wall]:
    """Every wall, tried in a child: what would stand around a submission on this machine."""
    from windtunnel.testing.forks import alone  # noqa: PLC0415 - only `doctor` asks

    ended = alone(_try, str(scratch), limit_s=10.0)
    if ended.how != "returned":
        return [Wall("walls", False, ended.text.strip().rsplit("\n", 1)[-1])]
    walls: list[Wall] = ended.value
    return walls


def _try(scratch: str) -> list[Wall]:
    os.setsid()
    place = Path(scratch)
    return [Wall("group", True, "killed as a whole"), *enclose(place), *confine(Limits(), place)]
