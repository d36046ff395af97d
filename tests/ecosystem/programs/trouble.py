"""Servers that leave their clients waiting, and what each client says when something happens meanwhile.

Run as a program on its own, `trouble.py SERVER PORT`, it is one of those servers: something to kill.
"""

import asyncio
import sys

import aiohttp
import httpx
import redis.asyncio
from aiohttp import web
from google.protobuf.wrappers_pb2 import StringValue
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.server import Server
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve as listen

PATIENCE_S = 1.0
MOST = 10_000_000  # bytes: more than all buffers on the way hold

# --- Servers: "ok" is answered, "wait" never, "half" only in part ---


async def http(host, port):
    """Over HTTP."""

    async def half(request):
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"ten bytes.")
        await asyncio.Event().wait()

    async def ok(_request):
        return web.Response(text="ok")

    async def wait(_request):
        await asyncio.Event().wait()

    app = web.Application()
    app.add_routes([web.route("*", "/ok", ok), web.route("*", "/wait", wait), web.route("*", "/half", half)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    await asyncio.Event().wait()


async def resp(host, port):
    """As a Redis."""

    async def handle(reader, writer):
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                await reader.readline()
                words.append((await reader.readline()).strip())
            if words[-1] == b"wait":
                await asyncio.Event().wait()
            elif words[-1] == b"half":
                writer.write(b"$100\r\nten bytes.")
            else:
                writer.write(b"+OK\r\n")
        writer.close()

    await (await asyncio.start_server(handle, host, port)).serve_forever()


async def websocket(host, port):
    """Over a WebSocket; all words are "wait" to it but "ok"."""

    async def handle(connection):
        async for word in connection:
            if word == "ok":
                await connection.send("ok")

    async with listen(handle, host, port) as server:
        await server.serve_forever()


async def grpc(host, port):
    """Over HTTP/2."""

    class Service:
        async def ask(self, stream):
            word = (await stream.recv_message()).value
            if word == "half":
                await stream.send_initial_metadata()
            if word != "ok":
                await asyncio.Event().wait()
            await stream.send_message(StringValue(value="ok"))

        def __mapping__(self):
            return {"/trouble.Service/Ask": Handler(self.ask, Cardinality.UNARY_UNARY, StringValue, StringValue)}

    server = Server([Service()])
    await server.start(host, port)
    await server.wait_closed()


async def stream(host, port):
    """Over plain streams; "flood" is not read after its first line."""

    async def handle(reader, writer):
        word = (await reader.readline()).strip()
        if word == b"half":
            writer.write(b"ten bytes.")
        if word != b"ok":
            await asyncio.Event().wait()
        writer.write(b"ok".ljust(100))
        await writer.drain()
        writer.close()

    await (await asyncio.start_server(handle, host, port, limit=1000)).serve_forever()


# --- Clients: one question each ---


async def by_aiohttp(host, port, word):
    """Aiohttp's client."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(connect=PATIENCE_S, sock_read=PATIENCE_S)) as session,
        session.post(f"http://{host}:{port}/{word}") as answer,
    ):
        return await answer.text()


async def by_httpx(host, port, word):
    """Httpx."""
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        return (await client.get(f"http://{host}:{port}/{word}")).text


async def by_redis(host, port, word):
    """redis-py, without its own retries."""
    options = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S, "retry": Retry(NoBackoff(), 0), "protocol": 2}
    async with redis.asyncio.Redis(host=host, port=port, **options) as client:
        return str(await client.get(word))


async def by_websockets(host, port, word):
    """websockets, whose pings go out every second."""
    async with connect(
        f"ws://{host}:{port}", open_timeout=PATIENCE_S, ping_interval=0.5, ping_timeout=0.5, close_timeout=0.1
    ) as ws:
        await ws.send(word)
        return await ws.recv()


async def by_grpclib(host, port, word):
    """Grpclib with a deadline."""
    async with Channel(host, port) as channel:
        ask = UnaryUnaryMethod(channel, "/trouble.Service/Ask", StringValue, StringValue)
        return (await ask(StringValue(value=word), timeout=PATIENCE_S)).value


async def by_stream(host, port, word):
    """Asyncio's streams."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"{word}\n".encode())
            if word == "flood":
                writer.write(b"x" * MOST)
            await writer.drain()
            return (await reader.readexactly(100)).decode()
        finally:
            writer.close()


LIBRARIES = {
    "aiohttp": (http, by_aiohttp),
    "httpx": (http, by_httpx),
    "redis": (resp, by_redis),
    "websockets": (websocket, by_websockets),
    "grpclib": (grpc, by_grpclib),
    "streams": (stream, by_stream),
}


SAID = {
    "aiohttp": {
        "ok": "ok",
        "nobody listens": "ClientConnectorError",
        "unknown name": "ClientConnectorDNSError",
        "killed, wait": "ServerDisconnectedError",
        "killed, half": "ClientPayloadError",
        "silence": "SocketTimeoutError",
        "no handshake": "ConnectionTimeoutError",
    },
    "httpx": {
        "ok": "ok",
        "nobody listens": "ConnectError",
        "unknown name": "ConnectError",
        "killed, wait": "RemoteProtocolError",
        "killed, half": "RemoteProtocolError",
        "silence": "ReadTimeout",
        "no handshake": "ConnectTimeout",
    },
    "redis": {
        "ok": "b'OK'",
        "nobody listens": "ConnectionError",
        "unknown name": "ConnectionError",
        "killed, wait": "ConnectionError",
        "killed, half": "ConnectionError",
        "silence": "TimeoutError",
        "no handshake": "TimeoutError",
    },
    "websockets": {
        "ok": "ok",
        "nobody listens": "ConnectionRefusedError",
        "unknown name": "gaierror",
        "killed, wait": "ConnectionClosedError",
        "killed, half": "ConnectionClosedError",
        "silence": "ConnectionClosedError",
        "no handshake": "TimeoutError",
    },
    "grpclib": {
        "ok": "ok",
        "nobody listens": "ConnectionRefusedError",
        "unknown name": "gaierror",
        "killed, wait": "StreamTerminatedError",
        "killed, half": "StreamTerminatedError",
        "silence": "TimeoutError",
        "no handshake": "TimeoutError",
    },
    "streams": {
        "ok": "ok",
        "nobody listens": "ConnectionRefusedError",
        "unknown name": "gaierror",
        "killed, wait": "IncompleteReadError",
        "killed, half": "IncompleteReadError",
        "killed, flood": "ConnectionResetError",  # what the server had not read makes the kernel send a reset
        "silence": "TimeoutError",
        "no handshake": "TimeoutError",
    },
}
"""What each client says on Linux: "killed" is kill -9 of the server at that word, "silence" a server that is stopped while it
owes an answer, "no handshake" a connect that nobody answers. After each kill, a new server at the same port is asked "ok"."""


async def answer_or_error(library, host, port, word):
    """What the client of a library says to `word`: the answer, or the names of the error's class and of its cause."""
    try:
        return (await LIBRARIES[library][1](host, port, word)).strip()
    except Exception as error:  # noqa: BLE001 - which it is, is the question
        return type(error).__name__


if __name__ == "__main__":
    asyncio.run(LIBRARIES[sys.argv[1]][0]("127.0.0.1", int(sys.argv[2])))
