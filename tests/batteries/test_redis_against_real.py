"""The same commands to our server and to a real redis-server get the same replies."""

import contextlib

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = [b"a", b"b", b"c", b"list", b"hash", b"set", b"zset"]
key = st.sampled_from(KEYS)
member = st.sampled_from([b"m", b"n", b"o", b"p", b"10"])
value = st.sampled_from(
    [b"", b"x", b"10", b"-3", b"1.5", b"hello world", b"9223372036854775807", b"\x00\xff", b" 1", b"+1", b"01"]
)
small = st.integers(-6, 6).map(lambda i: b"%d" % i)
number = st.one_of(small, value)
score = st.sampled_from([b"0", b"1", b"1.5", b"-2", b"3", b"inf", b"-inf", b"x", b"(1", b"(1.5"])
lex = st.sampled_from([b"-", b"+", b"[m", b"(m", b"[n", b"(p", b"m"])


def words(*parts):
    """A strategy for one command; a part may be a strategy, a list of choices, or a word."""
    made = [st.just(p) if isinstance(p, bytes) else st.sampled_from(p) if isinstance(p, list) else p for p in parts]
    return st.tuples(*made).map(lambda got: [w for part in got for w in (part if isinstance(part, list) else [part])])


def some(strategy, low=0, high=3):
    return st.lists(strategy, min_size=low, max_size=high)


def flags(*names):
    return st.lists(st.sampled_from(names), max_size=2)


