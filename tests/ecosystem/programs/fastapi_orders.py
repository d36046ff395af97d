"""FastAPI on uvicorn, asked by httpx: async and `def` endpoints, lifespan, background tasks, streaming, files, a WebSocket."""

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import httpx
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, UploadFile, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from websockets.asyncio.client import connect


class Order(BaseModel):
    """What a client posts."""

    item: str
    count: int = 1


def customer(name: str = "anonymous") -> str:
    """A dependency that is a plain function: the framework runs it in a worker thread."""
    return name.title()


def build(folder):
    """The application; a new one for each life of a server."""

    @contextlib.asynccontextmanager
    async def lifespan(app):
        app.state.log = ["up"]
        await asyncio.sleep(0)
        yield
        app.state.log.append("down")

    app = FastAPI(lifespan=lifespan)
    orders = []

    @app.post("/orders", status_code=201)
    async def post(order: Order, background: BackgroundTasks):
        orders.append(order)
        background.add_task(app.state.log.append, f"mailed {order.item}")
        return {"id": len(orders)}

    @app.get("/orders/{number}")
    def get(number: int, who: Annotated[str, Depends(customer)]):
        if not 0 < number <= len(orders):
            raise HTTPException(404, "no such order")
        return {"who": who, **orders[number - 1].model_dump()}

    @app.get("/stream")
    async def stream():
        async def numbers():
            for i in range(4):
                yield f"{i};"
                await asyncio.sleep(0.01)

        return StreamingResponse(numbers(), media_type="text/plain")

    @app.post("/upload")
    async def upload(file: UploadFile):
        return {"name": file.filename, "bytes": len(await file.read())}

    @app.get("/log")
    def log():
        return app.state.log

    @app.websocket("/ws")
    async def ws(socket: WebSocket):
        await socket.accept()
        await socket.send_json({"got": await socket.receive_text()})
        await socket.close()

    app.mount("/static", StaticFiles(directory=folder))
    return app


async def serve(host, port):
    """Serve until cancelled."""
    with tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread(Path(folder, "hello.txt").write_text, "a file of this host\n")
        server = uvicorn.Server(uvicorn.Config(build(folder), host=host, port=port, log_level="warning"))
        server.capture_signals = contextlib.nullcontext  # the test process keeps its own
        try:
            await server.serve()
        except asyncio.CancelledError:
            await server.shutdown()
            raise


async def use(host, port):
    """Everything once, as a dict of facts."""
    facts = {}
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        answer = await client.post("/orders", json={"item": "tea", "count": 2})
        facts["async endpoint"] = (answer.status_code, answer.json())
        facts["def endpoint"] = (await client.get("/orders/1", params={"name": "ann"})).json()
        facts["missing"] = (await client.get("/orders/2")).status_code
        facts["invalid"] = (await client.post("/orders", json={"count": "x"})).status_code
        async with client.stream("GET", "/stream") as stream:
            facts["stream"] = "".join([piece async for piece in stream.aiter_text()])
        facts["upload"] = (await client.post("/upload", files={"file": ("a.bin", b"z" * 300_000)})).json()
        answer = await client.get("/static/hello.txt")
        facts["static"] = (answer.text, "etag" in answer.headers, "last-modified" in answer.headers)
        facts["log"] = (await client.get("/log")).json()
        facts["many"] = sum([r.json()["count"] for r in await asyncio.gather(*(client.get("/orders/1") for _ in range(20)))])
    async with connect(f"ws://{host}:{port}/ws") as ws:
        await ws.send("hi")
        facts["ws"] = await ws.recv()
    return facts


EXPECTED = {
    "async endpoint": (201, {"id": 1}),
    "def endpoint": {"who": "Ann", "item": "tea", "count": 2},
    "missing": 404,
    "invalid": 422,
    "stream": "0;1;2;3;",
    "upload": {"name": "a.bin", "bytes": 300_000},
    "static": ("a file of this host\n", True, True),
    "log": ["up", "mailed tea"],
    "many": 40,
    "ws": '{"got":"hi"}',
}
