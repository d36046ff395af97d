"""Commands on hashes."""

from __future__ import annotations

import secrets

from windtunnel.batteries.redis.commands import SYNTAX, Call, command, integer, real, within_64_bits
from windtunnel.batteries.redis.keyspace import Hash
from windtunnel.batteries.redis.strings import add_decimals
from windtunnel.batteries.resp import Error


@command("HSET", -4, writes=True)
def _hset(call: Call, key: bytes, *pairs: bytes) -> int:
    if len(pairs) % 2:
        raise Error("ERR wrong number of arguments for 'hset' command")
    held = call.db.made(key, Hash)
    before = len(held)
    held.update(zip(pairs[::2], pairs[1::2], strict=True))
    call.db.touch(key)
    return len(held) - before


@command("HMSET", -4, writes=True)
def _hmset(call: Call, key: bytes, *pairs: bytes) -> str:
    if len(pairs) % 2:
        raise Error("ERR wrong number of arguments for 'hmset' command")
    _hset(call, key, *pairs)
    return "OK"


@command("HSETNX", 4, writes=True)
def _hsetnx(call: Call, key: bytes, field: bytes, value: bytes) -> int:
    if field in (call.db.typed(key, Hash) or ()):
        return 0
    return int(_hset(call, key, field, value))


@command("HGET", 3)
def _hget(call: Call, key: bytes, field: bytes) -> bytes | None:
    return (call.db.typed(key, Hash) or Hash()).get(field)


@command("HMGET", -3)
def _hmget(call: Call, key: bytes, *fields: bytes) -> list[bytes | None]:
    held = call.db.typed(key, Hash) or Hash()
    return [held.get(field) for field in fields]


@command("HGETALL", 2)
def _hgetall(call: Call, key: bytes) -> dict[bytes, bytes]:
    return dict(call.db.typed(key, Hash) or Hash())


@command("HKEYS", 2)
def _hkeys(call: Call, key: bytes) -> list[bytes]:
    return list(call.db.typed(key, Hash) or ())


@command("HVALS", 2)
def _hvals(call: Call, key: bytes) -> list[bytes]:
    return list((call.db.typed(key, Hash) or Hash()).values())


@command("HLEN", 2)
def _hlen(call: Call, key: bytes) -> int:
    return len(call.db.typed(key, Hash) or ())


@command("HSTRLEN", 3)
def _hstrlen(call: Call, key: bytes, field: bytes) -> int:
    return len((call.db.typed(key, Hash) or Hash()).get(field, b""))


@command("HEXISTS", 3)
def _hexists(call: Call, key: bytes, field: bytes) -> int:
    return int(field in (call.db.typed(key, Hash) or ()))


@command("HDEL", -3, writes=True)
def _hdel(call: Call, key: bytes, *fields: bytes) -> int:
    held = call.db.typed(key, Hash) or Hash()
    count = sum(held.pop(field, None) is not None for field in fields)
    if count:
        call.db.touch(key)
    return count


@command("HINCRBY", 4, writes=True)
def _hincrby(call: Call, key: bytes, field: bytes, amount: bytes) -> int:
    delta = integer(amount)
    held = call.db.typed(key, Hash) or Hash()
    value = within_64_bits(integer(held.get(field, b"0"), "ERR hash value is not an integer") + delta)
    _hset(call, key, field, b"%d" % value)
    return value


@command("HINCRBYFLOAT", 4, writes=True)
def _hincrbyfloat(call: Call, key: bytes, field: bytes, amount: bytes) -> bytes:
    real(amount)
    held = call.db.typed(key, Hash) or Hash()
    value = add_decimals(held.get(field, b"0"), amount, "ERR hash value is not a float")
    _hset(call, key, field, value)
    call.effect = [[b"HSET", key, field, value]]
    return value


@command("HRANDFIELD", -2)
def _hrandfield(call: Call, key: bytes, *options: bytes) -> object:
    held = call.db.typed(key, Hash) or Hash()
    if not options:
        return secrets.choice(list(held)) if held else None
    if len(options) > 2 or (len(options) == 2 and options[1].upper() != b"WITHVALUES"):
        raise Error(SYNTAX)
    fields = drawn(list(held), integer(options[0]))
    return [text for f in fields for text in (f, held[f])] if len(options) == 2 else fields


def drawn(items: list[bytes], count: int) -> list[bytes]:
    """`count` different items, or -count perhaps equal ones, at random."""
    if count < 0:
        return [secrets.choice(items) for _ in range(-count)] if items else []
    pool = list(items)
    return [pool.pop(secrets.randbelow(len(pool))) for _ in range(min(count, len(pool)))]
