"""No deposit that was acknowledged is lost: two processes of the wallet, two customers, one account."""

import asyncio
import random

import httpx
import pytest
from wallet import serve

from windtunnel.batteries import redis


async def customer(world, name):
    """Five deposits, each at one of the two processes: cents acknowledged, and cents of which the customer does not know."""
    acknowledged = unknown = 0
    async with world.client(name), httpx.AsyncClient() as http:
        for _ in range(5):
            cents = random.randrange(1, 100)
            api = random.choice(("api1", "api2"))
            try:
                answer = await http.post(f"http://{api}/accounts/family/deposits", json={"cents": cents})
                answer.raise_for_status()
                acknowledged += cents
            except httpx.HTTPError:
                unknown += cents
            await asyncio.sleep(random.random())
    return acknowledged, unknown


@pytest.mark.windtunnel(seeds=200)
async def test_no_deposit_is_lost(world):
    """What was acknowledged is in the account, and nothing else but perhaps the unknown."""
    world.host("db", main=redis.serve)
    world.host("api1", main=serve)
    world.host("api2", main=serve)
    ann, ben = await asyncio.gather(customer(world, "ann"), customer(world, "ben"))
    await world.healed()
    async with world.client("auditor"), httpx.AsyncClient() as http:
        cents = (await http.get("http://api1/accounts/family")).json()["cents"]
    acknowledged, unknown = ann[0] + ben[0], ann[1] + ben[1]
    assert acknowledged <= cents <= acknowledged + unknown