COMMANDS = [
    words(b"GET", key),
    words(b"SET", key, value, flags(b"NX", b"XX", b"GET", b"KEEPTTL")),
    words(b"SETNX", key, value),
    words(b"SET", key, value, [b"EX", b"PX", b"EXAT"], [b"100", b"0", b"-1", b"x"]),
    words(b"SETEX", key, number, value),
    words(b"GETSET", key, value),
    words(b"GETDEL", key),
    words(b"GETEX", key, [[], [b"PERSIST"], [b"EX", b"100"], [b"EX"]]),
    words(b"MGET", some(key, 1)),
    words(b"MSET", some(key, 1, 4)),
    words(b"MSETNX", key, value, key, value),
    words(b"APPEND", key, value),
    words(b"STRLEN", key),
    words(b"GETRANGE", key, number, number),
    words(b"SETRANGE", key, small, value),
    words(b"INCR", key),
    words(b"DECR", key),
    words(b"INCRBY", key, number),
    words(b"DECRBY", key, number),
    words(b"INCRBYFLOAT", key, number),
    words(b"DEL", some(key, 1)),
    words(b"EXISTS", some(key, 1)),
    words(b"TYPE", key),
    words(b"RENAME", key, key),
    words(b"RENAMENX", key, key),
    words(b"COPY", key, key, [[], [b"REPLACE"]]),
    words(b"PERSIST", key),
    words(b"EXPIRE", key, [b"100", b"0", b"-1", b"x", b"9223372036854775807"], flags(b"NX", b"XX", b"GT", b"LT")),
    words(b"PEXPIREAT", key, [b"1", b"99999999999999", b"88888888888888"], flags(b"NX", b"XX", b"GT", b"LT")),
    words(b"TTL", key),
    words(b"EXPIRETIME", key),
    words(b"PEXPIRETIME", key),
    words(b"DBSIZE"),
    words(b"KEYS", [b"*", b"?", b"[a-b]", b"[^a]", b"l*t", b"\\a", b"[ab", b""]),
    words(b"SCAN", b"0", b"COUNT", b"100"),
    words(b"SCAN", [b"0", b"x"], b"MATCH", [b"*", b"h*"], b"COUNT", [b"100", b"0", b"1000"]),
    words(b"SELECT", [b"0", b"1", b"99", b"x"]),
    words(b"FLUSHALL"),
    words(b"FLUSHDB"),
    words(b"PING", some(value, 0, 2)),
    words(b"ECHO", value),
    words(b"NOSUCH", some(member)),
    words(b"HSET", key, some(value, 0, 4)),
    words(b"HSET", key, member, value),
    words(b"HMSET", key, member, value),
    words(b"HSETNX", key, member, value),
    words(b"HGET", key, member),
    words(b"HMGET", key, some(member, 1)),
    words(b"HGETALL", key),
    words(b"HKEYS", key),
    words(b"HVALS", key),
    words(b"HLEN", key),
    words(b"HEXISTS", key, member),
    words(b"HDEL", key, some(member, 1)),
    words(b"HSTRLEN", key, member),
    words(b"HINCRBY", key, member, number),
    words(b"HINCRBYFLOAT", key, member, number),
    words(b"HSCAN", key, b"0"),
    words(b"LPUSH", key, some(value, 1)),
    words(b"RPUSH", key, some(value, 1)),
    words(b"LPUSHX", key, value),
    words(b"RPUSHX", key, value),
    words(b"LPOP", key, some(small, 0, 1)),
    words(b"RPOP", key, some(small, 0, 1)),
    words(b"LLEN", key),
    words(b"LRANGE", key, number, number),
    words(b"LINDEX", key, number),
    words(b"LSET", key, number, value),
    words(b"LINSERT", key, [b"BEFORE", b"after", b"x"], value, value),
    words(b"LREM", key, small, value),
    words(b"LTRIM", key, small, small),
    words(b"LPOS", key, value, [[], [b"COUNT", b"0"], [b"COUNT", b"1"]]),
    words(b"LMOVE", key, key, [b"LEFT", b"RIGHT", b"x"], [b"LEFT", b"RIGHT"]),
    words(b"RPOPLPUSH", key, key),
    words(b"BLPOP", some(key, 1), [b"0.01", b"-1", b"x"]),
    words(b"BRPOP", key, b"0.01"),
    words(b"BLMOVE", key, key, b"LEFT", b"RIGHT", b"0.01"),
    words(b"BZPOPMIN", key, b"0.01"),
    words(b"SADD", key, some(member, 1)),
    words(b"SREM", key, some(member, 1)),
    words(b"SMEMBERS", key),
    words(b"SISMEMBER", key, member),
    words(b"SMISMEMBER", key, some(member, 1)),
    words(b"SCARD", key),
    words(b"SMOVE", key, key, member),
    words(b"SPOP", key, [[], [b"0"], [b"-1"], [b"9"]]),
    words(b"SRANDMEMBER", key, [[b"9"], [b"0"], [b"x"]]),
    words(b"SINTER", some(key, 1)),
    words(b"SUNION", some(key, 1)),
    words(b"SDIFF", some(key, 1)),
    words(b"SINTERSTORE", key, some(key, 1)),
    words(b"SUNIONSTORE", key, some(key, 1)),
    words(b"SDIFFSTORE", key, some(key, 1)),
    words(b"ZADD", key, flags(b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"), score, member),
    words(b"ZADD", key, score, member, score, member),
    words(b"ZINCRBY", key, score, member),
    words(b"ZREM", key, some(member, 1)),
    words(b"ZSCORE", key, member),
    words(b"ZMSCORE", key, some(member, 1)),
    words(b"ZCARD", key),
    words(b"ZRANK", key, member),
    words(b"ZREVRANK", key, member),
    words(b"ZCOUNT", key, score, score),
    words(b"ZLEXCOUNT", key, lex, lex),
    words(b"ZRANGE", key, small, small, [[], [b"REV"], [b"WITHSCORES"], [b"REV", b"WITHSCORES"], [b"x"], [b"LIMIT", b"0", b"1"]]),
    words(
        b"ZRANGE",
        key,
        score,
        score,
        b"BYSCORE",
        [[], [b"REV"], [b"LIMIT", b"1", b"2"], [b"WITHSCORES", b"LIMIT", b"0", b"-1"], [b"LIMIT", b"-1", b"2"]],
    ),
    words(b"ZRANGEBYSCORE", key, score, score, [[], [b"WITHSCORES"]]),
    words(b"ZREVRANGEBYSCORE", key, score, score),
    words(b"ZREVRANGE", key, small, small),
    words(b"ZRANGEBYLEX", key, lex, lex),
    words(b"ZREMRANGEBYRANK", key, small, small),
    words(b"ZREMRANGEBYSCORE", key, score, score),
    words(b"ZPOPMIN", key, some(small, 0, 1)),
    words(b"ZPOPMAX", key, some(small, 0, 1)),
    words(b"ZSCAN", key, b"0"),
    words(b"MULTI"),
    words(b"EXEC"),
    words(b"DISCARD"),
    words(b"WATCH", some(key, 1)),
    words(b"UNWATCH"),
    words(b"GET"),
    words(b"GET", key, key),
    words(b"PUBLISH", key, value),
    words(b"PUBSUB", b"NUMSUB", some(key)),
    words(b"CLIENT", b"GETNAME"),
    words(b"AUTH", b"x"),
    words(b"WAIT", b"0", b"1"),
    words(b"ROLE", b"x"),
]

UNORDERED = {b"KEYS", b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"HKEYS", b"HVALS", b"HGETALL", b"SPOP", b"SRANDMEMBER"}
TIMES = {b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"}
SCANS = {b"SCAN", b"HSCAN", b"SSCAN", b"ZSCAN"}


def comparable(command, reply):
    """A reply without the order that has no meaning."""
    name = command[0].upper()
    if isinstance(reply, redis.RedisError):
        return str(reply)
    if name in TIMES and isinstance(reply, int):
        return min(reply, 1)  # the two were not asked in the same millisecond
    if name in UNORDERED and isinstance(reply, list | set):
        return sorted(map(repr, reply))
    if name in SCANS and isinstance(reply, list):
        return [reply[0], sorted(map(repr, reply[1]))]
    if isinstance(reply, list):
        return [str(part) if isinstance(part, redis.RedisError) else part for part in reply]
    return reply


class Talking:
    """A raw connection to a server."""

    def __init__(self, port, protocol):
        self.connection = redis.Connection(host="127.0.0.1", port=port, protocol=protocol)
        self.connection.connect()

    def __call__(self, command):
        self.connection.send_command(*command)
        try:
            return self.connection.read_response(disable_decoding=True)
        except redis.RedisError as error:
            return error

    def close(self):
        with contextlib.suppress(Exception):
            self.connection.disconnect()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [2, 3])
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands=st.lists(st.one_of(COMMANDS), max_size=40))
def test_replies_are_those_of_redis(redis_server, our_server, protocol, commands):
    """Whatever is asked for, in a transaction or not: values, types of replies, and the texts of errors."""
    theirs, ours = Talking(redis_server, protocol), Talking(our_server.server.port, protocol)
    try:
        for connection in (theirs, ours):
            assert connection([b"FLUSHALL"]) == b"OK"
        queued = []
        for command in commands:
            expected, actual = theirs(command), ours(command)
            queued = [*queued, command] if expected == b"QUEUED" else queued
            if command[0] == b"EXEC" and isinstance(expected, list) and isinstance(actual, list):
                assert len(expected) == len(actual)
                pairs = zip(queued, expected, actual, strict=True)
            else:
                pairs = [(command, expected, actual)]
            for asked, wanted, got in pairs:
                assert comparable(asked, got) == comparable(asked, wanted), f"{asked}; after {commands}"
            if command[0] in {b"EXEC", b"DISCARD"}:
                queued = []
    finally:
        theirs.close()
        ours.close()
