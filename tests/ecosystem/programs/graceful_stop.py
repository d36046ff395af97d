"""uvicorn told to stop: the request in flight is answered, the lifespan ends, nobody is let in any more.

Run as a program on its own it serves at the port it is given, until SIGTERM.
"""

import asyncio
import contextlib
import sys

import httpx
import uvicorn
from fastapi import FastAPI


@contextlib.asynccontextmanager
async def lifespan(_app):
    """Says when it is over."""
    print("up", flush=True)  # noqa: T201 - what the test reads
    yield
    print("down", flush=True)  # noqa: T201


app = FastAPI(lifespan=lifespan)


@app.get("/slow")
async def slow():
    """Takes its time."""
    await asyncio.sleep(0.5)
    return {"done": True}


async def serve(host, port):
    """Serve until told to stop by a signal."""
    await uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning")).serve()


async def use(host, port, terminate):
    """A request in flight while `terminate` (a function) sends the signal, and one that comes too late."""
    facts = {}
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        flight = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.2)
        terminate()
        await asyncio.sleep(0.15)
        try:
            await httpx.AsyncClient().get(f"http://{host}:{port}/slow")
            facts["late"] = "served"
        except httpx.ConnectError as error:
            facts["late"] = type(error).__name__
        answer = await flight
        facts["in flight"] = (answer.status_code, answer.json())
    return facts


EXPECTED = {"late": "ConnectError", "in flight": (200, {"done": True})}

if __name__ == "__main__":
    asyncio.run(serve("127.0.0.1", int(sys.argv[1])))
