"""A mail server that delivers nothing: it takes messages, and tests look at them.

Source: RFC 5321; SIZE (1870), 8BITMIME (6152), PIPELINING (2920).
Omits:   authentication, TLS, relaying, delivery reports.

`sink.messages` holds what was accepted. `sink.refused` makes recipients fail: an address to a reply, such as "550 5.1.1 no such
user" for good or "451 4.7.1 try again later" for now. They are asked at RCPT, as real servers do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

LINE_BYTES_MAX = 2048  # RFC 5321, 4.5.3.1: 512 at least; extensions add to it
MESSAGE_BYTES_MAX = 32 << 20
RECIPIENTS_MAX = 1000

_PATH = re.compile(rb"(FROM|TO):\s*<(?:@[^:<>]*:)?([^<>\s]*)>(?:\s+(.*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """What was accepted: the envelope, and the contents with CRLF line ends, dots taken away."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    helo: str


class SmtpSink:
    """The server. accepted: called with each message, for those who do not want to poll."""

    def __init__(self, hostname: str = "sink", accepted: Callable[[Message], object] | None = None) -> None:
        self.messages: list[Message] = []
        self.refused: dict[str, str] = {}
        self.hostname = hostname
        self.port = 0
        self._accepted = accepted
        self._listening: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], None] = {}

    async def start(self, host: str | None = None, port: int = 2525) -> None:
        """Listen. Raises OSError for a port in use."""
        self._listening = await asyncio.start_server(self._accept, host, port, limit=MESSAGE_BYTES_MAX)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, drop every connection."""
        assert self._listening is not None, "not started"
        self._listening.close()
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def take(self, message: Message) -> None:
        """Keep a message."""
        self.messages.append(message)
        if self._accepted is not None:
            self._accepted(message)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = None
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the peer is gone, or we are
        finally:
            del self._connections[task]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class _Conversation:
    """One connection."""

    def __init__(self, sink: SmtpSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._helo = ""
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._say(f"220 {self._sink.hostname} ESMTP, delivers nothing")
        while True:
            try:
                line = await self._reader.readuntil(b"\r\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                await self._say("500 5.5.2 line too long")
                return
            if len(line) > LINE_BYTES_MAX:
                await self._say("500 5.5.2 line too long")
                continue
            word, _, rest = line[:-2].partition(b" ")
            if not await self._obey(word.upper(), rest.strip()):
                return

    async def _obey(self, word: bytes, rest: bytes) -> bool:
        """Answer one command; False at the end of the conversation."""
        match word:
            case b"HELO" | b"EHLO" if rest:
                self._helo = rest.decode("utf-8", "replace")
                self._reset()
                lines = [self._sink.hostname]
                if word == b"EHLO":
                    lines += [f"SIZE {MESSAGE_BYTES_MAX}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
                await self._say(*(f"250{'-' if i < len(lines) - 1 else ' '}{text}" for i, text in enumerate(lines)))
            case b"MAIL":
                await self._mail(rest)
            case b"RCPT":
                await self._rcpt(rest)
            case b"DATA":
                await self._data(rest)
            case b"RSET":
                self._reset()
                await self._say("250 2.0.0 forgotten")
            case b"NOOP":
                await self._say("250 2.0.0 nothing done")
            case b"VRFY":
                await self._say("252 2.5.0 send and see")
            case b"QUIT":
                await self._say("221 2.0.0 bye")
                return False
            case b"HELO" | b"EHLO":
                await self._say("501 5.5.4 who are you?")
            case _:
                await self._say("500 5.5.2 unknown command")
        return True

    async def _mail(self, rest: bytes) -> None:
        match = _PATH.fullmatch(rest)
        if not self._helo or self._sender is not None:
            await self._say("503 5.5.1 not now")
        elif match is None or match[1].upper() != b"FROM":
            await self._say("501 5.5.4 expected: MAIL FROM:<address>")
        elif any(_size(option) > MESSAGE_BYTES_MAX for option in (match[3] or b"").split()):
            await self._say("552 5.3.4 too large")
        else:
            self._sender = match[2].decode("utf-8", "replace")
            await self._say("250 2.1.0 ok")

    async def _rcpt(self, rest: bytes) -> None:
        match = _PATH.fullmatch(rest)
        if self._sender is None:
            await self._say("503 5.5.1 first MAIL")
        elif match is None or match[1].upper() != b"TO" or not match[2]:
            await self._say("501 5.5.4 expected: RCPT TO:<address>")
        elif len(self._recipients) >= RECIPIENTS_MAX:
            await self._say("452 4.5.3 too many recipients")
        else:
            address = match[2].decode("utf-8", "replace")
            refusal = self._sink.refused.get(address)
            if refusal is None:
                self._recipients.append(address)
            await self._say(refusal or "250 2.1.5 ok")

    async def _data(self, rest: bytes) -> None:
        if rest:
            await self._say("501 5.5.4 DATA has no arguments")
            return
        if not self._recipients or self._sender is None:
            await self._say("503 5.5.1 first RCPT" if self._sender is not None else "503 5.5.1 first MAIL")
            return
        await self._say("354 end with a line that is a dot")
        lines: list[bytes] = []
        size = 0
        while (line := await self._line()) != b".\r\n":
            size += len(line)
            if size <= MESSAGE_BYTES_MAX:
                lines.append(line.removeprefix(b"."))
        if size > MESSAGE_BYTES_MAX:
            await self._say("552 5.3.4 too large")
        else:
            self._sink.take(Message(self._sender, tuple(self._recipients), b"".join(lines), self._helo))
            await self._say("250 2.0.0 taken")
        self._reset()

    async def _line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:
            return await self._reader.readexactly(error.consumed)  # part of a line: it cannot be the last

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()


def _size(option: bytes) -> int:
    name, _, value = option.partition(b"=")
    return int(value) if name.upper() == b"SIZE" and value.isdigit() and len(value) < 20 else 0


async def serve(host: str | None = None, port: int = 2525, accepted: Callable[[Message], object] | None = None) -> None:
    """Run a sink until it is cancelled."""
    sink = SmtpSink(accepted=accepted)
    await sink.start(host, port)
    try:
        await asyncio.get_running_loop().create_future()  # for ever
    finally:
        await sink.close()


def main() -> int:
    """`python -m windtunnel.batteries.smtp --port 2525`: prints every message."""
    parser = argparse.ArgumentParser(
        prog="python -m windtunnel.batteries.smtp", description="A mail server that delivers nothing."
    )
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=2525)
    options = parser.parse_args()

    def show(message: Message) -> None:
        print(f"--- from {message.sender or '<>'} to {', '.join(message.recipients)}")  # noqa: T201 - a face
        print(message.data.decode("utf-8", "replace"), flush=True)  # noqa: T201

    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(serve(options.bind, options.port, show))
        except OSError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
