"""The wallet tested as one would: real sockets, real time, two applications, deposits at once."""

import asyncio

import httpx
from wallet import build

from windtunnel.batteries.redis import RedisServer


def test_deposits_at_once():
    """Five deposits through two applications add up."""

    async def deposits():
        store = RedisServer()
        await store.start("127.0.0.1", 0)
        apps = [httpx.ASGITransport(build("127.0.0.1", store.port)) for _ in range(2)]
        clients = [httpx.AsyncClient(transport=app, base_url="http://wallet") for app in apps]
        answers = await asyncio.gather(*(clients[i % 2].post("/accounts/family/deposits", json={"cents": 1}) for i in range(5)))
        assert all(answer.is_success for answer in answers)
        cents = (await clients[0].get("/accounts/family")).json()["cents"]
        await store.close()
        return cents

    assert asyncio.run(deposits()) == 5
