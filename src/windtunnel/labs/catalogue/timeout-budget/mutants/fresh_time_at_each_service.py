"""Questions with deadlines: what is left of the caller's time goes along with the question, and ends the work everywhere."""

import asyncio
import json
import time
from contextlib import suppress


class DeadlineExceeded(Exception):
    """The time of the caller is up."""


class RemoteError(Exception):
    """The service answered that it cannot do it, and why."""


class Deadline:
    """A moment on this machine's own clock: `seconds` from now."""

    def __init__(self, seconds):
        self._at_s = time.monotonic() + seconds

    def left_s(self):
        return self._at_s - time.monotonic()


# --- The caller ---


async def call(host, port, question, deadline):
    if deadline.left_s() <= 0.0:
        raise DeadlineExceeded
    try:
        async with asyncio.timeout(deadline.left_s()) as limit:
            reply = await _ask(host, port, question, deadline)
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded from None
        raise  # the network gave up before we did
    if "exceeded" in reply:
        raise DeadlineExceeded
    if "error" in reply:
        raise RemoteError(reply["error"])
    return reply["answer"]


async def _ask(host, port, question, deadline):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_encoded({"left_s": deadline.left_s(), "question": question}))
        line = await reader.readline()
    finally:
        writer.close()  # also when we leave before the answer: so the service sees that nobody waits
    if not line.endswith(b"\n"):
        raise ConnectionResetError(f"{host}:{port} closed the connection without a reply")
    return json.loads(line)


def _encoded(message):
    return json.dumps(message).encode() + b"\n"


# --- The service ---


async def serve(port, handler):
    async def accept(reader, writer):
        with suppress(OSError):
            line = await reader.readline()
            if line.endswith(b"\n"):
                writer.write(_encoded(await _reply(json.loads(line), reader, handler)))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(accept, None, port)
    async with server:
        await server.serve_forever()


async def _reply(request, reader, handler):
    """What to say to a request, by the time its caller has left at the latest."""
    deadline = Deadline(1.0)
    if deadline.left_s() <= 0.0:
        return {"exceeded": True}
    hung_up = asyncio.create_task(_until_hung_up(reader))
    work = asyncio.create_task(handler(request["question"], deadline))
    try:
        await asyncio.wait({work, hung_up}, timeout=deadline.left_s(), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return {"exceeded": True}
        return {"answer": work.result()}
    except DeadlineExceeded:
        return {"exceeded": True}
    except Exception as error:
        return {"error": str(error)}
    finally:
        work.cancel()
        hung_up.cancel()


async def _until_hung_up(reader):
    with suppress(OSError):
        await reader.read()
