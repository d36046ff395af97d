"""A FastAPI service, its Redis and its client: what the client sees when something between them fails, and afterwards."""

import asyncio

import httpx
import pytest
import redis.asyncio
import uvicorn
from fastapi import FastAPI
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from windtunnel.batteries import redis as store
from windtunnel.sim import World


def build():
    """A counter that takes half a second to count."""
    app = FastAPI()
    db = redis.asyncio.Redis(host="db", socket_timeout=2.0, retry=Retry(NoBackoff(), 0))

    @app.post("/count")
    async def count():
        await asyncio.sleep(0.5)
        return await db.incr("count")

    return app


async def serve():
    await uvicorn.Server(uvicorn.Config(build(), host="0.0.0.0", port=80, log_level="critical")).serve()


async def asked(http):
    """The status of one request, or the name of the error."""
    try:
        return (await http.post("http://api/count")).status_code
    except httpx.HTTPError as error:
        return type(error).__name__


def outcome(harm, seed=1):
    """What a request says before, during and after something that happens in the middle of it."""
    world = World(seed)

    async def scenario():
        world.host("db", main=lambda: store.serve(directory="/data", appendfsync="always"))
        world.host("api", main=serve)
        await asyncio.sleep(1.0)
        async with world.client("shopper"), httpx.AsyncClient(timeout=5.0) as http:
            before = await asked(http)
            question = asyncio.create_task(asked(http))
            await asyncio.sleep(0.3)
            await harm(world)
            during = await question
            world.heal()
            for node in world.nodes:
                if not world.running(node):
                    world.restart(node)
            await asyncio.sleep(10.0)
            return before, during, await asked(http)

    return world.run(scenario)


async def cut_the_store_off(world):
    world.cut([("api", "db"), ("db", "api")])


async def cut_the_client_off(world):
    world.cut([("shopper", "api"), ("api", "shopper")])


async def crash_the_service(world):
    world.crash("api")


async def kill_the_service(world):
    world.hosts["api"].kill()


async def crash_the_store(world):
    world.crash("db")
    world.restart("db")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("harm", "during"),
    [
        (cut_the_store_off, 500),  # redis-py's two seconds are over before httpx's five
        (cut_the_client_off, "ReadTimeout"),
        (crash_the_service, "ReadTimeout"),  # silence: nobody is left who could close the connection
        (kill_the_service, "RemoteProtocolError"),  # the system closes it
        (crash_the_store, 500),  # a new process answers the old connection with a reset
    ],
)
def test_a_failure_in_the_middle_of_a_request(harm, during, seed):
    """Each failure has its own face, and once it is over the service answers again."""
    assert outcome(harm, seed) == (200, during, 200)
