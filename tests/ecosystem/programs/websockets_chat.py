"""websockets on both sides: text, bytes, fragments, compression, ping, broadcast, close codes, a refused handshake."""

import asyncio
import http

from websockets.asyncio.client import connect
from websockets.asyncio.server import broadcast
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed, InvalidStatus

members = set()


async def room(connection):
    """Backwards to who asks, and to everybody what begins with "all"."""
    members.add(connection)
    try:
        async for message in connection:
            if message == "leave":
                await connection.close(4001, "as you wish")
                return
            if isinstance(message, str) and message.startswith("all "):
                broadcast(members, message)
            else:
                await connection.send(message[::-1])
    finally:
        members.discard(connection)


def doorman(connection, request):
    """Nobody enters by the back door."""
    if request.path == "/back":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "the front door, please\n")
    return None


async def serve(host, port):
    """Serve until cancelled."""
    async with listen(room, host, port, process_request=doorman) as server:
        await server.serve_forever()


async def use(host, port):
    """A conversation, as a dict of facts."""
    facts = {}
    uri = f"ws://{host}:{port}/"
    async with connect(uri) as ann, connect(uri) as ben:
        await ann.send("hello")
        facts["text"] = await ann.recv()
        await ann.send(bytes(range(256)) * 400)
        facts["bytes"] = len(await ann.recv())
        await ben.send(["fr", "agm", "ents"])
        facts["fragments"] = await ben.recv()
        facts["compressed"] = [extension.name for extension in ann.protocol.extensions]
        latency = await (await ann.ping())
        facts["ping"] = 0.0 <= latency < 10.0
        await ben.send("all of you")
        facts["broadcast"] = [await ann.recv(), await ben.recv()]
        await ann.send("leave")
        try:
            await ann.recv()
        except ConnectionClosed as error:
            facts["closed"] = (error.rcvd.code, error.rcvd.reason)
    try:
        async with connect(f"{uri}back"):
            facts["refused"] = "entered"
    except InvalidStatus as error:
        facts["refused"] = error.response.status_code
    while members:
        await asyncio.sleep(0.05)
    facts["left"] = True
    return facts


EXPECTED = {
    "text": "olleh",
    "bytes": 102_400,
    "fragments": "stnemgarf",
    "compressed": ["permessage-deflate"],
    "ping": True,
    "broadcast": ["all of you", "all of you"],
    "closed": (4001, "as you wish"),
    "refused": 403,
    "left": True,
}
