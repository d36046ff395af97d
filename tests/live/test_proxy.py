import asyncio
import contextlib
import threading

import pytest

from windtunnel.live.proxy import LinkProxies


class Pair:
    """Two nodes, a and b, that know each other through proxies only."""

    def __init__(self, proxies, a, b):
        self.proxies = proxies
        self.a = a
        self.b = b


@pytest.fixture
def pair(ends):
    """Opens a pair for the length of an `async with`."""

    @contextlib.asynccontextmanager
    async def opened():
        a, a_address = await ends.listening("a")
        b, b_address = await ends.listening("b")
        proxies = LinkProxies(("a", "b"), seed=1)
        addresses = await proxies.start({"a": a_address, "b": b_address})
        await a.transport.close()
        await b.transport.close()
        a, _ = await ends.listening("a", {"b": addresses["a", "b"]}, a_address[1])
        b, _ = await ends.listening("b", {"a": addresses["b", "a"]}, b_address[1])
        try:
            yield Pair(proxies, a, b)
        finally:
            await proxies.stop()
            await a.transport.close()
            await b.transport.close()

    return opened


def test_open_links_pass_everything(ends, pair):
    """Messages go both ways, in order, each direction on a link of its own."""

    async def main():
        async with pair() as net:
            net.a.send("b", *map(str, range(200)))
            net.b.send("a", *map(str, range(200)))
            await ends.until(lambda: len(net.a.got) == len(net.b.got) == 200)
            assert net.b.texts() == net.a.texts() == list(map(str, range(200)))

    asyncio.run(main())


def test_hold_keeps_messages_in_order_until_the_heal(ends, pair):
    """A held direction delivers nothing; the other goes on; the heal releases everything, in order."""

    async def main():
        async with pair() as net:
            net.a.send("b", "before")
            await ends.until(lambda: net.b.got)
            await net.proxies.cut([("a", "b")], hold=True)
            net.a.send("b", "one")
            net.a.send("b", "two")
            net.b.send("a", "other way")
            await ends.until(lambda: net.a.got)
            assert net.b.texts() == ["before"]
            await net.proxies.heal()
            await ends.until(lambda: len(net.b.got) == 3)
            assert net.b.texts() == ["before", "one", "two"]

    asyncio.run(main())


def test_reset_breaks_one_direction_and_heals(ends, pair):
    """A reset link loses its messages although the sender dials again and again; after the heal it works by itself."""

    async def main():
        async with pair() as net:
            net.a.send("b", "before")
            await ends.until(lambda: net.b.got)
            await net.proxies.cut([("a", "b")], hold=False)
            net.b.send("a", "other way")
            await ends.until(lambda: net.a.got)
            net.a.send("b", "into the void")
            assert net.b.texts() == ["before"]
            await net.proxies.heal()

            def heard():
                net.a.send("b", "after")
                return "after" in net.b.texts()

            await ends.until(heard)

    asyncio.run(main())


def test_the_last_cut_of_a_link_counts(ends, pair):
    """A held link that is then cut loses what it held."""

    async def main():
        async with pair() as net:
            net.a.send("b", "before")
            await ends.until(lambda: net.b.got)
            await net.proxies.cut([("a", "b")], hold=True)
            net.a.send("b", "held")
            await net.proxies.cut([("a", "b")], hold=False)
            await net.proxies.heal()

            def heard():
                net.a.send("b", "after")
                return "after" in net.b.texts()

            await ends.until(heard)
            assert "held" not in net.b.texts()

    asyncio.run(main())


def test_weather_loses_repeats_and_delays_whole_messages(ends, pair):
    """Single messages are lost and repeated, never damaged; what arrives was sent."""

    async def main():
        async with pair() as net:
            await net.proxies.weather(drop=0.3, duplicate=0.3, slow_s=0.005)
            sent = [f"{i} " + "x" * 500 for i in range(300)]
            net.a.send("b", *sent)
            await ends.until(lambda: len(net.b.got) > 150)
            await net.proxies.weather(drop=0.0, duplicate=0.0, slow_s=0.0)

            def heard():
                net.a.send("b", "end")
                return "end" in net.b.texts()

            await ends.until(heard)
            got = [text for text in net.b.texts() if text != "end"]
            assert set(got) <= set(sent)
            assert len(set(got)) < 290
            assert len(got) > len(set(got)) + 20
            assert got != sorted(got, key=sent.index)
            assert net.b.said == []

    asyncio.run(main())


def test_a_node_that_is_down_looks_down(ends, pair):
    """The proxy breaks the sender's connection when it cannot reach the node, and works again when the node is back."""

    async def main():
        async with pair() as net:
            net.a.send("b", "before")
            await ends.until(lambda: net.b.got)
            port = net.b.transport._server.sockets[0].getsockname()[1]
            await net.b.transport.close()
            await ends.until(lambda: net.a.transport._links["b"]._wire is None)
            again, _ = await ends.listening("b", {}, port)

            def heard():
                net.a.send("b", "after")
                return again.got

            await ends.until(heard)
            await again.transport.close()

    asyncio.run(main())


def test_stop_leaves_no_thread_and_no_listener(ends, pair):
    """After stop the thread has ended and nobody listens on the links' ports."""

    async def main():
        async with pair() as net:
            addresses = [server.sockets[0].getsockname() for server in net.proxies._servers]
            net.a.send("b", "x")
            await ends.until(lambda: net.b.got)
        assert not [thread for thread in threading.enumerate() if thread.name == "link proxies"]
        for host, port in addresses:
            with pytest.raises(OSError, match=r"[Cc]onnect"):
                await asyncio.open_connection(host, port)

    asyncio.run(main())
