"""Guards over a simulated network: a chain of services, slow, cut off and crashed."""

import asyncio
import json

import pytest

from windtunnel.resilience import (
    HEADER,
    Constant,
    NoTimeLeft,
    Refused,
    Retry,
    RetryBudget,
    TimedOut,
    deadline,
    decode_timeout,
    outgoing_header,
)
from windtunnel.sim import World

LATENCY_MAX_S = 0.0015


async def call(host, request):
    """One request over TCP: the deadline of the context goes along."""
    reader, writer = await asyncio.open_connection(host, 9000)
    try:
        writer.write(json.dumps({**request, "headers": outgoing_header()}).encode() + b"\n")
        line = await reader.readline()
        if not line:
            raise ConnectionResetError("no answer")
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["value"]
    finally:
        writer.close()


def service(handle):
    """A server that gives each request the time that its caller has left."""

    async def answer(reader, writer):
        request = json.loads(await reader.readline())
        left = request["headers"].get(HEADER)
        try:
            async with deadline(None if left is None else decode_timeout(left)):
                reply = {"value": await handle(request)}
        except (OSError, Refused, TimedOut) as error:
            reply = {"error": repr(error)}
        writer.write(json.dumps(reply).encode() + b"\n")
        writer.close()

    async def main():
        server = await asyncio.start_server(answer, port=9000)
        await server.serve_forever()

    return main


@pytest.mark.parametrize("seed", range(5))
def test_no_work_continues_after_the_caller_s_deadline(seed):
    """Three hops down, work stops when the caller's time is over, later by no more than the requests travelled."""
    world = World(seed, latency=("uniform", 0.0005, LATENCY_MAX_S))
    worked = []

    async def leaf(_request):
        while True:
            worked.append(world.now)
            await asyncio.sleep(0.01)

    async def main():
        world.host("c", main=service(leaf))
        world.host("b", main=service(lambda request: call("c", request)))
        world.host("a", main=service(lambda request: call("b", request)))
        await asyncio.sleep(0.1)
        begun = world.now
        async with world.client("user"):
            with pytest.raises(TimedOut):
                async with deadline(0.5):
                    await call("a", {})
        await asyncio.sleep(5)
        return begun

    begun = world.run(main)
    assert begun + 0.4 < max(worked) <= begun + 0.5 + 3 * 2 * LATENCY_MAX_S


def test_a_request_that_arrives_too_late_is_not_begun():
    """The header says that nothing is left: NoTimeLeft, and the handler never runs."""

    async def main():
        begun = []
        with pytest.raises(NoTimeLeft):
            async with deadline(decode_timeout("0n")):
                begun.append(1)
        return begun

    assert World(1).run(main) == []


@pytest.mark.parametrize(("budgeted", "most"), [(False, 27.0), (True, 1.5)])
def test_retries_of_layers_multiply_and_a_budget_stops_it(budgeted, most):
    """Three layers with three attempts each over a dead leaf: 27 calls for one; with a budget of 10 % each layer adds a tenth."""
    world = World(2)
    reached, sent = [], 20

    async def dead(_request):
        reached.append(1)
        raise OSError("down")

    def layer(below):
        budget = RetryBudget(0.1, 1) if budgeted else None
        retry = Retry(OSError, attempts=3, backoff=Constant(pause_s=0.01), budget=budget)
        return service(retry(lambda_to(below)))

    def lambda_to(below):
        async def forward(request):
            return await call(below, request)

        return forward

    async def main():
        world.host("leaf", main=service(dead))
        for name, below in (("c", "leaf"), ("b", "c"), ("a", "b")):
            world.host(name, main=layer(below))
        await asyncio.sleep(0.1)
        async with world.client("user"):
            for _ in range(sent):
                with pytest.raises(OSError, match="down"):
                    await call("a", {})

    world.run(main)
    amplification = len(reached) / sent
    assert amplification == most if not budgeted else 1.0 <= amplification <= most


@pytest.mark.parametrize("seed", range(3))
def test_a_retry_outlasts_a_restart(seed):
    """A server is killed and comes back after 2 s: every call with enough attempts gets its answer."""
    world = World(seed)

    async def echo(request):
        return request["n"]

    async def main():
        server = world.host("a", main=service(echo))
        retry = Retry(OSError, attempts=20, backoff=Constant(pause_s=0.3, spread=0.5))(call)
        await asyncio.sleep(0.1)
        async with world.client("user"):
            calls = [asyncio.create_task(retry("a", {"n": n})) for n in range(20)]
            await asyncio.sleep(0.0005)
            server.kill()
            await asyncio.sleep(2)
            server.restart()
            return await asyncio.gather(*calls)

    assert world.run(main) == list(range(20))
