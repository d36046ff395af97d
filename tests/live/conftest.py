"""Small pieces that several modules of live tests share: ends of connections, and patience."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from windtunnel.base.messages import Message
from windtunnel.live.transport import Transport
from windtunnel.runtime.codec import Codec

HOST = "127.0.0.1"
PATIENCE_S = 60.0


class Note(Message, frozen=True):
    """A message of the tests."""

    text: str


CODEC = Codec((Note,))


async def until(condition):
    """Wait for a condition, with all the patience that a loaded machine needs."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


class End:
    """A transport and what it received."""

    def __init__(self, me, addresses=None):
        self.got = []
        self.said = []
        self.transport = Transport(
            me, CODEC, addresses or {}, lambda src, message: self.got.append((src, message.text)), say=self.said.append
        )

    def send(self, dst, *texts):
        """Send these texts to `dst` in one turn."""
        for text in texts:
            self.transport.send(dst, Note(text))
        self.transport.flush()

    def texts(self):
        """What arrived, without the senders."""
        return [text for _src, text in self.got]


async def listening(me, addresses=None, port=0):
    """An end that listens, and its address."""
    end = End(me, addresses)
    return end, (HOST, await end.transport.listen(HOST, port))


@pytest.fixture(scope="session")
def ends():
    """The pieces above."""
    return SimpleNamespace(End=End, listening=listening, until=until, HOST=HOST)
