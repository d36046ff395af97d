"""Seeds of a FastAPI test: what a fork costs, and how many seeds a second run on two cores.

    python benchmarks/bench_seeds.py [--quick]

The test is unmodified code: uvicorn with FastAPI on one host, two shoppers with httpx on two others who buy at the same time, an
auditor. The peer of a fork is a fresh interpreter with the same imports; the peer of the campaign is the campaign with one job.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time

import httpx
import uvicorn
from fastapi import FastAPI

from windtunnel.testing import check
from windtunnel.testing.forks import Crew

IMPORTS = "import fastapi, httpx, uvicorn, windtunnel.sim.machines.trial"
stock: dict[str, int] = {}
app = FastAPI()


@app.post("/buy/{what}")
async def buy(what: str) -> dict[str, int]:
    stock[what] = stock.get(what, 0) + 1
    return {"bought": stock[what]}


@app.get("/stock/{what}")
async def bought(what: str) -> dict[str, int]:
    return {"bought": stock.get(what, 0)}


def serve():
    return uvicorn.Server(uvicorn.Config(app, host="0.0.0.0", port=80, log_level="warning", lifespan="off")).serve()


async def shop(world, name, orders):
    async with world.client(name), httpx.AsyncClient(verify=False, trust_env=False) as http:
        for _ in range(orders):
            (await http.post("http://api/buy/apple")).raise_for_status()
            await asyncio.sleep(0.05)


async def scenario(world):
    world.host("api", main=serve)
    await asyncio.sleep(0.1)
    await asyncio.gather(shop(world, "ann", 2), shop(world, "ben", 2))
    async with world.client("auditor"), httpx.AsyncClient(verify=False, trust_env=False) as http:
        assert (await http.get("http://api/stock/apple")).json() == {"bought": 4}


def fork_ms(rounds: int) -> float:
    """The least of several means: a child that does nothing, from fork to its answer."""
    means = []
    for _ in range(5):
        with Crew(abs, jobs=1, limit_s=60.0) as crew:
            began = time.perf_counter()
            for i in range(rounds):
                crew.start(i)
                while not crew.wait():
                    pass
            means.append((time.perf_counter() - began) / rounds * 1e3)
    return min(means)


def fresh_ms(rounds: int) -> float:
    """The same work by an interpreter that begins with nothing."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True)
        took.append((time.perf_counter() - began) * 1e3)
    return min(took)


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    seeds, rounds = (60, 2) if quick else (200, 3)
    cores = min(2, os.cpu_count() or 1)
    fork, fresh = fork_ms(30 if quick else 100), fresh_ms(rounds)
    alone, together = [], []
    for _ in range(rounds):
        alone.append(check(scenario, seeds=seeds, jobs=1))
        together.append(check(scenario, seeds=seeds, jobs=cores))
    assert all(campaign.verdict == "valid" for campaign in alone + together)
    ours = statistics.median(campaign.rate_per_s for campaign in together)
    peer = statistics.median(campaign.rate_per_s for campaign in alone)
    common = {"kernel": "compiled", "command": "python benchmarks/bench_seeds.py"}
    return [
        {
            "name": "a child per seed, with FastAPI, uvicorn, httpx imported",
            "unit": "ms",
            "ours": fork,
            "peer_name": "fresh interpreter",
            "peer": fresh,
            "ratio": fresh / fork,
            **common,
        },
        {
            "name": f"FastAPI, uvicorn, httpx test, {cores} jobs",
            "unit": "seeds/s",
            "ours": ours,
            "peer_name": "one job",
            "peer": peer,
            "ratio": ours / peer,
            **common,
        },
    ]


if __name__ == "__main__":
    for row in rows(quick="--quick" in sys.argv):
        print(f"{row['name']:58} {row['ours']:8.2f} {row['unit']} against {row['peer']:.2f}: {row['ratio']:.2f}x")
