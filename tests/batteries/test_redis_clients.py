"""redis-py, synchronous and asyncio, uses the server as it uses Redis."""

import asyncio
import socket
import subprocess
import sys
import threading
import time

import pytest
import redis
import redis.asyncio
from redis.exceptions import ExecAbortError, LockNotOwnedError, NoPermissionError, ResponseError, WatchError

from windtunnel.batteries.redis import serve
from windtunnel.sim import World


@pytest.fixture(params=[2, 3])
def client(our_server, request):
    """A synchronous client, on real loopback, with an empty server behind it."""
    with redis.Redis(port=our_server.server.port, protocol=request.param, decode_responses=True) as client:
        client.flushall()
        yield client


def test_the_everyday_calls(client):
    """Values come back as redis-py shows those of Redis."""
    assert client.set("a", "1", ex=100, nx=True) is True
    assert client.set("a", "2", nx=True) is None
    assert client.incrby("a", 5) == 6
    assert 0 < client.ttl("a") <= 100
    assert client.hset("h", mapping={"x": 1, "y": 2}) == 2
    assert client.hgetall("h") == {"x": "1", "y": "2"}
    assert client.sadd("s", "a", "b") == 2
    assert client.smembers("s") == {"a", "b"}
    assert client.zadd("z", {"m": 1.5, "n": 2}) == 2
    assert [tuple(pair) for pair in client.zrange("z", 0, -1, withscores=True)] == [("m", 1.5), ("n", 2.0)]
    assert client.zscore("z", "m") == 1.5
    assert client.lpush("l", *"abc") == 3
    assert client.lrange("l", 0, -1) == ["c", "b", "a"]
    assert client.type("l") == "list"
    assert client.config_get("appendonly") == {"appendonly": "no"}
    assert client.info("server")["redis_version"].startswith("7.")
    assert isinstance(client.time()[0], int)
    assert client.client_setname("me")
    assert client.client_getname() == "me"
    assert [row["name"] for row in client.client_list() if row["id"] == str(client.client_id())] == ["me"]
    assert client.dbsize() == 5
    assert client.ping()


def test_scans_see_every_key(client):
    """scan_iter, hscan_iter, sscan_iter, zscan_iter go through all pages."""
    client.mset({f"k{i}": i for i in range(100)})
    client.hset("h", mapping={f"f{i}": i for i in range(100)})
    client.sadd("s", *range(100))
    client.zadd("z", {f"m{i}": i for i in range(100)})
    assert len(set(client.scan_iter("k*"))) == 100
    assert set(client.scan_iter(_type="hash")) == {"h"}
    assert len(dict(client.hscan_iter("h"))) == 100
    assert len(set(client.sscan_iter("s", count=7))) == 100
    assert len(list(client.zscan_iter("z"))) == 100


def test_transactions(client):
    """Pipelines are executed as one; a watched key that was written aborts; errors are told apart."""
    with client.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
        pipe.watch("a")
        value = int(pipe.get("a"))
        client.set("a", "other")
        pipe.multi()
        pipe.set("a", value + 1)
        with pytest.raises(WatchError):
            pipe.execute()
        with pytest.raises(ResponseError, match="not an integer"):
            pipe.incr("a").set("b", 1).execute()
        assert client.get("b") == "1"
        pipe.execute_command("NOSUCH")
        with pytest.raises((ExecAbortError, ResponseError)):
            pipe.execute()
    assert client.transaction(lambda pipe: (pipe.multi(), pipe.set("c", 1)), "c") == [True]


def test_a_watch_ends_with_its_transaction(client):
    """What was watched before does not spoil a later transaction; UNWATCH and DISCARD end it too."""
    for end in ("EXEC", "DISCARD", "UNWATCH"):
        with client.client() as one:
            one.execute_command("WATCH", "a")
            if end != "UNWATCH":
                one.execute_command("MULTI")
            one.execute_command(end)
            client.set("a", "2")
            one.execute_command("MULTI")
            one.execute_command("SET", "b", "1")
            assert one.execute_command("EXEC") is not None


def test_blocking_pops_wait_in_order(client):
    """The one who waited longest is served first; others go on waiting; a timeout is None."""
    assert client.blpop("none", timeout=0.05) is None
    got = []

    def wait(i):
        with redis.Redis(port=client.get_connection_kwargs()["port"]) as other:
            got.append((i, other.blpop(["q1", "q2"], timeout=5)[1]))

    threads = []
    for i in range(2):
        threads.append(threading.Thread(target=wait, args=(i,)))
        threads[-1].start()
        time.sleep(0.1)
    client.rpush("q2", "first", "second")
    for thread in threads:
        thread.join()
    assert sorted(got) == [(0, b"first"), (1, b"second")]


