"""A wallet: deposits are added to balances that Redis keeps. Several processes of it serve the same customers."""

import asyncio
import logging
from uuid import uuid4

import redis.asyncio
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

log = logging.getLogger("wallet")
LEASE_MS = 2000  # a process that dies with the lock must not keep it for ever


class Deposit(BaseModel):
    """What a customer posts."""

    cents: int


async def screen(name: str, cents: int) -> None:
    """Ask the bank whether anything is wrong with this deposit; here, only the time that it takes."""
    await asyncio.sleep(0.2)


def build(host: str = "db", port: int = 6379) -> FastAPI:
    """The application of one process; `host` and `port` are those of Redis."""
    app = FastAPI()
    db = redis.asyncio.Redis(host=host, port=port)

    @app.post("/accounts/{name}/deposits")
    async def deposit(name: str, body: Deposit) -> dict[str, int]:
        lock = f"lock:{name}"
        while not await db.set(lock, uuid4().hex, nx=True, px=LEASE_MS):  # somebody else is at it
            await asyncio.sleep(0.05)
        try:
            cents = int(await db.get(name) or 0)
            log.info("%s has %d cents, adding %d", name, cents, body.cents)
            await screen(name, body.cents)
            await db.set(name, cents + body.cents)
        finally:
            await db.delete(lock)
        return {"cents": cents + body.cents}

    @app.get("/accounts/{name}")
    async def balance(name: str) -> dict[str, int]:
        return {"cents": int(await db.get(name) or 0)}

    return app


async def serve(port: int = 80) -> None:
    """One process, until it is told to stop."""
    await uvicorn.Server(uvicorn.Config(build(), host="0.0.0.0", port=port, log_level="warning")).serve()
