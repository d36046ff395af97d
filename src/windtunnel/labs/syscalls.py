"""Numbers of system calls, for the filter of `walls`: by machine, from the kernel's tables.

Sources: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux; numbers never change.
"""

from __future__ import annotations

from dataclasses import dataclass

X32 = 0x40000000
"""Numbers from here on are those of the x32 interface."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One instruction set.

    arch: AUDIT_ARCH of linux/audit.h. denied: what no run of a submission may call. starting: what of that a program needs to
    start others, to talk to them and to end them.
    """

    arch: int
    clone: int
    clone3: int
    tgkill: int
    denied: tuple[int, ...]
    starting: tuple[int, ...]


_EVERYWHERE = {"pidfd_send_signal": 424, "io_uring_setup": 425, "fchmodat2": 452, "setxattrat": 463, "removexattrat": 466}

_X86_64 = {
    "socket": 41,
    "fork": 57,
    "vfork": 58,
    "execve": 59,
    "kill": 62,
    "chmod": 90,
    "fchmod": 91,
    "chown": 92,
    "fchown": 93,
    "lchown": 94,
    "ptrace": 101,
    "setpgid": 109,
    "setsid": 112,
    "rt_sigqueueinfo": 129,
    "utime": 132,
    "pivot_root": 155,
    "adjtimex": 159,
    "chroot": 161,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "sethostname": 170,
    "init_module": 175,
    "delete_module": 176,
    "setxattr": 188,
    "lsetxattr": 189,
    "fsetxattr": 190,
    "removexattr": 197,
    "lremovexattr": 198,
    "fremovexattr": 199,
    "tkill": 200,
    "clock_settime": 227,
    "utimes": 235,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "fchownat": 260,
    "futimesat": 261,
    "fchmodat": 268,
    "unshare": 272,
    "utimensat": 280,
    "rt_tgsigqueueinfo": 297,
    "perf_event_open": 298,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "finit_module": 313,
    "bpf": 321,
    "execveat": 322,
    "userfaultfd": 323,
}

_AARCH64 = {
    "setxattr": 5,
    "lsetxattr": 6,
    "fsetxattr": 7,
    "removexattr": 14,
    "lremovexattr": 15,
    "fremovexattr": 16,
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "chroot": 51,
    "fchmod": 52,
    "fchmodat": 53,
    "fchownat": 54,
    "fchown": 55,
    "utimensat": 88,
    "acct": 89,
    "unshare": 97,
    "init_module": 105,
    "delete_module": 106,
    "clock_settime": 112,
    "ptrace": 117,
    "kill": 129,
    "tkill": 130,
    "rt_sigqueueinfo": 138,
    "reboot": 142,
    "setpgid": 154,
    "setsid": 157,
    "sethostname": 161,
    "settimeofday": 170,
    "adjtimex": 171,
    "socket": 198,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "execve": 221,
    "swapon": 224,
    "swapoff": 225,
    "rt_tgsigqueueinfo": 240,
    "perf_event_open": 241,
    "open_by_handle_at": 265,
    "clock_adjtime": 266,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "finit_module": 273,
    "bpf": 280,
    "execveat": 281,
    "userfaultfd": 282,
}

_STARTING = ("socket", "fork", "vfork", "execve", "execveat", "kill", "tkill", "setpgid", "setsid", "pidfd_send_signal")


def _both(table: dict[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers of `denied` and of `starting`."""
    numbers = {**table, **_EVERYWHERE}
    return tuple(numbers.values()), tuple(numbers[name] for name in _STARTING if name in numbers)


MACHINES = {
    "x86_64": Machine(0xC000003E, 56, 435, 234, *_both(_X86_64)),
    "aarch64": Machine(0xC00000B7, 220, 435, 131, *_both(_AARCH64)),
}
"""By the name that `platform.machine()` gives."""
