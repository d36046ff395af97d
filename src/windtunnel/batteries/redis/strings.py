"""Commands on strings and counters."""

from __future__ import annotations

from decimal import Decimal

from windtunnel.batteries.redis.commands import NOT_FLOAT, SYNTAX, Call, command, integer, real, span, within_64_bits
from windtunnel.batteries.redis.keyspace import now_ms
from windtunnel.batteries.resp import BULK_BYTES_MAX, Error

_UNITS = {b"EX": 1000, b"PX": 1, b"EXAT": 1000, b"PXAT": 1}


def end_of(unit: bytes, amount: bytes, name: str) -> int:
    """The time that `EX seconds` and its like mean, milliseconds since 1970. Raises Error."""
    value = integer(amount) * _UNITS[unit]
    if integer(amount) <= 0 or value >= 1 << 62:
        raise Error(f"ERR invalid expire time in '{name}' command")
    return value if unit.endswith(b"AT") else now_ms() + value


@command("GET", 2)
def _get(call: Call, key: bytes) -> bytes | None:
    return call.db.typed(key, bytes)


@command("SET", -3, writes=True)
def _set(call: Call, key: bytes, value: bytes, *options: bytes) -> bytes | str | None:
    end, keep, condition, get = None, False, b"", False
    words = [word.upper() for word in options]
    i = 0
    while i < len(words):
        word = words[i]
        if word in {b"NX", b"XX"} and condition in {b"", word}:
            condition = word
        elif word == b"GET":
            get = True
        elif word == b"KEEPTTL" and end is None:
            keep = True
        elif word in _UNITS and i + 1 < len(words) and end is None and not keep:
            i += 1
            end = end_of(word, options[i], "set")
        else:
            raise Error(SYNTAX)
        i += 1
    old = call.db.typed(key, bytes) if get else None
    exists = call.db.get(key) is not None
    if (condition == b"NX" and exists) or (condition == b"XX" and not exists):
        return old
    call.db.put(key, value, keep_end=keep)
    call.effect = [[b"SET", key, value, *([b"KEEPTTL"] if keep else [])]]
    if end is not None:
        call.db.end_at(key, end)
        call.effect = [[b"SET", key, value, b"PXAT", b"%d" % end]]
    return old if get else "OK"


@command("SETNX", 3, writes=True)
def _setnx(call: Call, key: bytes, value: bytes) -> int:
    if call.db.get(key) is not None:
        return 0
    call.db.put(key, value)
    return 1


def _set_with_end(call: Call, key: bytes, unit: bytes, amount: bytes, value: bytes, name: str) -> str:
    end = end_of(unit, amount, name)
    call.db.put(key, value)
    call.db.end_at(key, end)
    call.effect = [[b"SET", key, value, b"PXAT", b"%d" % end]]
    return "OK"


@command("SETEX", 4, writes=True)
def _setex(call: Call, key: bytes, seconds: bytes, value: bytes) -> str:
    return _set_with_end(call, key, b"EX", seconds, value, "setex")


@command("PSETEX", 4, writes=True)
def _psetex(call: Call, key: bytes, milliseconds: bytes, value: bytes) -> str:
    return _set_with_end(call, key, b"PX", milliseconds, value, "psetex")


@command("GETSET", 3, writes=True)
def _getset(call: Call, key: bytes, value: bytes) -> bytes | None:
    old = call.db.typed(key, bytes)
    call.db.put(key, value)
    return old


@command("GETDEL", 2, writes=True)
def _getdel(call: Call, key: bytes) -> bytes | None:
    old = call.db.typed(key, bytes)
    call.db.delete(key)
    return old


@command("GETEX", -2, writes=True)
def _getex(call: Call, key: bytes, *options: bytes) -> bytes | None:
    words = [word.upper() for word in options]
    persist = words == [b"PERSIST"]
    if words and not persist and not (len(words) == 2 and words[0] in _UNITS):
        raise Error(SYNTAX)
    value = call.db.typed(key, bytes)
    if value is None or not words:
        return value
    if persist:
        if call.db.ends.pop(key, None) is not None:
            call.db.touch(key)
        call.effect = [[b"PERSIST", key]]
        return value
    end = end_of(words[0], options[1], "getex")
    call.db.end_at(key, end)
    call.effect = [[b"PEXPIREAT", key, b"%d" % end]]
    return value


