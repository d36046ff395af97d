"""Commands on sets."""

from __future__ import annotations

import secrets
from typing import Any

from windtunnel.batteries.redis.commands import SYNTAX, Call, command, integer
from windtunnel.batteries.redis.hashes import drawn
from windtunnel.batteries.redis.keyspace import Set
from windtunnel.batteries.resp import Error, Members


@command("SADD", -3, writes=True)
def _sadd(call: Call, key: bytes, *members: bytes) -> int:
    held = call.db.made(key, Set)
    before = len(held)
    held.update(dict.fromkeys(members))
    if len(held) > before:
        call.db.touch(key)
    return len(held) - before


@command("SREM", -3, writes=True)
def _srem(call: Call, key: bytes, *members: bytes) -> int:
    held = call.db.typed(key, Set) or Set()
    before = len(held)
    for member in members:
        held.pop(member, None)
    if len(held) < before:
        call.db.touch(key)
    return before - len(held)


@command("SMEMBERS", 2)
def _smembers(call: Call, key: bytes) -> Members:
    return Members(call.db.typed(key, Set) or ())


@command("SISMEMBER", 3)
def _sismember(call: Call, key: bytes, member: bytes) -> int:
    return int(member in (call.db.typed(key, Set) or ()))


@command("SMISMEMBER", -3)
def _smismember(call: Call, key: bytes, *members: bytes) -> list[int]:
    held = call.db.typed(key, Set) or ()
    return [int(member in held) for member in members]


@command("SCARD", 2)
def _scard(call: Call, key: bytes) -> int:
    return len(call.db.typed(key, Set) or ())


@command("SMOVE", 4, writes=True)
def _smove(call: Call, source: bytes, target: bytes, member: bytes) -> int:
    held = call.db.typed(source, Set)
    if held is None:
        return 0
    call.db.typed(target, Set)
    if member not in held:
        return 0
    if source != target:
        _srem(call, source, member)
        _sadd(call, target, member)
    return 1


@command("SPOP", -2, writes=True)
def _spop(call: Call, key: bytes, *count: bytes) -> Any:
    number = integer(count[0], "ERR value is out of range, must be positive") if count else 1
    if number < 0 or len(count) > 1:
        raise Error("ERR value is out of range, must be positive" if len(count) < 2 else SYNTAX)
    held = call.db.typed(key, Set)
    if held is None:
        return Members() if count else None
    taken = drawn(list(held), number)
    if taken:
        _srem(call, key, *taken)
    call.effect = [[b"SREM", key, *taken]] if taken else []
    return Members(taken) if count else taken[0]


@command("SRANDMEMBER", -2)
def _srandmember(call: Call, key: bytes, *count: bytes) -> Any:
    if len(count) > 1:
        raise Error(SYNTAX)
    number = integer(count[0]) if count else 1
    held = list(call.db.typed(key, Set) or ())
    if not count:
        return secrets.choice(held) if held else None
    return drawn(held, number)


# --- Algebra ---


def _combined(call: Call, word: bytes, keys: tuple[bytes, ...]) -> Set:
    sets = [call.db.typed(key, Set) or Set() for key in keys]
    first, others = sets[0], sets[1:]
    if word == b"UNION":
        return Set(dict.fromkeys(member for one in sets for member in one))
    if word == b"INTER":
        return Set(dict.fromkeys(m for m in first if all(m in other for other in others)))
    return Set(dict.fromkeys(m for m in first if not any(m in other for other in others)))


def _stored(call: Call, target: bytes, result: Set) -> int:
    if result:
        call.db.put(target, result)
    else:
        call.db.delete(target)
    return len(result)


@command("SINTER", -2)
def _sinter(call: Call, *keys: bytes) -> Members:
    return Members(_combined(call, b"INTER", keys))


@command("SUNION", -2)
def _sunion(call: Call, *keys: bytes) -> Members:
    return Members(_combined(call, b"UNION", keys))


@command("SDIFF", -2)
def _sdiff(call: Call, *keys: bytes) -> Members:
    return Members(_combined(call, b"DIFF", keys))


@command("SINTERSTORE", -3, writes=True)
def _sinterstore(call: Call, target: bytes, *keys: bytes) -> int:
    return _stored(call, target, _combined(call, b"INTER", keys))


@command("SUNIONSTORE", -3, writes=True)
def _sunionstore(call: Call, target: bytes, *keys: bytes) -> int:
    return _stored(call, target, _combined(call, b"UNION", keys))


@command("SDIFFSTORE", -3, writes=True)
def _sdiffstore(call: Call, target: bytes, *keys: bytes) -> int:
    return _stored(call, target, _combined(call, b"DIFF", keys))
