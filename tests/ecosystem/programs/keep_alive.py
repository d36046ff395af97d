"""Which connections httpx keeps: the server says from which port each request came."""

import asyncio
import contextlib

import httpx
import uvicorn


async def app(scope, receive, send):
    """A bare ASGI application: the client's port."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(scope["client"][1]).encode()})


async def serve(host, port):
    """Serve until cancelled; an idle connection is closed after 0.3 s."""
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_keep_alive=0.3))
    server.capture_signals = contextlib.nullcontext  # the test process keeps its own
    try:
        await server.serve()
    except asyncio.CancelledError:
        await server.shutdown()
        raise


async def use(host, port):
    """How many connections five requests take: one after the other, closed each time, at once, and after the server hung up."""
    facts = {}
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        facts["kept"] = len({(await client.get("/")).text for _ in range(5)})
        facts["closed"] = len({(await client.get("/", headers={"Connection": "close"})).text for _ in range(5)})
        facts["at once"] = len({answer.text for answer in await asyncio.gather(*(client.get("/") for _ in range(5)))})
        await asyncio.sleep(0.6)
        before = (await client.get("/")).text
        facts["after the server hung up"] = len({before, (await client.get("/")).text})
    return facts


EXPECTED = {"kept": 1, "closed": 5, "at once": 5, "after the server hung up": 1}