@command("MGET", -2)
def _mget(call: Call, *keys: bytes) -> list[bytes | None]:
    values = [call.db.get(key) for key in keys]
    return [value if isinstance(value, bytes) else None for value in values]


@command("MSET", -3, writes=True)
def _mset(call: Call, *pairs: bytes) -> str:
    if len(pairs) % 2:
        raise Error("ERR wrong number of arguments for 'mset' command")
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        call.db.put(key, value)
    return "OK"


@command("MSETNX", -3, writes=True)
def _msetnx(call: Call, *pairs: bytes) -> int:
    if len(pairs) % 2:
        raise Error("ERR wrong number of arguments for 'msetnx' command")
    if any(call.db.get(key) is not None for key in pairs[::2]):
        return 0
    _mset(call, *pairs)
    return 1


@command("APPEND", 3, writes=True)
def _append(call: Call, key: bytes, value: bytes) -> int:
    value = (call.db.typed(key, bytes) or b"") + value
    call.db.put(key, value, keep_end=True)
    return len(value)


@command("STRLEN", 2)
def _strlen(call: Call, key: bytes) -> int:
    return len(call.db.typed(key, bytes) or b"")


@command("GETRANGE SUBSTR", 4)
def _getrange(call: Call, key: bytes, start: bytes, end: bytes) -> bytes:
    first, last = integer(start), integer(end)
    value = call.db.typed(key, bytes) or b""
    if first < 0 and last < 0 and first > last:
        return b""
    return value[span(first, max(last + len(value), 0) if last < 0 else last, len(value))]


@command("SETRANGE", 4, writes=True)
def _setrange(call: Call, key: bytes, offset: bytes, piece: bytes) -> int:
    at = integer(offset)
    if at < 0:
        raise Error("ERR offset is out of range")
    value = call.db.typed(key, bytes) or b""
    if not piece:
        return len(value)
    if at + len(piece) > BULK_BYTES_MAX:
        raise Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    value = value.ljust(at, b"\0")
    value = value[:at] + piece + value[at + len(piece) :]
    call.db.put(key, value, keep_end=True)
    return len(value)


def _add(call: Call, key: bytes, amount: int) -> int:
    old = call.db.typed(key, bytes)
    value = within_64_bits((0 if old is None else integer(old)) + amount)
    call.db.put(key, b"%d" % value, keep_end=True)
    return value


@command("INCR", 2, writes=True)
def _incr(call: Call, key: bytes) -> int:
    return _add(call, key, 1)


@command("DECR", 2, writes=True)
def _decr(call: Call, key: bytes) -> int:
    return _add(call, key, -1)


@command("INCRBY", 3, writes=True)
def _incrby(call: Call, key: bytes, amount: bytes) -> int:
    return _add(call, key, integer(amount))


@command("DECRBY", 3, writes=True)
def _decrby(call: Call, key: bytes, amount: bytes) -> int:
    return _add(call, key, -integer(amount))


def add_decimals(value: bytes, amount: bytes, problem: str) -> bytes:
    """The sum of two numbers, in decimals, as long doubles show it. Raises Error."""
    real(amount)
    real(value, problem)
    total = Decimal(value.decode()) + Decimal(amount.decode())
    if not total.is_finite():
        raise Error("ERR increment would produce NaN or Infinity")
    text = f"{total:.17f}".rstrip("0").rstrip(".")
    return (text if text != "-0" else "0").encode()


@command("INCRBYFLOAT", 3, writes=True)
def _incrbyfloat(call: Call, key: bytes, amount: bytes) -> bytes:
    old = call.db.typed(key, bytes)
    value = add_decimals(b"0" if old is None else old, amount, NOT_FLOAT)
    call.db.put(key, value, keep_end=True)
    call.effect = [[b"SET", key, value, b"KEEPTTL"]]
    return value
