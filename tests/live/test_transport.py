import asyncio

from windtunnel.live import transport as module
from windtunnel.runtime.codec import VERSION


def test_messages_arrive_in_order_and_answers_come_back(ends):
    """A client reaches a node by address, and is answered by name on its own connection."""

    async def main():
        node, address = await ends.listening("n1")
        client = ends.End("c1", {"n1": address})
        client.send("n1", "a", "b", "c")
        await ends.until(lambda: len(node.got) == 3)
        assert node.got == [("c1", "a"), ("c1", "b"), ("c1", "c")]
        node.send("c1", "x", "y")
        await ends.until(lambda: len(client.got) == 2)
        assert client.got == [("n1", "x"), ("n1", "y")]
        await client.transport.close()
        await node.transport.close()

    asyncio.run(main())


def test_peers_answer_on_the_connection_that_they_dialed(ends):
    """Each directed link is a connection of its own, also when the peer was heard first."""

    async def main():
        a, a_address = await ends.listening("a")
        b = ends.End("b", {"a": a_address})
        b_port = await b.transport.listen(ends.HOST, 0)
        a.transport._links["b"] = link = module._Link(a.transport, (ends.HOST, b_port))
        a.transport._channels["b"] = link
        b.send("a", "ping")
        await ends.until(lambda: a.got)
        assert a.transport._channels["b"] is link
        a.send("b", "pong")
        await ends.until(lambda: b.got)
        assert len(b.transport.incoming) == len(a.transport.incoming) == 1
        await a.transport.close()
        await b.transport.close()

    asyncio.run(main())


def test_a_turn_is_one_write(ends):
    """Everything that is sent between two flushes leaves in one write."""

    async def main():
        node, address = await ends.listening("n1")
        client = ends.End("c1", {"n1": address})
        client.send("n1", "hello")
        await ends.until(lambda: node.got)
        wire = client.transport._links["n1"]._wire
        writes = []
        client.transport._links["n1"]._wire = Spy(wire, writes)
        client.send("n1", "a", "b", "c")
        await ends.until(lambda: len(node.got) == 4)
        assert len(writes) == 1
        await client.transport.close()
        await node.transport.close()

    asyncio.run(main())


class Spy:
    """Counts the writes to a connection."""

    def __init__(self, wire, writes):
        self.wire = wire
        self.writes = writes

    def write(self, data):
        self.writes.append(data)
        self.wire.write(data)

    def abort(self):
        self.wire.abort()


def test_a_peer_that_comes_late_gets_what_was_kept(ends):
    """Messages sent before the peer listens are kept and delivered in order once it does."""

    async def main():
        first, (_, port) = await ends.listening("n1")
        await first.transport.close()
        client = ends.End("c1", {"n1": (ends.HOST, port)})
        client.send("n1", "early", "bird")
        await asyncio.sleep(0.02)
        node, _ = await ends.listening("n1", port=port)
        await ends.until(lambda: len(node.got) == 2)
        assert node.got == [("c1", "early"), ("c1", "bird")]
        await client.transport.close()
        await node.transport.close()

    asyncio.run(main())


def test_a_broken_connection_is_dialed_again(ends):
    """After a peer's restart messages flow again without anybody's help."""

    async def main():
        node, address = await ends.listening("n1")
        client = ends.End("c1", {"n1": address})
        client.send("n1", "one")
        await ends.until(lambda: node.got)
        await node.transport.close()
        again, _ = await ends.listening("n1", port=address[1])

        def heard():
            client.send("n1", "two")  # the first of these may be lost with the old connection
            return again.got

        await ends.until(heard)
        assert set(again.got) == {("c1", "two")}
        await client.transport.close()
        await again.transport.close()

    asyncio.run(main())


def test_a_full_buffer_drops_the_oldest(ends, monkeypatch):
    """While a peer is gone the newest messages are kept, and no more than the bound."""

    async def main():
        monkeypatch.setattr(module, "BUFFER_BYTES", 1000)
        first, (_, port) = await ends.listening("n1")
        await first.transport.close()
        client = ends.End("c1", {"n1": (ends.HOST, port)})
        client.send("n1", *(f"{i:0100d}" for i in range(50)))
        kept = 50 - client.transport.dropped
        assert 5 <= kept < 10
        node, _ = await ends.listening("n1", port=port)
        await ends.until(lambda: len(node.got) == kept)
        assert [int(text) for _src, text in node.got] == list(range(50 - kept, 50))
        await client.transport.close()
        await node.transport.close()

    asyncio.run(main())


def test_a_peer_that_does_not_read_costs_bounded_memory(ends, monkeypatch):
    """A stopped reader fills the socket, then the buffer, and then loses messages; the sender never blocks."""

    async def main():
        monkeypatch.setattr(module, "BUFFER_BYTES", 100_000)
        node, address = await ends.listening("n1")
        client = ends.End("c1", {"n1": address})
        client.send("n1", "hello")
        await ends.until(lambda: node.got)
        [channel] = node.transport.incoming
        channel._wire.pause_reading()
        text = "x" * 50_000
        link = client.transport._links["n1"]
        for _ in range(400):
            client.send("n1", text)
            assert link._bytes + link._wire.get_write_buffer_size() < 400_000
        assert client.transport.dropped > 0
        channel._wire.resume_reading()
        client.send("n1", "last")
        await ends.until(lambda: node.got[-1] == ("c1", "last"))
        await client.transport.close()
        await node.transport.close()

    asyncio.run(main())


def test_noise_costs_its_own_connection_only(ends):
    """A stray program that speaks something else is dropped with one line; others go on."""

    async def main():
        node, address = await ends.listening("n1")
        client = ends.End("c1", {"n1": address})
        client.send("n1", "before")
        await ends.until(lambda: node.got)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        client.send("n1", "after")
        await ends.until(lambda: len(node.got) == 2)
        assert len(node.said) == 1
        assert f"expected {VERSION}" in node.said[0]
        await client.transport.close()
        await node.transport.close()

    asyncio.run(main())


def test_unknown_names_are_lost_and_counted(ends):
    """A client that is gone cannot be answered; that is loss, not an error. A message to oneself arrives."""

    async def main():
        node, _ = await ends.listening("n1")
        node.send("nobody", "x")
        node.send("n1", "self")
        await ends.until(lambda: node.got)
        assert node.got == [("n1", "self")]
        assert node.transport.lost == 1
        await node.transport.close()

    asyncio.run(main())
