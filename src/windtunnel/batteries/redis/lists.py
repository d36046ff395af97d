"""Commands on lists, the blocking ones included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from windtunnel.batteries.redis.commands import BLOCKED, SYNTAX, Blocked, Call, command, integer, real, span
from windtunnel.batteries.redis.keyspace import List
from windtunnel.batteries.resp import NULL_ARRAY, Error, NullArray


def _push(call: Call, key: bytes, values: Iterable[bytes], *, left: bool) -> int:
    held = call.db.made(key, List)
    (held.extendleft if left else held.extend)(values)
    call.db.touch(key)
    return len(held)


@command("LPUSH", -3, writes=True)
def _lpush(call: Call, key: bytes, *values: bytes) -> int:
    return _push(call, key, values, left=True)


@command("RPUSH", -3, writes=True)
def _rpush(call: Call, key: bytes, *values: bytes) -> int:
    return _push(call, key, values, left=False)


@command("LPUSHX", -3, writes=True)
def _lpushx(call: Call, key: bytes, *values: bytes) -> int:
    return _push(call, key, values, left=True) if call.db.typed(key, List) else 0


@command("RPUSHX", -3, writes=True)
def _rpushx(call: Call, key: bytes, *values: bytes) -> int:
    return _push(call, key, values, left=False) if call.db.typed(key, List) else 0


def _take(call: Call, key: bytes, held: List, *, left: bool) -> bytes:
    value = held.popleft() if left else held.pop()
    call.db.touch(key)
    return value


def _pop(call: Call, key: bytes, count: tuple[bytes, ...], *, left: bool) -> Any:
    if len(count) > 1:
        raise Error(f"ERR wrong number of arguments for '{call.arguments[0].decode().lower()}' command")
    number = 1
    if count:
        number = integer(count[0], "ERR value is out of range, must be positive")
        if number < 0:
            raise Error("ERR value is out of range, must be positive")
    held = call.db.typed(key, List)
    if held is None:
        return NULL_ARRAY if count else None
    if not count:
        return _take(call, key, held, left=left)
    return [_take(call, key, held, left=left) for _ in range(min(number, len(held)))]


@command("LPOP", -2, writes=True)
def _lpop(call: Call, key: bytes, *count: bytes) -> Any:
    return _pop(call, key, count, left=True)


@command("RPOP", -2, writes=True)
def _rpop(call: Call, key: bytes, *count: bytes) -> Any:
    return _pop(call, key, count, left=False)


@command("LLEN", 2)
def _llen(call: Call, key: bytes) -> int:
    return len(call.db.typed(key, List) or ())


@command("LRANGE", 4)
def _lrange(call: Call, key: bytes, start: bytes, stop: bytes) -> list[bytes]:
    first, last = integer(start), integer(stop)
    held = list(call.db.typed(key, List) or ())
    return held[span(first, last, len(held))]


@command("LINDEX", 3)
def _lindex(call: Call, key: bytes, index: bytes) -> bytes | None:
    held = call.db.typed(key, List)
    if held is None:
        return None
    at = integer(index)
    return held[at] if -len(held) <= at < len(held) else None


@command("LSET", 4, writes=True)
def _lset(call: Call, key: bytes, index: bytes, value: bytes) -> str:
    held = call.db.typed(key, List)
    if held is None:
        raise Error("ERR no such key")
    at = integer(index)
    if not -len(held) <= at < len(held):
        raise Error("ERR index out of range")
    held[at] = value
    call.db.touch(key)
    return "OK"


@command("LINSERT", 5, writes=True)
def _linsert(call: Call, key: bytes, where: bytes, pivot: bytes, value: bytes) -> int:
    if where.upper() not in {b"BEFORE", b"AFTER"}:
        raise Error(SYNTAX)
    held = call.db.typed(key, List)
    if held is None:
        return 0
    if pivot not in held:
        return -1
    held.insert(held.index(pivot) + (where.upper() == b"AFTER"), value)
    call.db.touch(key)
    return len(held)


@command("LREM", 4, writes=True)
def _lrem(call: Call, key: bytes, count: bytes, value: bytes) -> int:
    limit, held = integer(count), call.db.typed(key, List)
    if held is None:
        return 0
    items = list(held) if limit >= 0 else list(reversed(held))
    kept: list[bytes] = []
    removed = 0
    for item in items:
        if item == value and (limit == 0 or removed < abs(limit)):
            removed += 1
        else:
            kept.append(item)
    if removed:
        held.clear()
        held.extend(kept if limit >= 0 else reversed(kept))
        call.db.touch(key)
    return removed


@command("LTRIM", 4, writes=True)
def _ltrim(call: Call, key: bytes, start: bytes, stop: bytes) -> str:
    first, last = integer(start), integer(stop)
    held = call.db.typed(key, List)
    if held is not None:
        kept = list(held)[span(first, last, len(held))]
        held.clear()
        held.extend(kept)
        call.db.touch(key)
    return "OK"


@command("LPOS", -3)
def _lpos(call: Call, key: bytes, value: bytes, *options: bytes) -> Any:
    if options and (len(options) != 2 or options[0].upper() != b"COUNT"):
        raise Error(SYNTAX)
    found = [i for i, item in enumerate(call.db.typed(key, List) or ()) if item == value]
    if not options:
        return found[0] if found else None
    count = integer(options[1])
    return found[:count] if count else found


# --- Moves ---


def _end(word: bytes) -> bool:
    if word.upper() not in {b"LEFT", b"RIGHT"}:
        raise Error(SYNTAX)
    return word.upper() == b"LEFT"


def _move(call: Call, source: bytes, target: bytes, *, from_left: bool, to_left: bool) -> bytes | None:
    held = call.db.typed(source, List)
    if held is None:
        return None
    call.db.typed(target, List)
    value = _take(call, source, held, left=from_left)
    _push(call, target, [value], left=to_left)
    ends = [b"LEFT" if from_left else b"RIGHT", b"LEFT" if to_left else b"RIGHT"]
    call.effect = [[b"LMOVE", source, target, *ends]]
    return value


@command("LMOVE", 5, writes=True)
def _lmove(call: Call, source: bytes, target: bytes, from_end: bytes, to_end: bytes) -> bytes | None:
    return _move(call, source, target, from_left=_end(from_end), to_left=_end(to_end))


@command("RPOPLPUSH", 3, writes=True)
def _rpoplpush(call: Call, source: bytes, target: bytes) -> bytes | None:
    return _move(call, source, target, from_left=False, to_left=True)


# --- Blocking ---


def timeout_of(text: bytes) -> float:
    """The timeout of a blocking command, seconds; 0 for ever. Raises Error."""
    value = real(text, "ERR timeout is not a float or out of range")
    if value < 0:
        raise Error("ERR timeout is negative")
    return value


def waited(call: Call, keys: Iterable[bytes], timeout_s: float, attempt: Callable[[Call], Any], otherwise: Any) -> Any | Blocked:
    """The first result of `attempt` that is not None; until there is one, the client waits for `keys`."""
    result = attempt(call)
    if result is not None:
        return result
    if call.session.executing:
        return otherwise  # in a transaction nobody waits
    call.server.block(call, list(keys), timeout_s, attempt, otherwise)
    return BLOCKED


def _blocking_pop(call: Call, arguments: tuple[bytes, ...], *, left: bool) -> Any:
    keys, timeout_s = arguments[:-1], timeout_of(arguments[-1])

    def attempt(call: Call) -> list[bytes] | None:
        for key in keys:
            held = call.db.typed(key, List)
            if held is not None:
                call.effect = [[b"LPOP" if left else b"RPOP", key]]
                return [key, _take(call, key, held, left=left)]
        return None

    return waited(call, keys, timeout_s, attempt, NULL_ARRAY)


@command("BLPOP", -3, writes=True)
def _blpop(call: Call, *arguments: bytes) -> list[bytes] | NullArray | Blocked:
    return _blocking_pop(call, arguments, left=True)  # type: ignore[no-any-return]


@command("BRPOP", -3, writes=True)
def _brpop(call: Call, *arguments: bytes) -> list[bytes] | NullArray | Blocked:
    return _blocking_pop(call, arguments, left=False)  # type: ignore[no-any-return]


@command("BLMOVE", 6, writes=True)
def _blmove(call: Call, source: bytes, target: bytes, from_end: bytes, to_end: bytes, timeout: bytes) -> Any:
    from_left, to_left = _end(from_end), _end(to_end)

    def attempt(call: Call) -> bytes | None:
        return _move(call, source, target, from_left=from_left, to_left=to_left)

    return waited(call, [source], timeout_of(timeout), attempt, None)


@command("BRPOPLPUSH", 4, writes=True)
def _brpoplpush(call: Call, source: bytes, target: bytes, timeout: bytes) -> Any:
    return _blmove(call, source, target, b"RIGHT", b"LEFT", timeout)
