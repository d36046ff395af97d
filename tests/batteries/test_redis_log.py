"""The append-only file: what it holds after a crash, how a torn one is read, what happens when the disk refuses."""

import asyncio
import errno
import os

import pytest
import redis.asyncio as redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError

from windtunnel.base.errors import StorageError
from windtunnel.batteries.redis import RedisServer, serve
from windtunnel.batteries.redis.keyspace import SortedSet
from windtunnel.batteries.resp import request
from windtunnel.sim import World

ALL_TYPES = [
    ["SET", "s", "1"],
    ["SET", "ends", "1", "EX", "1000"],
    ["APPEND", "s", "23"],
    ["INCRBYFLOAT", "f", "1.5"],
    ["HSET", "h", "a", "1", "b", "2"],
    ["HDEL", "h", "a"],
    ["RPUSH", "l", *map(str, range(200))],
    ["LPOP", "l"],
    ["LMOVE", "l", "l2", "LEFT", "RIGHT"],
    ["SADD", "set", *"abcdef"],
    ["SPOP", "set", "2"],
    ["ZADD", "z", "1.5", "m", "2", "n", "-inf", "o"],
    ["ZPOPMIN", "z"],
    ["RENAME", "h", "h2"],
    ["SELECT", "3"],
    ["SET", "other", "x", "PX", "1000000"],
    ["PERSIST", "other"],
]


async def started(directory, **options):
    server = RedisServer(directory, **options)
    await server.start("127.0.0.1", 0)
    return server


async def told(server, *commands):
    """Execute commands on a connection of their own; the last reply."""
    client = redis.Redis(port=server.port, single_connection_client=True)
    async with client:
        for command in commands:
            reply = await client.execute_command(*command)
    return reply


def plain(value):
    """A value that can be compared."""
    if isinstance(value, bytes):
        return value
    return value.order if isinstance(value, SortedSet) else list(value.items() if isinstance(value, dict) else value)


def contents(server):
    """Everything, so that two servers can be compared."""
    shown = {}
    for db in server.databases:
        for key, value in db.values.items():
            plain = (
                value
                if isinstance(value, bytes)
                else getattr(value, "order", None) or list(getattr(value, "items", value.copy)())
            )
            shown[db.index, key] = (plain, db.ends.get(key))
    return shown


@pytest.mark.parametrize("rewrite", [False, True])
def test_a_restart_finds_everything(tmp_path, rewrite):
    """Every type, every command that draws or depends on the clock, several databases; also after a rewrite."""

    async def main():
        first = await started(tmp_path)
        await told(first, *ALL_TYPES, ["MULTI"], ["SET", "t", "1"], ["INCR", "t"], ["EXEC"])
        if rewrite:
            await told(first, ["BGREWRITEAOF"], ["SET", "after", "1"])
        await first.close()
        second = await started(tmp_path)
        assert contents(second) == contents(first)
        await second.close()

    asyncio.run(main())


def test_every_torn_tail_is_cut_to_whole_commands(tmp_path):
    """Wherever the file ends: the commands that are whole survive, transactions as one, and it can go on."""

    async def main():
        server = await started(tmp_path)
        await told(server, ["SET", "a", "1"], ["MULTI"], ["SET", "b", "1"], ["SET", "c", "1"], ["EXEC"], ["SET", "d", "1"])
        await server.close()
        path = server.log.path
        whole = path.read_bytes()
        seen = set()
        for size in {*range(0, len(whole), 3), len(whole)}:
            path.write_bytes(whole[:size])
            again = await started(tmp_path)
            keys = b"".join(again.databases[0].values)
            assert again.log.cut_bytes == size - path.stat().st_size
            await told(again, ["SET", "e", "1"])
            await again.close()
            seen.add(keys)
            last = await started(tmp_path)
            assert b"".join(last.databases[0].values) == keys + b"e"
            await last.close()
        assert seen == {b"", b"a", b"abc", b"abcd"}

    asyncio.run(main())


