"""Names: hosts, what a test points elsewhere, failures, caches, and the two calls of the standard library."""

import asyncio
import socket

import pytest

from windtunnel.base.errors import UsageError


def look_up(net, name, port=80, **options):
    """(addresses, seconds that it took) on a."""

    async def main():
        begin = net.now
        found = await net.loop.getaddrinfo(name, port, type=socket.SOCK_STREAM, **options)
        return [row[4] for row in found], net.now - begin

    return net.run(main())


def test_hosts_have_names_and_addresses(net):
    """A host's name, in any case, with a final dot or as bytes, means its address; asking takes a moment."""
    for name in ("b", "B", "b.", b"b"):
        found, took = look_up(net, name)
        assert found == [("10.0.0.2", 80)]
        assert 0.0002 <= took <= 0.002
    assert look_up(net, "10.0.0.2") == ([("10.0.0.2", 80)], 0.0)
    assert look_up(net, "localhost") == ([("127.0.0.1", 80)], 0.0)
    assert look_up(net, "a")[0] == [("10.0.0.1", 80)]


def test_unknown_names_are_an_error_that_says_so(net):
    """socket.gaierror with EAI_NONAME, and the name."""
    with pytest.raises(socket.gaierror, match=r"Name or service not known: 'nowhere\.example'") as caught:
        look_up(net, "nowhere.example")
    assert caught.value.errno == socket.EAI_NONAME

    async def main():
        with pytest.raises(socket.gaierror):
            await asyncio.open_connection("nowhere.example", 80)

    net.run(main())


def test_every_form_of_the_question(net):
    """Kinds, families, flags, services, and no host at all: as the real resolver of Linux answers."""

    async def main():
        ask = net.loop.getaddrinfo
        inet, stream, tcp, dgram, udp = socket.AF_INET, socket.SOCK_STREAM, 6, socket.SOCK_DGRAM, 17
        b = ("10.0.0.2", 80)
        assert await ask("b", "http") == [(inet, stream, tcp, "", b), (inet, dgram, udp, "", b)]
        assert await ask("b", b"80", proto=udp, flags=socket.AI_CANONNAME) == [(inet, dgram, udp, "b", b)]
        assert (await ask(None, 80, type=stream))[0][4] == ("127.0.0.1", 80)
        assert (await ask("", None, type=stream, flags=socket.AI_PASSIVE))[0][4] == ("0.0.0.0", 0)
        assert (await ask(None, 1, family=socket.AF_INET6))[0][4] == ("::1", 1, 0, 0)
        assert (await ask("localhost", 1, family=socket.AF_INET6))[0][4] == ("::1", 1, 0, 0)
        assert (await ask("::1", 1))[0][0] == socket.AF_INET6
        for bad, code in (
            ({"host": "b", "port": "gopher"}, socket.EAI_SERVICE),
            ({"host": "b", "port": 1, "family": socket.AF_INET6}, socket.EAI_ADDRFAMILY),
            ({"host": "10.0.0.2", "port": 1, "family": socket.AF_INET6}, socket.EAI_ADDRFAMILY),
            ({"host": "b", "port": 1, "flags": socket.AI_NUMERICHOST}, socket.EAI_NONAME),
            ({"host": "b", "port": 1, "family": socket.AF_UNIX}, socket.EAI_FAMILY),
            ({"host": "b", "port": 1, "type": socket.SOCK_RAW}, socket.EAI_SOCKTYPE),
        ):
            with pytest.raises(socket.gaierror) as caught:
                await ask(bad.pop("host"), bad.pop("port"), **bad)
            assert caught.value.errno == code
        back = net.loop.getnameinfo
        assert await back(("10.0.0.2", 443)) == ("b", "https")
        assert await back(("10.0.0.2", 443), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == ("10.0.0.2", "443")
        assert await back(("10.9.9.9", 12345)) == ("10.9.9.9", "12345")
        assert await back(("127.0.0.1", 1)) == ("localhost", "1")
        with pytest.raises(socket.gaierror):
            await back(("10.9.9.9", 1), socket.NI_NAMEREQD)

    net.run(main())


def test_a_test_can_point_names_elsewhere(net):
    """A service with two machines, tried in order; and back again."""
    net.network.dns.point("orders.example", "b", "10.0.0.1")
    assert look_up(net, "orders.example")[0] == [("10.0.0.2", 80), ("10.0.0.1", 80)]
    net.network.dns.point("orders.example")
    with pytest.raises(socket.gaierror):
        look_up(net, "orders.example")
    with pytest.raises(UsageError, match="unknown host"):
        net.network.dns.point("x", "nobody")


def test_a_connection_goes_to_the_next_address_when_the_first_refuses(net, recorder):
    """create_connection tries all that the name means; with happy eyeballs it does not wait for the slow one."""
    net.network.dns.point("orders", "10.0.0.1", "b")

    async def main():
        async def serve():
            await net.loop.create_server(recorder, port=80)

        await net.b.spawn(serve())
        transport, _ = await net.loop.create_connection(recorder, "orders", 80)
        assert transport.get_extra_info("peername") == ("10.0.0.2", 80)
        net.add("c").crash()
        net.network.dns.point("orders", "c", "b")
        begin = net.now
        transport, _ = await net.loop.create_connection(recorder, "orders", 80, happy_eyeballs_delay=0.25)
        assert transport.get_extra_info("peername") == ("10.0.0.2", 80)
        assert 0.25 < net.now - begin < 0.3
        net.network.dns.point("orders", "10.0.0.1", "10.0.0.1")
        with pytest.raises(ConnectionRefusedError):
            await net.loop.create_connection(recorder, "orders", 80)
        with pytest.raises(ExceptionGroup) as caught:
            await net.loop.create_connection(recorder, "orders", 80, all_errors=True)
        assert len(caught.value.exceptions) == 2

    net.run(main())


def test_lookups_fail_when_told_to(net):
    """For a name, a host, or everybody; addresses and localhost need no server."""
    dns = net.network.dns
    dns.fail("b")
    with pytest.raises(socket.gaierror) as caught:
        look_up(net, "b")
    assert caught.value.errno == socket.EAI_AGAIN
    dns.mend()
    dns.fail(host="a", error=socket.EAI_FAIL)
    with pytest.raises(socket.gaierror) as caught:
        look_up(net, "a")
    assert caught.value.errno == socket.EAI_FAIL

    async def other():
        return await net.loop.getaddrinfo("a", 80)

    assert net.run(other(), host="b")
    assert look_up(net, "10.0.0.2")
    assert look_up(net, "localhost")
    with pytest.raises(UsageError):
        dns.fail("b", error=12345)


def test_answers_are_believed_for_their_time_to_live(net):
    """Within it a machine does not ask again: it sees the old address, also while the server fails, and at once."""
    dns = net.network.dns
    dns.ttl_s = 60.0
    dns.point("orders", "b")
    assert look_up(net, "orders")[1] > 0.0
    dns.point("orders", "a")
    assert look_up(net, "orders") == ([("10.0.0.2", 80)], 0.0)

    async def later():
        await asyncio.sleep(61.0)

    net.run(later())
    found, took = look_up(net, "orders")
    assert found == [("10.0.0.1", 80)]
    assert took > 0.0
