"""Questions with deadlines. So far the caller stops waiting; the services know nothing of it and work on."""

import asyncio
import json
import time


class DeadlineExceeded(Exception):
    """The time of the caller is up."""


class RemoteError(Exception):
    """The service answered that it cannot do it, and why."""


class Deadline:
    """A moment on this machine's own clock: `seconds` from now."""

    def __init__(self, seconds):
        self._at_s = time.monotonic() + seconds

    def left_s(self):
        """Seconds until then; negative when it has passed."""
        return self._at_s - time.monotonic()


# --- The caller ---


async def call(host, port, question, deadline):
    """The answer of the service at host:port to `question`."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_encoded({"left_s": deadline.left_s(), "question": question}))
    try:
        async with asyncio.timeout(deadline.left_s()):
            line = await reader.readline()
    except TimeoutError:
        raise DeadlineExceeded from None
    writer.close()
    if not line.endswith(b"\n"):
        raise ConnectionResetError(f"{host}:{port} closed the connection without a reply")
    reply = json.loads(line)
    if "error" in reply:
        raise RemoteError(reply["error"])
    return reply["answer"]


def _encoded(message):
    return json.dumps(message).encode() + b"\n"


# --- The service ---


async def serve(port, handler):
    """Answer questions on `port` with what `handler(question, deadline)` returns, for ever."""

    async def accept(reader, writer):
        request = json.loads(await reader.readline())
        try:
            reply = {"answer": await handler(request["question"], Deadline(5.0))}
        except Exception as error:
            reply = {"error": str(error)}
        writer.write(_encoded(reply))
        writer.close()

    server = await asyncio.start_server(accept, None, port)
    async with server:
        await server.serve_forever()