@pytest.mark.parametrize(
    "damage",
    [
        b"garbage\r\n",
        b"*1\r\n$-5\r\n",
        b"*x\r\n",
        b"\0" * 100,
        request(b"NOSUCH", b"a"),
        request(b"INCR", b"list"),
        request(b"BLPOP", b"q", b"0"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    """What a crash cannot have left: the server does not start, and says where."""
    path = tmp_path / "appendonly.aof"
    path.write_bytes(request(b"RPUSH", b"list", b"x") + damage + request(b"SET", b"a", b"1"))
    before = path.read_bytes()
    with pytest.raises(StorageError):
        asyncio.run(started(tmp_path))
    assert path.read_bytes() == before


def test_keys_that_ended_while_it_was_down_are_gone(tmp_path):
    """A key keeps its time through a restart; commands on it in the log are executed as they were then."""

    async def main():
        server = await started(tmp_path)
        await told(server, ["SET", "n", "5", "PX", "50"], ["INCR", "n"])
        await server.close()
        await asyncio.sleep(0.06)
        server = await started(tmp_path)
        assert await told(server, ["EXISTS", "n"]) == 0
        await server.close()

    asyncio.run(main())


def test_no_reply_leaves_after_a_failed_sync(tmp_path, monkeypatch):
    """Under `always` the connections are cut in the turn in which the sync failed, not later, when the server closes."""

    async def main():
        server = await started(tmp_path, appendfsync="always")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await told(server, ["SET", "a", "1"])
        monkeypatch.setattr(os, "fsync", lambda _fd: _full())
        writer.write(request(b"SET", b"a", b"2"))
        await asyncio.sleep(0.1)
        monkeypatch.undo()
        server.flush()
        writer.write(request(b"GET", b"a"))
        assert await reader.read(1) == b""
        writer.close()
        with pytest.raises(OSError, match="No space"):
            await server.serve_forever()

    asyncio.run(main())


def test_half_a_command_does_not_stay_in_the_file(tmp_path, monkeypatch):
    """A write that the disk takes in part before it is full is taken back: what is written later can be read."""

    async def main():
        server = await started(tmp_path, appendfsync="no")
        await told(server, ["SET", "a", "1"])
        real = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:10]) if len(data) > 10 else _full())
        await told(server, ["SET", "b", "2"])
        monkeypatch.setattr(os, "write", real)
        server.log.flush()
        await told(server, ["SET", "c", "3"])
        await server.close()
        again = await started(tmp_path)
        assert again.log.cut_bytes == 0
        assert sorted(again.databases[0].values) == [b"a", b"b", b"c"]
        await again.close()

    asyncio.run(main())


def _full():
    raise OSError(errno.ENOSPC, "No space left on device")


# --- In the tunnel ---


async def survivors(world, policy, pause_s=0.0, writes=5):
    """How many of `writes` acknowledged writes are there after a power cut."""
    store = world.host("store", main=lambda: serve(port=6379, directory="/data", appendfsync=policy))
    async with world.client("writer"):
        await asyncio.sleep(1.0)
        client = redis.Redis(host="store")
        for i in range(writes):
            await client.rpush("list", i)
        await asyncio.sleep(pause_s)
        store.crash()
        store.restart()
        await asyncio.sleep(1.0)
        after = redis.Redis(host="store")
        values = await after.lrange("list", 0, -1)
        await client.aclose()
        await after.aclose()
    assert values == [b"%d" % i for i in range(len(values))], "a prefix, in order"
    return len(values)


def runs(seeds, *args):
    found = []
    for seed in range(seeds):
        world = World(seed)
        found.append(world.run(survivors, world, *args))
    return found


def test_always_loses_nothing_that_was_acknowledged():
    """With `appendfsync always` every acknowledged write survives every power cut."""
    assert set(runs(20, "always")) == {5}


