"""aiohttp on both sides: JSON, a streamed answer, a chunked upload, a cookie, a redirect, a time limit, a WebSocket."""

import asyncio

from aiohttp import ClientSession, ClientTimeout, CookieJar, WSMsgType, web


async def echo(request):
    """The body, and the cookie that came with it."""
    return web.json_response({"text": await request.text(), "cookie": request.cookies.get("seen", "")})


async def login(_request):
    """Sends the client on, with a cookie."""
    answer = web.HTTPFound("/echo")
    answer.set_cookie("seen", "yes")
    raise answer


async def lines(request):
    """Five lines, one after the other."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for i in range(5):
        await answer.write(f"line {i}\n".encode())
        await asyncio.sleep(0.01)
    await answer.write_eof()
    return answer


async def upload(request):
    """How many bytes came, read piece by piece."""
    return web.json_response({"bytes": sum([len(piece) async for piece in request.content.iter_chunked(4096)])})


async def slow(_request):
    """Answers later than the client waits."""
    await asyncio.sleep(5)
    return web.Response(text="late")


async def socket(request):
    """A WebSocket that answers in capitals."""
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    async for message in answer:
        if message.type == WSMsgType.TEXT:
            await answer.send_str(message.data.upper())
    return answer


async def serve(host, port):
    """Serve until cancelled."""
    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/login", login)
    app.router.add_get("/lines", lines)
    app.router.add_post("/upload", upload)
    app.router.add_get("/slow", slow)
    app.router.add_get("/ws", socket)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def pieces():
    """100 kB in ten pieces."""
    for i in range(10):
        yield bytes([i]) * 10_000
        await asyncio.sleep(0)


async def use(host, port):
    """Everything once, as a dict of facts."""
    facts = {}
    base = f"http://{host}:{port}"
    async with ClientSession(base, cookie_jar=CookieJar(unsafe=True)) as session:
        async with session.post("/echo", data="first") as answer:
            facts["post"] = (answer.status, await answer.json())
        async with session.get("/login") as answer:
            facts["redirect"] = (answer.status, answer.url.path, (await answer.json())["cookie"])
        async with session.get("/lines") as answer:
            facts["lines"] = [line.decode().strip() async for line in answer.content]
        async with session.post("/upload", data=pieces()) as answer:
            facts["upload"] = await answer.json()
        async with session.get("/nothing") as answer:
            facts["missing"] = answer.status
        try:
            async with session.get("/slow", timeout=ClientTimeout(total=0.2)) as answer:
                facts["slow"] = await answer.text()
        except TimeoutError as error:
            facts["slow"] = type(error).__name__
        async with session.ws_connect("/ws") as ws:
            for word in ("abc", "x" * 70_000):
                await ws.send_str(word)
                facts[f"ws {len(word)}"] = (await ws.receive_str())[:3]
            await ws.close(code=1001)
            facts["ws close"] = ws.close_code
    return facts


EXPECTED = {
    "post": (200, {"text": "first", "cookie": ""}),
    "redirect": (200, "/echo", "yes"),
    "lines": ["line 0", "line 1", "line 2", "line 3", "line 4"],
    "upload": {"bytes": 100_000},
    "missing": 404,
    "slow": "TimeoutError",
    "ws 3": "ABC",
    "ws 70000": "XXX",
    "ws close": 1000,
}
