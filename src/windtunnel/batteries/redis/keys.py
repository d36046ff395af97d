"""Commands on keys of any type: times, names, scans, whole databases."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from windtunnel.batteries.redis.commands import SYNTAX, Call, command, integer
from windtunnel.batteries.redis.keyspace import TYPE_NAMES, Hash, List, Set, SortedSet, copied, now_ms
from windtunnel.batteries.resp import Error, number

_CLASS = re.compile(rb"\\(.)", re.DOTALL)


def glob(pattern: bytes) -> re.Pattern[bytes]:
    """A pattern of Redis (`*`, `?`, `[a-c]`, `[^a]`, backslash) as a regular expression for the whole name."""
    out, i = bytearray(), 0
    while i < len(pattern):
        c = pattern[i : i + 1]
        if c == b"*":
            out += b".*"
        elif c == b"?":
            out += b"."
        elif c == b"\\" and i + 1 < len(pattern):
            i += 1
            out += re.escape(pattern[i : i + 1])
        elif c == b"[":
            end = i + 1
            while end < len(pattern) and pattern[end : end + 1] != b"]":
                end += 2 if pattern[end : end + 1] == b"\\" else 1
            out += _characters(pattern[i + 1 : end])
            i = end
        else:
            out += re.escape(c)
        i += 1
    return re.compile(bytes(out), re.DOTALL)


def _characters(inner: bytes) -> bytes:
    negated = inner[:1] == b"^"
    inner = inner[1:] if negated else inner
    parts, i = bytearray(), 0
    while i < len(inner):
        if inner[i : i + 1] == b"\\" and i + 1 < len(inner):
            i += 1
            parts += re.escape(inner[i : i + 1])
        elif inner[i + 1 : i + 2] == b"-" and i + 2 < len(inner):
            low, high = sorted((inner[i : i + 1], inner[i + 2 : i + 3]))
            parts += re.escape(low) + b"-" + re.escape(high)
            i += 2
        else:
            parts += re.escape(inner[i : i + 1])
        i += 1
    if not parts:
        return b"." if negated else b"(?!)"
    return (b"[^" if negated else b"[") + bytes(parts) + b"]"


# --- Keys ---


@command("DEL UNLINK", -2, writes=True)
def _del(call: Call, *keys: bytes) -> int:
    return sum(call.db.delete(key) for key in keys)


@command("EXISTS TOUCH", -2)
def _exists(call: Call, *keys: bytes) -> int:
    return sum(call.db.get(key) is not None for key in keys)


@command("TYPE", 2)
def _type(call: Call, key: bytes) -> str:
    value = call.db.get(key)
    return "none" if value is None else TYPE_NAMES[type(value)]


@command("KEYS", 2)
def _keys(call: Call, pattern: bytes) -> list[bytes]:
    matches = glob(pattern).fullmatch
    return [key for key in call.db.present() if matches(key)]


@command("RANDOMKEY", 1)
def _randomkey(call: Call) -> bytes | None:
    keys = call.db.present()
    return secrets.choice(keys) if keys else None


@command("RENAME", 3, writes=True)
def _rename(call: Call, source: bytes, target: bytes) -> str:
    value = call.db.get(source)
    if value is None:
        raise Error("ERR no such key")
    end = call.db.ends.get(source)
    call.db.delete(source)
    call.db.put(target, value)
    if end is not None:
        call.db.end_at(target, end)
    return "OK"


@command("RENAMENX", 3, writes=True)
def _renamenx(call: Call, source: bytes, target: bytes) -> int:
    if call.db.get(source) is None:
        raise Error("ERR no such key")
    if call.db.get(target) is not None:
        return 0
    _rename(call, source, target)
    return 1


@command("COPY", -3, writes=True)
def _copy(call: Call, source: bytes, target: bytes, *options: bytes) -> int:
    words = [word.upper() for word in options]
    if words not in ([], [b"REPLACE"]):
        raise Error(SYNTAX)
    value = call.db.get(source)
    if source == target:
        raise Error("ERR source and destination objects are the same")
    if value is None or (call.db.get(target) is not None and not words):
        return 0
    call.db.put(target, copied(value))
    if source in call.db.ends:
        call.db.end_at(target, call.db.ends[source])
    return 1


# --- Times ---


def _end(call: Call, key: bytes, at: Callable[[], int], options: Sequence[bytes]) -> int:
    words = {word.upper() for word in options}
    if words - {b"NX", b"XX", b"GT", b"LT"}:
        raise Error(f"ERR Unsupported option {options[0].decode(errors='replace')}")
    if len(words) > 1 and b"NX" in words:
        raise Error("ERR NX and XX, GT or LT options at the same time are not compatible")
    if words >= {b"GT", b"LT"}:
        raise Error("ERR GT and LT options at the same time are not compatible")
    at_ms = at()
    if call.db.get(key) is None:
        return 0
    old = call.db.ends.get(key)
    if (b"NX" in words and old is not None) or (b"XX" in words and old is None):
        return 0
    if (b"GT" in words and (old is None or at_ms <= old)) or (b"LT" in words and old is not None and at_ms >= old):
        return 0
    if at_ms <= now_ms() and call.server.primary is None:
        call.db.delete(key)
        call.effect = [[b"DEL", key]]
    else:
        call.db.end_at(key, at_ms)
        call.effect = [[b"PEXPIREAT", key, b"%d" % at_ms]]
    return 1


def _milliseconds(text: bytes, factor: int, name: str) -> int:
    value = integer(text) * factor
    if abs(value) >= 1 << 62:
        raise Error(f"ERR invalid expire time in '{name}' command")
    return value


@command("EXPIRE", -3, writes=True)
def _expire(call: Call, key: bytes, seconds: bytes, *options: bytes) -> int:
    return _end(call, key, lambda: now_ms() + _milliseconds(seconds, 1000, "expire"), options)


@command("PEXPIRE", -3, writes=True)
def _pexpire(call: Call, key: bytes, milliseconds: bytes, *options: bytes) -> int:
    return _end(call, key, lambda: now_ms() + _milliseconds(milliseconds, 1, "pexpire"), options)


@command("EXPIREAT", -3, writes=True)
def _expireat(call: Call, key: bytes, seconds: bytes, *options: bytes) -> int:
    return _end(call, key, lambda: _milliseconds(seconds, 1000, "expireat"), options)


@command("PEXPIREAT", -3, writes=True)
def _pexpireat(call: Call, key: bytes, milliseconds: bytes, *options: bytes) -> int:
    return _end(call, key, lambda: _milliseconds(milliseconds, 1, "pexpireat"), options)


@command("PERSIST", 2, writes=True)
def _persist(call: Call, key: bytes) -> int:
    if call.db.get(key) is None or key not in call.db.ends:
        return 0
    del call.db.ends[key]
    call.db.touch(key)
    return 1


@command("PTTL", 2)
def _pttl(call: Call, key: bytes) -> int:
    if call.db.get(key) is None:
        return -2
    return max(call.db.ends[key] - now_ms(), 0) if key in call.db.ends else -1


@command("TTL", 2)
def _ttl(call: Call, key: bytes) -> int:
    left = _pttl(call, key)
    return left if left < 0 else (left + 500) // 1000


@command("PEXPIRETIME", 2)
def _pexpiretime(call: Call, key: bytes) -> int:
    return -2 if call.db.get(key) is None else call.db.ends.get(key, -1)


@command("EXPIRETIME", 2)
def _expiretime(call: Call, key: bytes) -> int:
    at = _pexpiretime(call, key)
    return at if at < 0 else (at + 500) // 1000


# --- Databases ---


@command("DBSIZE", 1)
def _dbsize(call: Call) -> int:
    return len(call.db.present())


@command("FLUSHDB", -1, writes=True)
def _flushdb(call: Call, *options: bytes) -> str:
    if [word.upper() for word in options] not in ([], [b"ASYNC"], [b"SYNC"]):
        raise Error(SYNTAX)
    call.db.clear()
    call.server.dirty += 1
    return "OK"


@command("FLUSHALL", -1, writes=True)
def _flushall(call: Call, *options: bytes) -> str:
    if [word.upper() for word in options] not in ([], [b"ASYNC"], [b"SYNC"]):
        raise Error(SYNTAX)
    for db in call.server.databases:
        db.clear()
    call.server.dirty += 1
    return "OK"


# --- Scans ---


def _scan(items: list[Any], cursor: bytes, options: Sequence[bytes], of: Any = None) -> tuple[bytes, list[Any]]:
    """Part of `items` from a cursor on. A cursor is a position: what is removed during a scan may hide what stays behind it."""
    try:
        at = int(cursor)
    except ValueError:
        raise Error("ERR invalid cursor") from None
    count, matches = 10, None
    if len(options) % 2:
        raise Error(SYNTAX)
    for word, value in zip(options[::2], options[1::2], strict=True):
        if word.upper() == b"COUNT":
            count = integer(value)
            if count < 1:
                raise Error(SYNTAX)
        elif word.upper() == b"MATCH":
            matches = glob(value).fullmatch
        elif word.upper() != b"TYPE" or of is None:
            raise Error(SYNTAX)
        else:
            kind = value
            of_kind = of
            items = [item if of_kind(item) == kind.lower() else None for item in items]
    part = [item for item in items[at : at + count] if item is not None]
    if matches is not None:
        part = [item for item in part if matches(item[0] if isinstance(item, tuple) else item)]
    following = at + count if at + count < len(items) else 0
    return b"%d" % following, part


@command("SCAN", -2)
def _scan_keys(call: Call, cursor: bytes, *options: bytes) -> list[Any]:
    def type_of(key: bytes) -> bytes:
        return _type(call, key).encode()

    return list(_scan(call.db.present(), cursor, options, type_of))


@command("HSCAN", -3)
def _hscan(call: Call, key: bytes, cursor: bytes, *options: bytes) -> list[Any]:
    following, part = _scan(list((call.db.typed(key, Hash) or Hash()).items()), cursor, options)
    return [following, [text for pair in part for text in pair]]


@command("SSCAN", -3)
def _sscan(call: Call, key: bytes, cursor: bytes, *options: bytes) -> list[Any]:
    return list(_scan(list(call.db.typed(key, Set) or ()), cursor, options))


@command("ZSCAN", -3)
def _zscan(call: Call, key: bytes, cursor: bytes, *options: bytes) -> list[Any]:
    held = call.db.typed(key, SortedSet) or SortedSet()
    following, part = _scan([(member, score) for score, member in held.order], cursor, options)
    return [following, [text for member, score in part for text in (member, number(score))]]


# --- What is inside ---


@command("OBJECT", -2)
def _object(call: Call, word: bytes, *arguments: bytes) -> Any:
    if word.upper() != b"ENCODING" or len(arguments) != 1:
        raise Error(f"ERR unknown subcommand '{word.decode(errors='replace')}'")
    value = call.db.get(arguments[0])
    names = {Hash: b"hashtable", List: b"quicklist", Set: b"hashtable", SortedSet: b"skiplist", bytes: b"raw"}
    return None if value is None else names[type(value)]
