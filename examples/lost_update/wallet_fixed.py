"""A wallet: deposits are added to balances that Redis keeps. Several processes of it serve the same customers."""

import asyncio
import logging

import redis.asyncio
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

log = logging.getLogger("wallet")


class Deposit(BaseModel):
    """What a customer posts."""

    cents: int


async def screen(name: str, cents: int) -> None:
    """Ask the bank whether anything is wrong with this deposit; here, only the time that it takes."""
    await asyncio.sleep(0.2)


def build(host: str = "db", port: int = 6379) -> FastAPI:
    """The application of one process; `host` and `port` are those of Redis."""
    app = FastAPI()
    db = redis.asyncio.Redis(host=host, port=port, retry=Retry(NoBackoff(), 0))  # a deposit is not to be made twice

    @app.post("/accounts/{name}/deposits")
    async def deposit(name: str, body: Deposit) -> dict[str, int]:
        await screen(name, body.cents)
        cents = await db.incrby(name, body.cents)  # one step, made where the balance is
        log.info("%s has %d cents after %d", name, cents, body.cents)
        return {"cents": cents}

    @app.get("/accounts/{name}")
    async def balance(name: str) -> dict[str, int]:
        return {"cents": int(await db.get(name) or 0)}

    return app


async def serve(port: int = 80) -> None:
    """One process, until it is told to stop."""
    await uvicorn.Server(uvicorn.Config(build(), host="0.0.0.0", port=port, log_level="warning")).serve()