def test_publish_and_subscribe(client):
    """Channels and patterns; messages in order; nothing after unsubscribing."""
    with client.pubsub() as listener:
        listener.subscribe("news")
        listener.psubscribe("n*")
        assert [listener.get_message(timeout=1)["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        assert client.publish("news", "hello") == 2
        assert client.publish("other", "x") == 0
        assert [listener.get_message(timeout=1)["data"] for _ in range(2)] == ["hello", "hello"]
        assert client.pubsub_channels() == ["news"]
        assert client.pubsub_numsub("news") == [("news", 1)] or client.pubsub_numsub("news") == [["news", 1]]
        listener.unsubscribe()
        listener.punsubscribe()
        assert {listener.get_message(timeout=1)["type"] for _ in range(2)} == {"unsubscribe", "punsubscribe"}
        assert client.publish("news", "late") == 0


def test_locks(client):
    """redis-py's Lock: its three scripts are known; other scripts are refused with a reason."""
    lock = client.lock("lock", timeout=10)
    assert lock.acquire()
    assert not client.lock("lock").acquire(blocking=False)
    assert lock.extend(5)
    assert lock.reacquire()
    lock.release()
    assert client.get("lock") is None
    lock.acquire()
    client.delete("lock")
    with pytest.raises(LockNotOwnedError):
        lock.release()
    with pytest.raises(ResponseError, match="no Lua"):
        client.eval("return 1", 0)
    with pytest.raises(ResponseError, match="no Lua"):
        client.register_script("return 2")()


def test_what_is_missing_says_so(client):
    """Commands that this server does not have are errors with a reason, never a wrong answer."""
    with pytest.raises(ResponseError, match="unknown command"):
        client.xadd("stream", {"a": 1})
    with pytest.raises(ResponseError, match="append-only file"):
        client.bgsave()
    with pytest.raises(ResponseError, match="config"):
        client.config_set("maxmemory", "1gb")
    with pytest.raises((ResponseError, NoPermissionError)):
        client.execute_command("CLIENT", "NOSUCH")


def test_a_lock_in_the_tunnel_ends_while_its_holder_sleeps():
    """The classic: a holder that pauses too long loses the lock to somebody else, and both think that they hold it."""

    async def scenario(world):
        world.host("redis", main=lambda: serve(port=6379))
        held = []

        async def hold(name, work_s):
            async with (
                world.client(name),
                redis.asyncio.Redis(host="redis") as client,
                client.lock("lock", timeout=2.0, blocking_timeout=10),
            ):
                held.append((name, "has it"))
                await asyncio.sleep(work_s)
                held.append((name, "still thinks so"))

        await asyncio.sleep(1.0)
        slow = asyncio.create_task(hold("slow", 5.0))
        await asyncio.sleep(0.5)
        quick = asyncio.create_task(hold("quick", 1.0))
        await quick
        with pytest.raises(LockNotOwnedError):
            await slow
        return held

    world = World(3)
    held = world.run(scenario, world)
    assert held.index(("quick", "has it")) < held.index(("slow", "still thinks so"))


def said(our_server, data):
    """What the server answers to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", our_server.server.port)) as raw:
        raw.settimeout(5)
        raw.sendall(data)
        answer = b""
        while chunk := raw.recv(1000):
            answer += chunk
    return answer


def test_lines_typed_by_hand(our_server):
    """Inline commands are answered, QUIT too, and what is no protocol is told so before the connection ends."""
    assert said(our_server, b"PING\r\nECHO 'a b'\r\nQUIT\r\nPING\r\n") == b"+PONG\r\n$3\r\na b\r\n+OK\r\n"
    assert said(our_server, b"PING\r\n*1\r\n!\r\n") == b"+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n"


@pytest.mark.campaign
def test_as_a_program(tmp_path):
    """`python -m windtunnel.batteries.redis` serves, keeps its data, and ends with SHUTDOWN; a damaged file is exit code 1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "windtunnel.batteries.redis", "--port", str(port), "--dir", str(tmp_path)]
    for expected in (None, "1"):
        process = subprocess.Popen(command)
        with redis.Redis(port=port, decode_responses=True) as client:
            for _ in range(200):
                try:
                    assert client.get("a") == expected
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
            client.set("a", "1")
            client.shutdown()
        assert process.wait(10) == 0
    (tmp_path / "appendonly.aof").write_bytes(b"damage")
    finished = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert finished.returncode == 1
    assert "bad file format" in finished.stderr
