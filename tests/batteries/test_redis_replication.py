"""Replicas follow, lag, reconnect and are promoted; what a primary acknowledged alone may be lost with it."""

import asyncio

import pytest
import redis.asyncio as redis
from redis.exceptions import ReadOnlyError, ResponseError

from windtunnel.batteries.redis import RedisServer
from windtunnel.sim import World


class Cluster:
    """A primary and two replicas on hosts of their own; `servers` are the objects, to look inside."""

    def __init__(self, world):
        self.world = world
        self.servers = {}
        self.hosts = {name: world.host(name, main=lambda name=name: self._main(name)) for name in ("one", "two", "three")}

    async def _main(self, name):
        server = self.servers[name] = RedisServer()
        await server.start(port=6379)
        if name != "one":
            server.replication.follow("one", 6379)
        await server.serve_forever()

    def offsets(self):
        return [server.replication.offset for server in self.servers.values()]

    def values(self, key):
        return [server.databases[0].values.get(key) for server in self.servers.values()]


def replicated(test):
    """Make a test of a scenario `(world, cluster, clients)` run on host "test"."""

    async def scenario(world):
        cluster = Cluster(world)
        await asyncio.sleep(3.0)
        clients = [redis.Redis(host=name, socket_timeout=5, retry=None) for name in cluster.hosts]
        try:
            await test(world, cluster, clients)
        finally:
            for client in clients:
                await client.aclose()

    def run():
        for seed in range(3):
            world = World(seed)
            world.run(scenario, world)

    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return run


@replicated
async def test_replicas_follow(world, cluster, clients):
    """Writes of all kinds arrive on both replicas, which count the same bytes; replicas refuse writes."""
    one, two, _ = clients
    await one.mset({"a": 1, "b": 2})
    await one.spop("none")
    await one.sadd("set", *"abcdef")
    await one.spop("set", 3)
    await one.set("ends", "x", px=500)
    async with one.pipeline(transaction=True) as pipe:
        await pipe.incr("a").lpush("l", 1, 2).execute()
    await one.execute_command("SELECT", "0")
    assert await one.wait(2, 1000) == 2
    assert len(set(cluster.offsets())) == 1
    assert cluster.values(b"a") == [b"2"] * 3
    assert len({tuple(value) for value in cluster.values(b"set")}) == 1
    assert await two.get("ends") == b"x"
    with pytest.raises(ReadOnlyError):
        await two.set("a", "9")
    await asyncio.sleep(1.0)
    assert await two.get("ends") is None
    assert cluster.values(b"ends") == [None] * 3
    assert (await two.execute_command("ROLE"))[0] == b"slave"
    assert (await two.info("replication"))["master_link_status"] == "up"
    assert (await one.info("replication"))["connected_slaves"] == 2


@replicated
async def test_lag_is_seen_and_counted(world, cluster, clients):
    """A replica that lags answers with old data; WAIT counts only those that have the write."""
    one, two, _ = clients
    await two.config_set("replica-lag-ms", 2000)
    await one.set("a", "1")
    assert await one.wait(2, 500) == 1
    assert await two.get("a") is None
    assert await one.wait(2, 5000) == 2
    assert await two.get("a") == b"1"
    await two.config_set("replica-lag-ms", 0)
    await one.set("a", "2")
    assert await one.wait(2, 500) == 2


@replicated
async def test_promoting_a_lagging_replica_loses_acknowledged_writes(world, cluster, clients):
    """The new primary has what it had applied; its sibling follows it without a snapshot; the old one is rolled back."""
    one, two, three = clients
    await one.set("a", "1")
    await one.wait(2, 1000)
    for server in (cluster.servers["two"], cluster.servers["three"]):
        server.replication.lag_s = 5.0
    await one.set("a", "2")
    cluster.hosts["one"].crash()
    await two.execute_command("REPLICAOF", "NO", "ONE")
    assert await two.get("a") == b"1"
    await two.set("b", "1")
    snapshots = []
    cluster.servers["three"].replication.restart_from = lambda *args: snapshots.append(args)
    await three.execute_command("REPLICAOF", "two", "6379")
    cluster.servers["three"].replication.lag_s = 0.0
    await asyncio.sleep(3.0)
    assert snapshots == []
    assert await three.get("b") == b"1"
    assert cluster.servers["three"].replication.id == cluster.servers["two"].replication.id
    cluster.hosts["one"].restart()
    await asyncio.sleep(3.0)
    again = redis.Redis(host="one")
    await again.execute_command("REPLICAOF", "two", "6379")
    await asyncio.sleep(3.0)
    assert await again.mget("a", "b") == [b"1", b"1"]
    await again.aclose()


@replicated
async def test_a_short_cut_needs_no_snapshot_and_a_long_one_does(world, cluster, clients):
    """After a cut a replica goes on from the backlog; when that is gone, it takes a snapshot."""
    one, two, _ = clients
    server = cluster.servers["two"]
    for size, copies in ((10, 0), (3 << 20, 1)):
        taken = []
        restart = server.replication.restart_from
        server.replication.restart_from = lambda *args, restart=restart, taken=taken: (taken.append(args), restart(*args))
        server.replication.link.abandon()
        await one.set("a", b"x" * size)
        await one.set("b", size)
        await asyncio.sleep(10.0)
        assert await two.get("b") == b"%d" % size
        assert len(taken) == copies
        server.replication.restart_from = restart
    assert len(set(cluster.offsets())) == 1


@replicated
async def test_a_partition_is_survived(world, cluster, clients):
    """While the primary is cut off, replicas serve what they have; after the heal they catch up."""
    one, two, _ = clients
    await one.set("a", "1")
    await one.wait(2, 1000)
    world.cut([("one", "two"), ("two", "one"), ("one", "three"), ("three", "one")])
    await one.set("a", "2")
    assert await one.wait(1, 500) == 0
    assert await two.get("a") == b"1"
    await asyncio.sleep(100.0)
    assert (await two.info("replication"))["master_link_status"] == "down"
    world.heal()
    await asyncio.sleep(60.0)
    assert await two.get("a") == b"2"


@replicated
async def test_a_replica_of_a_replica_follows_too(world, cluster, clients):
    """The stream is passed on as it came."""
    one, two, three = clients
    await three.execute_command("REPLICAOF", "two", "6379")
    await asyncio.sleep(3.0)
    await one.set("a", "1")
    await asyncio.sleep(1.0)
    assert await three.get("a") == b"1"
    assert len(set(cluster.offsets())) == 1
    with pytest.raises(ResponseError, match="replica"):
        await two.wait(1, 10)
    with pytest.raises(ResponseError, match="port"):
        await one.execute_command("REPLICAOF", "two", "99999")


def test_a_replicas_own_log_is_that_of_its_primary(tmp_path):
    """A replica with an append-only file can restart from it, on real loopback."""

    async def main():
        primary, replica = RedisServer(), RedisServer(tmp_path)
        await primary.start("127.0.0.1", 0)
        client = redis.Redis(port=primary.port)
        await client.set("before", "1")
        await replica.start("127.0.0.1", 0)
        replica.replication.follow("127.0.0.1", primary.port)
        async with client.pipeline(transaction=True) as pipe:
            await pipe.set("a", "1").incr("a").execute()
        for _ in range(200):
            if await client.wait(1, 50) == 1:
                break
        await replica.close()
        again = RedisServer(tmp_path)
        await again.start("127.0.0.1", 0)
        assert again.databases[0].values == {b"before": b"1", b"a": b"2"}
        await again.close()
        await client.aclose()
        await primary.close()

    asyncio.run(main())
