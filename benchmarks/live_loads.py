"""Closed loops of clients for the live benchmarks: each sends its next operation when the last one was answered.

The clients of both sides are alike: raw `asyncio.Protocol`s in this process, one connection each, one write per operation,
the least parsing that tells success from failure. They share the machine's processors with what they measure.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass

from windtunnel.base.interface import Op, Request
from windtunnel.runtime.codec import Codec, Frames

VALUE = "x" * 64
WARM_S = 0.5


@dataclass(frozen=True)
class Load:
    """What a closed loop achieved. Latencies in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float


class Refused(Exception):  # noqa: N818
    """An operation was not answered with success: the leader has changed, perhaps."""


def load_of(latencies: list[float], seconds: float) -> Load:
    """Rate and quantiles of the operations that ended within `seconds`."""
    ordered = sorted(latencies)
    if not ordered:
        raise Refused("no operation ended")
    at = lambda q: 1e3 * ordered[min(len(ordered) - 1, int(q * len(ordered)))]  # noqa: E731
    return Load(len(ordered) / seconds, at(0.5), at(0.99))


class Client(asyncio.Protocol):
    """One closed loop on one connection. Subclasses say what an operation is, and when it has been answered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.latencies: list[float] = []
        self.going = False
        self.error: str | None = None
        self.at = 0.0

    def connection_made(self, transport) -> None:
        """Connected."""
        self.wire = transport

    def next(self) -> None:
        """Send one operation."""
        self.at = time.perf_counter()
        self.wire.write(self.operation())

    def answered(self) -> None:
        """Note the latency, and go on."""
        self.latencies.append(time.perf_counter() - self.at)
        if self.going:
            self.next()

    def operation(self) -> bytes:
        """The bytes of a write of `VALUE` to this client's own key."""
        raise AssertionError


class RaftClient(Client):
    """Speaks to a windtunnel node: a session with rising sequence numbers, each operation taken exactly once."""

    def __init__(self, name: str, codec: Codec) -> None:
        super().__init__(name)
        self.codec = codec
        self.frames = Frames(codec)
        self.seq = 0

    def operation(self) -> bytes:
        """A new request each time: its number must rise."""
        self.seq += 1
        return self.codec.encode(self.name, Request(self.name, self.seq, Op("write", self.name, VALUE)))

    def data_received(self, data: bytes) -> None:
        """A reply, or part of it."""
        for _src, reply in self.frames.feed(data):
            if reply.status != "ok":
                self.error = str(reply)
                return
            self.answered()


class EtcdClient(Client):
    """Speaks to etcd's JSON gateway over a kept-alive HTTP/1.1 connection; the request is built once."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        pair = {"key": base64.b64encode(name.encode()).decode(), "value": base64.b64encode(VALUE.encode()).decode()}
        body = json.dumps(pair).encode()
        self.request = b"POST /v3/kv/put HTTP/1.1\r\nHost: l\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        self.buffer = b""

    def operation(self) -> bytes:
        """The same bytes each time."""
        return self.request

    def data_received(self, data: bytes) -> None:
        """A response, or part of it."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 200"):
            self.error = self.buffer.decode(errors="replace")
            return
        self.buffer = self.buffer[end + 4 + length :]
        self.answered()


async def closed_loops(clients: list[Client], address: tuple[str, int], seconds: float) -> Load:
    """Run all clients against `address` for `seconds` after a warm-up. Raises Refused if one of them failed."""
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, *address)
    for client in clients:
        client.going = True
        client.next()
    await asyncio.sleep(WARM_S)
    for client in clients:
        client.latencies.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    for client in clients:
        client.going = False
    latencies = [each for client in clients for each in client.latencies]
    await asyncio.sleep(0.05)
    for client in clients:
        client.wire.abort()
    errors = [client.error for client in clients if client.error]
    if errors:
        raise Refused(errors[0])
    return load_of(latencies, took)