def test_everysec_loses_at_most_the_last_second():
    """With `everysec` a power cut may take some or all of a burst, and nothing that is older than a second."""
    counts = runs(40, "everysec")
    assert min(counts) < 5
    assert max(counts) == 5
    assert set(runs(10, "everysec", 1.5)) == {5}


def test_a_killed_process_loses_nothing_that_was_written():
    """The page cache survives the process, so even `no` loses nothing when only the process dies."""

    async def scenario(world):
        store = world.host("store", main=lambda: serve(port=6379, directory="/data", appendfsync="no"))
        async with world.client("writer"):
            await asyncio.sleep(1.0)
            client = redis.Redis(host="store")
            await client.set("a", "1")
            store.kill()
            store.restart()
            await asyncio.sleep(1.0)
            found = await client.get("a")
            await client.aclose()
            return found

    world = World(1)
    assert world.run(scenario, world) == b"1"


def test_a_full_disk_refuses_writes_and_recovers():
    """Under `everysec` a full disk means MISCONF for writes, reads go on, and when there is space again nothing was lost."""

    async def scenario(world):
        store = world.host("store", main=lambda: serve(port=6379, directory="/data", appendfsync="everysec"))
        async with world.client("writer"):
            await asyncio.sleep(1.0)
            client = redis.Redis(host="store", socket_timeout=5)
            await client.set("a", "1")
            store.files.full = True
            await client.set("b", "2")  # as in Redis, the one that meets the error is acknowledged: it is not lost either
            with pytest.raises(ResponseError, match="MISCONF Errors writing to the AOF file: No space left"):
                await client.set("c", "3")
            assert await client.get("b") == b"2"
            store.files.repair()
            await asyncio.sleep(2.0)
            await client.set("c", "3")
            await asyncio.sleep(2.0)
            store.crash()
            store.restart()
            await asyncio.sleep(1.0)
            found = await client.mget("a", "b", "c")
            await client.aclose()
            return found

    world = World(1)
    assert world.run(scenario, world) == [b"1", b"2", b"3"]


def test_always_gives_up_when_the_disk_fails():
    """A sync that fails under `always` ends the server before the write is acknowledged; only durable data is there later."""

    async def scenario(world):
        async def main():
            try:
                await serve(port=6379, directory="/data", appendfsync="always")
            except OSError as error:
                ended.append(error.errno)

        ended = []
        store = world.host("store", main=main, on_exit="ignore")
        async with world.client("writer"):
            await asyncio.sleep(1.0)
            client = redis.Redis(host="store", retry=None)
            await client.set("a", "1")
            store.files.failing_syncs = 1
            with pytest.raises(Disconnected):
                await client.set("a", "2")
            assert ended == [errno.EIO]
            await client.aclose()
            store.crash()
            store.restart()
            await asyncio.sleep(1.0)
            after = redis.Redis(host="store")
            found = await after.get("a")
            await after.aclose()
            return found

    world = World(1)
    assert world.run(scenario, world) == b"1"


def test_a_rewrite_that_fails_leaves_the_old_file():
    """No space for the new file: an error reply, and the old file goes on."""

    async def scenario(world):
        store = world.host("store", main=lambda: serve(port=6379, directory="/data", appendfsync="always"))
        async with world.client("writer"):
            await asyncio.sleep(1.0)
            client = redis.Redis(host="store")
            await client.set("a", "1")
            store.files.full = True
            with pytest.raises(ResponseError, match="No space"):
                await client.bgrewriteaof()
            store.files.repair()
            await client.set("b", "2")
            await client.bgrewriteaof()
            await client.set("c", "3")
            store.crash()
            store.restart()
            await asyncio.sleep(1.0)
            found = await client.mget("a", "b", "c")
            await client.aclose()
            return found

    world = World(1)
    assert world.run(scenario, world) == [b"1", b"2", b"3"]
