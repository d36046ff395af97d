"""Scripts: there is no Lua here, but the three scripts by which redis-py's `Lock` is released and extended are known.

They are recognized by a digest of their text, whatever its white space, and do what they say. Every other script is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from windtunnel.batteries.redis.commands import Call, command, integer
from windtunnel.batteries.redis.keyspace import now_ms
from windtunnel.batteries.resp import Error

REFUSED = (
    "ERR scripts are not supported by this server: it has no Lua, only redis-py's Lock is known; "
    "use MULTI, WATCH or single commands"
)


def _held(call: Call, key: bytes, token: bytes) -> bool:
    return call.db.typed(key, bytes) == token


def _release(call: Call, key: bytes, token: bytes) -> int:
    """Delete the lock if it is ours."""
    if not _held(call, key, token):
        return 0
    call.db.delete(key)
    call.effect = [[b"DEL", key]]
    return 1


def _end_in(call: Call, key: bytes, milliseconds: int) -> int:
    at = now_ms() + milliseconds
    call.db.end_at(key, at)
    call.effect = [[b"PEXPIREAT", key, b"%d" % at]]
    return 1


def _reacquire(call: Call, key: bytes, token: bytes, milliseconds: bytes) -> int:
    """Give the lock its whole time again if it is ours."""
    return _end_in(call, key, integer(milliseconds)) if _held(call, key, token) else 0


def _extend(call: Call, key: bytes, token: bytes, milliseconds: bytes, replace: bytes) -> int:
    """Give the lock more time if it is ours and has an end."""
    if not _held(call, key, token) or key not in call.db.ends:
        return 0
    left = 0 if replace != b"0" else call.db.ends[key] - now_ms()
    return _end_in(call, key, integer(milliseconds) + left)


KNOWN: dict[str, Callable[..., int]] = {
    "2aef8d7ce63503709a01cbf6ad6bb4b93d5c3909": _release,
    "829408cc83d4524666232bd8beebe3bcf873ac70": _extend,
    "042112cf75a3fdabb4e02600ce494eff4b2d2906": _reacquire,
}


def _digest(script: bytes) -> str:
    return hashlib.sha1(b" ".join(script.split()), usedforsecurity=False).hexdigest()


def _run(call: Call, digest: str, count: bytes, arguments: tuple[bytes, ...]) -> int:
    if integer(count) != 1 or len(arguments) < 2:
        raise Error("ERR Number of keys can't be greater than number of args")
    return KNOWN[digest](call, *arguments)


@command("EVAL", -3, writes=True)
def _eval(call: Call, script: bytes, count: bytes, *arguments: bytes) -> int:
    if _digest(script) not in KNOWN:
        raise Error(REFUSED)
    return _run(call, _digest(script), count, arguments)


@command("EVALSHA", -3, writes=True)
def _evalsha(call: Call, sha: bytes, count: bytes, *arguments: bytes) -> int:
    digest = call.server.scripts.get(sha.lower())
    if digest is None:
        raise Error("NOSCRIPT No matching script. Please use EVAL.")
    return _run(call, digest, count, arguments)


@command("SCRIPT", -2)
def _script(call: Call, word: bytes, *arguments: bytes) -> Any:
    match word.upper():
        case b"LOAD" if len(arguments) == 1:
            if _digest(arguments[0]) not in KNOWN:
                raise Error(REFUSED)
            sha = hashlib.sha1(arguments[0], usedforsecurity=False).hexdigest().encode()
            call.server.scripts[sha] = _digest(arguments[0])
            return sha
        case b"EXISTS":
            return [int(sha.lower() in call.server.scripts) for sha in arguments]
        case b"FLUSH":
            call.server.scripts.clear()
            return "OK"
    raise Error(REFUSED)


@command("EVAL_RO EVALSHA_RO FUNCTION FCALL FCALL_RO", -1)
def _refused(_call: Call, *_arguments: bytes) -> Any:
    raise Error(REFUSED)
