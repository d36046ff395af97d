"""Commands on sorted sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windtunnel.batteries.redis.commands import SYNTAX, Call, command, integer, real, span
from windtunnel.batteries.redis.keyspace import SortedSet
from windtunnel.batteries.redis.lists import timeout_of, waited
from windtunnel.batteries.resp import NULL_ARRAY, Error

NOT_A_RANGE = "ERR min or max is not a float"

Pairs = list[tuple[float, bytes]]


def _held(call: Call, key: bytes) -> SortedSet:
    return call.db.typed(key, SortedSet) or SortedSet()


def _shown(call: Call, pairs: Pairs, *, scores: bool) -> list[Any]:
    """Members, or members with scores: pairs of them in version 3, flat in version 2."""
    if not scores:
        return [member for _, member in pairs]
    if call.session.version == 3:
        return [[member, score] for score, member in pairs]
    return [part for score, member in pairs for part in (member, score)]


@command("ZADD", -4, writes=True)
def _zadd(call: Call, key: bytes, *arguments: bytes) -> Any:
    i = 0
    flags: set[bytes] = set()
    while i < len(arguments) and arguments[i].upper() in {b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"}:
        flags.add(arguments[i].upper())
        i += 1
    rest = arguments[i:]
    if not rest or len(rest) % 2:
        raise Error(SYNTAX)
    if flags >= {b"NX", b"XX"}:
        raise Error("ERR XX and NX options at the same time are not compatible")
    if (b"NX" in flags and flags & {b"GT", b"LT"}) or flags >= {b"GT", b"LT"}:
        raise Error("ERR GT, LT, and/or NX options at the same time are not compatible")
    if b"INCR" in flags and len(rest) != 2:
        raise Error("ERR INCR option supports a single increment-element pair")
    pairs = [(real(score), member) for score, member in zip(rest[::2], rest[1::2], strict=True)]
    held = call.db.typed(key, SortedSet)
    if held is None and b"XX" in flags:
        return None if b"INCR" in flags else 0
    held = call.db.made(key, SortedSet)
    added = changed = 0
    final: float | None = None
    for score, member in pairs:
        old = held.scores.get(member)
        value = (old or 0.0) + score if b"INCR" in flags else score
        if value != value:  # noqa: PLR0124
            raise Error("ERR resulting score is not a number (NaN)")
        refused = b"NX" in flags if old is not None else b"XX" in flags
        if old is not None and ((b"GT" in flags and value <= old) or (b"LT" in flags and value >= old)):
            refused = True
        if refused:
            continue
        final = value
        added += old is None
        changed += old is not None and value != old
        held.put(member, value)
    if added or changed:
        call.db.touch(key)
    elif not held:
        call.db.drop(key)
    return final if b"INCR" in flags else added + changed if b"CH" in flags else added


@command("ZINCRBY", 4, writes=True)
def _zincrby(call: Call, key: bytes, amount: bytes, member: bytes) -> float:
    result = _zadd(call, key, b"INCR", amount, member)
    assert isinstance(result, float)
    return result


@command("ZREM", -3, writes=True)
def _zrem(call: Call, key: bytes, *members: bytes) -> int:
    held = _held(call, key)
    count = sum(held.discard(member) for member in members)
    if count:
        call.db.touch(key)
    return count


@command("ZSCORE", 3)
def _zscore(call: Call, key: bytes, member: bytes) -> float | None:
    return _held(call, key).scores.get(member)


@command("ZMSCORE", -3)
def _zmscore(call: Call, key: bytes, *members: bytes) -> list[float | None]:
    held = _held(call, key)
    return [held.scores.get(member) for member in members]


@command("ZCARD", 2)
def _zcard(call: Call, key: bytes) -> int:
    return len(_held(call, key))


def _rank(call: Call, key: bytes, member: bytes, *, reverse: bool) -> int | None:
    held = _held(call, key)
    if member not in held.scores:
        return None
    rank = held.rank(member)
    return len(held) - 1 - rank if reverse else rank


@command("ZRANK", 3)
def _zrank(call: Call, key: bytes, member: bytes) -> int | None:
    return _rank(call, key, member, reverse=False)


@command("ZREVRANK", 3)
def _zrevrank(call: Call, key: bytes, member: bytes) -> int | None:
    return _rank(call, key, member, reverse=True)


# --- Ranges ---


def _bound(text: bytes) -> tuple[float, bool]:
    exclusive = text[:1] == b"("
    return real(text[1:] if exclusive else text, NOT_A_RANGE), exclusive


def _by_score(call: Call, key: bytes, low: bytes, high: bytes) -> Pairs:
    (first, first_out), (last, last_out) = _bound(low), _bound(high)
    held = _held(call, key)
    return held.order[held.first_at(first, after=first_out) : held.first_at(last, after=not last_out)]


def _by_member(call: Call, key: bytes, low: bytes, high: bytes) -> Pairs:
    if any(bound not in {b"-", b"+"} and bound[:1] not in {b"[", b"("} for bound in (low, high)):
        raise Error("ERR min or max not valid string range item")

    def above(member: bytes) -> bool:
        return low == b"-" or (low != b"+" and (member > low[1:] or (low[:1] == b"[" and member == low[1:])))

    def below(member: bytes) -> bool:
        return high == b"+" or (high != b"-" and (member < high[1:] or (high[:1] == b"[" and member == high[1:])))

    return [pair for pair in _held(call, key).order if above(pair[1]) and below(pair[1])]


def _range(call: Call, key: bytes, start: bytes, stop: bytes, words: Sequence[bytes]) -> tuple[Pairs, bool]:
    """What ZRANGE with these options selects, and whether scores were asked for."""
    by = b""
    reverse = scores = False
    limit: tuple[int, int] | None = None
    i = 0
    while i < len(words):
        word = words[i].upper()
        if word in {b"BYSCORE", b"BYLEX"}:
            by = word
        elif word == b"REV":
            reverse = True
        elif word == b"WITHSCORES":
            scores = True
        elif word == b"LIMIT" and i + 2 < len(words):
            limit = (integer(words[i + 1]), integer(words[i + 2]))
            i += 2
        else:
            raise Error(SYNTAX)
        i += 1
    if limit is not None and not by:
        raise Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
    if not by:
        first, last = integer(start), integer(stop)
        held = _held(call, key)
        pairs = held.order[::-1] if reverse else held.order
        return pairs[span(first, last, len(held))], scores
    low, high = (stop, start) if reverse else (start, stop)
    pairs = (_by_score if by == b"BYSCORE" else _by_member)(call, key, low, high)
    pairs = pairs[::-1] if reverse else pairs
    if limit is not None:
        offset, count = limit
        pairs = [] if offset < 0 else pairs[offset:] if count < 0 else pairs[offset : offset + count]
    return pairs, scores


@command("ZRANGE", -4)
def _zrange(call: Call, key: bytes, start: bytes, stop: bytes, *words: bytes) -> list[Any]:
    pairs, scores = _range(call, key, start, stop, words)
    return _shown(call, pairs, scores=scores)


@command("ZREVRANGE", -4)
def _zrevrange(call: Call, key: bytes, start: bytes, stop: bytes, *words: bytes) -> list[Any]:
    return list(_zrange(call, key, start, stop, b"REV", *words))


@command("ZRANGEBYSCORE", -4)
def _zrangebyscore(call: Call, key: bytes, low: bytes, high: bytes, *words: bytes) -> list[Any]:
    return list(_zrange(call, key, low, high, b"BYSCORE", *words))


@command("ZREVRANGEBYSCORE", -4)
def _zrevrangebyscore(call: Call, key: bytes, high: bytes, low: bytes, *words: bytes) -> list[Any]:
    return list(_zrange(call, key, high, low, b"BYSCORE", b"REV", *words))


@command("ZRANGEBYLEX", -4)
def _zrangebylex(call: Call, key: bytes, low: bytes, high: bytes, *words: bytes) -> list[Any]:
    return list(_zrange(call, key, low, high, b"BYLEX", *words))


@command("ZCOUNT", 4)
def _zcount(call: Call, key: bytes, low: bytes, high: bytes) -> int:
    return len(_by_score(call, key, low, high))


@command("ZLEXCOUNT", 4)
def _zlexcount(call: Call, key: bytes, low: bytes, high: bytes) -> int:
    return len(_by_member(call, key, low, high))


def _removed(call: Call, key: bytes, pairs: Pairs) -> int:
    held = _held(call, key)
    for _, member in list(pairs):
        held.discard(member)
    if pairs:
        call.db.touch(key)
    return len(pairs)


@command("ZREMRANGEBYRANK", 4, writes=True)
def _zremrangebyrank(call: Call, key: bytes, start: bytes, stop: bytes) -> int:
    return _removed(call, key, _range(call, key, start, stop, ())[0])


@command("ZREMRANGEBYSCORE", 4, writes=True)
def _zremrangebyscore(call: Call, key: bytes, low: bytes, high: bytes) -> int:
    return _removed(call, key, _by_score(call, key, low, high))


# --- Pops ---


def _take(call: Call, key: bytes, count: int, *, largest: bool) -> Pairs:
    held = _held(call, key)
    pairs = held.order[-1 : -count - 1 : -1] if largest else held.order[:count]
    _removed(call, key, pairs)
    call.effect = [[b"ZREM", key, *(member for _, member in pairs)]] if pairs else []
    return pairs


def _pop(call: Call, key: bytes, count: tuple[bytes, ...], *, largest: bool) -> list[Any]:
    number = integer(count[0], "ERR value is out of range, must be positive") if count else 1
    if number < 0 or len(count) > 1:
        raise Error("ERR value is out of range, must be positive" if number < 0 else SYNTAX)
    pairs = _take(call, key, number, largest=largest)
    if not count:
        return [part for score, member in pairs for part in (member, score)]
    return _shown(call, pairs, scores=True)


@command("ZPOPMIN", -2, writes=True)
def _zpopmin(call: Call, key: bytes, *count: bytes) -> list[Any]:
    return _pop(call, key, count, largest=False)


@command("ZPOPMAX", -2, writes=True)
def _zpopmax(call: Call, key: bytes, *count: bytes) -> list[Any]:
    return _pop(call, key, count, largest=True)


def _blocking_pop(call: Call, arguments: tuple[bytes, ...], *, largest: bool) -> Any:
    keys, timeout_s = arguments[:-1], timeout_of(arguments[-1])

    def attempt(call: Call) -> list[Any] | None:
        for key in keys:
            if call.db.typed(key, SortedSet) is not None:
                ((score, member),) = _take(call, key, 1, largest=largest)
                return [key, member, score]
        return None

    return waited(call, keys, timeout_s, attempt, NULL_ARRAY)


@command("BZPOPMIN", -3, writes=True)
def _bzpopmin(call: Call, *arguments: bytes) -> Any:
    return _blocking_pop(call, arguments, largest=False)


@command("BZPOPMAX", -3, writes=True)
def _bzpopmax(call: Call, *arguments: bytes) -> Any:
    return _blocking_pop(call, arguments, largest=True)
