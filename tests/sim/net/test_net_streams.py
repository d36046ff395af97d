"""Streams of asyncio, unmodified, between two machines."""

import asyncio


def test_an_echo_over_streams(net):
    """What one writes the other reads; names, addresses and ports are those of the machines."""
    seen = []

    async def serve(reader, writer):
        seen.append((writer.get_extra_info("peername"), writer.get_extra_info("sockname")))
        writer.write(await reader.readexactly(5))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def server():
        async with await asyncio.start_server(serve, port=80) as made:
            await made.serve_forever()

    async def client():
        reader, writer = await asyncio.open_connection("b", 80)
        writer.write(b"hello")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer, writer.get_extra_info("sockname"), writer.get_extra_info("peername")

    net.b.spawn(server())
    answer, local, remote = net.run(client())
    assert answer == b"hello"
    assert remote == ("10.0.0.2", 80)
    assert seen == [(local, remote)]
    assert local[0] == "10.0.0.1"
    assert net.kinds() == ["connected", "accepted"]


def test_the_calls_are_coroutine_functions(net):
    """As asyncio's own are: mocks that replace them depend on it."""
    for name in ("create_connection", "create_server", "create_datagram_endpoint", "sock_recv", "start_tls"):
        assert asyncio.iscoroutinefunction(getattr(net.loop, name)), name


def test_transports_are_taken_for_those_of_asyncio(net, recorder):
    """`isinstance`, which typed programs use, says so on both sides, also of datagrams."""

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(recorder, port=80)
        transport, _ = await loop.create_connection(recorder, "a", 80)
        packets, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("0.0.0.0", 53))
        found = isinstance(transport, asyncio.Transport), isinstance(packets, asyncio.DatagramTransport), repr(transport)
        transport.close()
        packets.close()
        server.close()
        return found

    stream, datagram, text = net.run(main())
    assert stream
    assert datagram
    assert text == "<Transport a:32768 to a:80>"
