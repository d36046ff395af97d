"""TCP as programs meet it: order, flow control, half a close, resets, refusals, and what happens when the network fails."""

import asyncio
import errno
import gc
import socket
import struct
import weakref

import pytest

from windtunnel.sim.net.connecting import NO_NEIGHBOUR_S
from windtunnel.sim.net.reliable import GIVE_UP_S


async def connected(net, recorder, *, port=80, keep_open=False, **options):
    """A connection from the running host to b: (client, client's transport, server's protocol)."""
    loop = net.loop
    made = loop.create_future()

    def factory():
        protocol = recorder(keep_open=keep_open)
        if not made.done():
            made.set_result(protocol)
        return protocol

    async def serve():
        await loop.create_server(factory, port=port)

    await net.b.spawn(serve())
    transport, client = await loop.create_connection(recorder, "b", port, **options)
    return client, transport, await made


# --- The plain course of things ---


def test_bytes_keep_their_order_and_come_whole(net, recorder):
    """A hundred writes of all sizes arrive as one stream, whatever the latencies drawn."""
    pieces = [bytes([i]) * (1 + i * 37) for i in range(100)]

    async def main():
        client, transport, server = await connected(net, recorder)
        for i, piece in enumerate(pieces):
            transport.write(piece)
            if i % 10 == 0:
                await asyncio.sleep(0.0005)
        transport.close()
        await server.lost
        assert server.data == b"".join(pieces)
        assert server.log[0] == "made"
        assert server.log[-2:] == ["eof", ("lost", None)]
        assert client.log == ["made", ("lost", None)]

    net.run(main())


def test_segments_that_meet_arrive_as_one_read(net, recorder):
    """A stream has no borders of messages: what order holds back joins what it waits for; large writes come in parts."""

    async def main():
        _, transport, server = await connected(net, recorder)
        for _ in range(50):
            transport.write(b"x" * 10)
        await asyncio.sleep(1.0)
        assert len(server.data) == 500
        assert len([size for size in server.log if isinstance(size, int)]) < 50
        server.log.clear()
        transport.write(b"y" * 200_000)
        await asyncio.sleep(1.0)
        assert len(server.data) == 200_500
        assert max(size for size in server.log if isinstance(size, int)) <= net.network.segment_max

    net.run(main())


def test_a_small_segment_max_shows_every_border(net, recorder):
    """With segments of one byte nobody can mistake a write for a read."""
    net.network.segment_max = 1

    async def main():
        _, transport, server = await connected(net, recorder)
        transport.write(b"hello")
        await asyncio.sleep(1.0)
        assert server.log == ["made", 1, 1, 1, 1, 1]

    net.run(main())


def test_what_the_server_says_first_does_not_overtake_the_accept(net, recorder):
    """Each side sees connection_made before any byte."""

    async def main():
        async def greet(reader, writer):
            writer.write(b"220 hello")
            writer.close()

        async def serve():
            await asyncio.start_server(greet, port=25)

        await net.b.spawn(serve())
        for _ in range(20):
            reader, writer = await asyncio.open_connection("b", 25)
            assert await reader.read() == b"220 hello"
            writer.close()

    net.run(main())


def test_wrong_writes_are_refused_as_by_asyncio(net, recorder):
    """Not bytes: TypeError; after write_eof: RuntimeError; after close: nothing."""

    async def main():
        client, transport, server = await connected(net, recorder, keep_open=True)
        with pytest.raises(TypeError, match="bytes-like"):
            transport.write("text")
        transport.write(b"")
        transport.write(bytearray(b"ab"))
        transport.writelines([b"c", memoryview(b"d")])
        assert transport.can_write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            transport.write(b"late")
        await asyncio.sleep(0.1)
        assert server.data == b"abcd"
        assert not transport.is_closing()
        transport.close()
        transport.close()
        transport.abort()
        transport.write_eof()
        assert transport.is_closing()
        await client.lost
        transport.pause_reading()
        transport.resume_reading()
        assert not transport.is_reading()
        assert transport.get_protocol() is None

    net.run(main())


# --- Half a close ---


def test_half_a_close_leaves_the_other_half(net, recorder):
    """After the client's FIN the server still answers, and closes when it likes."""

    async def main():
        client, transport, server = await connected(net, recorder, keep_open=True)
        transport.write(b"question")
        transport.write_eof()
        await asyncio.sleep(0.1)
        assert server.log == ["made", 8, "eof"]
        server.transport.write(b"answer")
        server.transport.close()
        await client.lost
        assert client.data == b"answer"
        assert client.log == ["made", 6, "eof", ("lost", None)]
        assert net.kinds().count("reset") == 0

    net.run(main())


# --- Flow control ---


def test_a_reader_that_pauses_stops_the_writer(net, recorder):
    """The window fills, then the buffer, then pause_writing; reading again resumes, and nothing is lost."""
    total = 1_000_000

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        server.transport.pause_reading()
        transport.write(b"x" * total)
        assert client.log == ["made", "pause"]
        assert transport.get_write_buffer_size() == total - net.network.window
        await asyncio.sleep(10.0)
        assert server.data == b""
        server.transport.resume_reading()
        await asyncio.sleep(10.0)
        assert len(server.data) == total
        assert client.log == ["made", "pause", "resume"]
        assert transport.get_write_buffer_size() == 0

    net.run(main())


def test_drain_waits_for_the_program_at_the_other_end(net):
    """A consumer of 100 kB/s holds its producer to that rate."""

    async def main():
        async def slow(reader, writer):
            while await reader.read(10_000):
                await asyncio.sleep(0.1)

        async def serve():
            await asyncio.start_server(slow, port=80, limit=10_000)

        await net.b.spawn(serve())
        _, writer = await asyncio.open_connection("b", 80)
        for _ in range(100):
            writer.write(b"x" * 10_000)
            await writer.drain()
        assert 7.0 < net.now < 10.0
        writer.close()

    net.run(main())


def test_limits_of_the_write_buffer(net, recorder):
    """As in asyncio: low follows high, nonsense is refused, and a lower limit pauses at once."""

    async def main():
        client, transport, server = await connected(net, recorder)
        assert transport.get_write_buffer_limits() == (16_384, 65_536)
        transport.set_write_buffer_limits(low=10)
        assert transport.get_write_buffer_limits() == (10, 40)
        transport.set_write_buffer_limits(high=0)
        assert transport.get_write_buffer_limits() == (0, 0)
        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high=1, low=2)
        transport.set_write_buffer_limits()
        await asyncio.sleep(0.1)
        server.transport.pause_reading()
        transport.write(b"x" * (net.network.window + 100))
        assert client.log == ["made"]
        transport.set_write_buffer_limits(high=50)
        assert client.log == ["made", "pause"]

    net.run(main())


def test_bandwidth_takes_its_time(net, recorder):
    """A megabyte over a link of a megabyte a second takes a second."""
    net.links.bandwidth(1e6)

    async def main():
        _, transport, server = await connected(net, recorder)
        begin = net.now
        transport.write(b"x" * 1_000_000)
        transport.close()
        await server.lost
        assert len(server.data) == 1_000_000
        assert 1.0 < net.now - begin < 1.2

    net.run(main())


# --- Refusals ---


def test_nobody_listens(net, recorder):
    """ConnectionRefusedError after one round trip, with the address in its text; a port that is only bound, too."""

    async def main():
        with pytest.raises(ConnectionRefusedError, match=r"Connect call failed \('10.0.0.2', 99\)"):
            await net.loop.create_connection(recorder, "b", 99)
        assert 0.002 < net.now < 0.03

        async def serve():
            return await net.loop.create_server(recorder, port=99, start_serving=False)

        server = await net.b.spawn(serve())
        with pytest.raises(ConnectionRefusedError):
            await net.loop.create_connection(recorder, "10.0.0.2", 99)
        await net.b.spawn(server.start_serving())
        transport, _ = await net.loop.create_connection(recorder, "b", 99)
        transport.close()
        assert net.kinds().count("refused") == 2

    net.run(main())


def test_loopback_is_private(net, recorder):
    """A server on 127.0.0.1 is there for its own machine only."""

    async def main():
        server = await net.loop.create_server(recorder, "localhost", 80)
        assert server.sockets[0].getsockname() == ("127.0.0.1", 80)
        for name in ("localhost", "127.0.0.1"):
            transport, _ = await net.loop.create_connection(recorder, name, 80)
            assert transport.get_extra_info("sockname")[0] == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            await net.loop.create_connection(recorder, "a", 80)

        async def other():
            with pytest.raises(ConnectionRefusedError):
                await net.loop.create_connection(recorder, "a", 80)

        await net.b.spawn(other())
        with pytest.raises(OSError, match="address already in use"):
            await net.loop.create_server(recorder, port=80)

    net.run(main())


def test_addresses_in_use_and_foreign_ones(net, recorder):
    """EADDRINUSE for a taken port unless both share it; EADDRNOTAVAIL for another machine's address; 0 finds a free one."""

    async def main():
        loop = net.loop
        first = await loop.create_server(recorder, "0.0.0.0", 80)
        with pytest.raises(OSError, match=r"error while attempting to bind on address \('0.0.0.0', 80\)") as caught:
            await loop.create_server(recorder, "0.0.0.0", 80)
        assert caught.value.errno == errno.EADDRINUSE
        first.close()
        await loop.create_server(recorder, ["127.0.0.1", "a"], 80, reuse_port=True)
        await loop.create_server(recorder, "a", 80, reuse_port=True)
        with pytest.raises(OSError, match="cannot assign"):
            await loop.create_server(recorder, "10.0.0.2", 80)
        ports = set()
        for _ in range(5):
            server = await loop.create_server(recorder, port=0)
            ports.add(server.sockets[0].getsockname()[1])
        assert len(ports) == 5

    net.run(main())


def test_addresses_that_no_machine_has(net, recorder):
    """Of the own network: EHOSTUNREACH after a few seconds; elsewhere: ENETUNREACH at once."""

    async def main():
        with pytest.raises(OSError, match="No route to host") as caught:
            await net.loop.create_connection(recorder, "10.9.9.9", 80)
        assert caught.value.errno == errno.EHOSTUNREACH
        assert net.now == NO_NEIGHBOUR_S
        with pytest.raises(OSError, match="Network is unreachable") as caught:
            await net.loop.create_connection(recorder, "8.8.8.8", 80)
        assert caught.value.errno == errno.ENETUNREACH
        assert net.now == NO_NEIGHBOUR_S

    net.run(main())


def test_syns_are_repeated_and_given_up(net, recorder):
    """A machine without power does not answer: ETIMEDOUT after 127 s, as on Linux; one that boots meanwhile refuses."""
    net.b.crash()

    async def main():
        with pytest.raises(TimeoutError) as caught:
            await net.loop.create_connection(recorder, "b", 80)
        assert caught.value.errno == errno.ETIMEDOUT
        assert 127.0 <= net.now < 127.1
        begin = net.now
        net.kernel.call_later(2.0, net.b.start)
        with pytest.raises(ConnectionRefusedError):
            await net.loop.create_connection(recorder, "b", 80)
        assert 3.0 <= net.now - begin < 3.1

    net.run(main())
    assert "timed out" in net.kinds()


def test_a_connect_that_is_cancelled_leaves_nothing(net, recorder):
    """`asyncio.timeout` around a connect to a dead machine; and a cut that heals lets the SYN through."""
    net.links.cut("b", "a")

    async def main():
        async def serve():
            return await net.loop.create_server(recorder, port=80)

        await net.b.spawn(serve())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await net.loop.create_connection(recorder, "b", 80)
        begin = net.now
        net.kernel.call_later(5.0, net.links.heal)
        transport, _ = await net.loop.create_connection(recorder, "b", 80)
        assert 7.0 <= net.now - begin < 7.1, "SYNs leave after 0, 1, 3 and 7 seconds"
        transport.close()

    net.run(main())


def test_the_backlog_overflows(net, recorder):
    """A frozen process accepts nobody: the system takes as many as the backlog has room for, the rest repeats its SYNs."""

    async def main():
        async def serve():
            return await net.loop.create_server(recorder, port=80, backlog=2)

        await net.b.spawn(serve())
        net.b.port.pause()
        dials = [asyncio.ensure_future(net.loop.create_connection(recorder, "b", 80)) for _ in range(5)]
        await asyncio.sleep(0.5)
        assert sum(dial.done() for dial in dials) == 3
        assert "backlog full" in net.kinds()
        net.b.port.resume()
        for dial in dials:
            (await dial)[0].close()
        assert 1.0 <= net.now < 1.1

    net.run(main())


# --- Cuts and weather ---


def test_loss_delays_and_loses_nothing(net, recorder):
    """With a third of the segments lost everything arrives, in order, after retransmission timeouts."""
    net.links.weather(drop=0.33)

    async def main():
        _, transport, server = await connected(net, recorder)
        begin = net.now
        for i in range(100):
            transport.write(b"%03d" % i)
            await asyncio.sleep(0.01)
        transport.close()
        await server.lost
        assert server.data == b"".join(b"%03d" % i for i in range(100))
        assert net.now - begin > 1.2

    net.run(main())


def test_a_cut_holds_bytes_until_it_heals(net, recorder):
    """What is written during a cut is retransmitted after it, with Linux's backoff: sooner after a short cut."""

    async def main():
        _, transport, server = await connected(net, recorder)
        net.links.cut("a", "b")
        transport.write(b"one")
        transport.write(b"two")
        await asyncio.sleep(3.0)
        assert server.data == b""
        assert "parked" in net.kinds()
        net.links.heal()
        await asyncio.sleep(3.1 - 3.0)
        assert server.data == b"", "the next retransmission comes 6.2 s after the first sending"
        begin = net.now
        while server.data != b"onetwo":
            await asyncio.sleep(0.01)
        assert 2.9 < net.now - begin < 3.3
        transport.write(b"three")
        await asyncio.sleep(0.1)
        assert server.data == b"onetwothree"

    net.run(main())


def test_a_cut_that_never_heals_ends_the_connection(net, recorder):
    """ETIMEDOUT after a quarter of an hour; sooner with TCP_USER_TIMEOUT. The side that only reads hears nothing."""

    async def main():
        client, transport, server = await connected(net, recorder)
        quick, fast, _ = await connected(net, recorder, port=81)
        fast.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
        net.links.cut("a", "b")
        begin = net.now
        transport.write(b"x")
        fast.write(b"x")
        error = await quick.lost
        assert isinstance(error, TimeoutError)
        assert error.errno == errno.ETIMEDOUT
        assert 5.0 <= net.now - begin < 15.0
        error = await client.lost
        assert isinstance(error, TimeoutError)
        assert GIVE_UP_S <= net.now - begin < GIVE_UP_S + 130
        assert not server.lost.done()

    net.run(main())


def test_a_cut_of_one_direction(net, recorder):
    """Requests arrive, answers do not, until the heal."""

    async def main():
        client, transport, server = await connected(net, recorder)
        net.links.cut("b", "a")
        transport.write(b"question")
        await asyncio.sleep(1.0)
        assert server.data == b"question"
        server.transport.write(b"answer")
        await asyncio.sleep(1.0)
        assert client.data == b""
        net.links.heal()
        await asyncio.sleep(2.0)
        assert client.data == b"answer"

    net.run(main())


def test_a_window_that_opens_during_a_cut_is_probed(net, recorder):
    """The acknowledgement that would let a stalled writer go on is lost; it goes on after the heal."""

    async def main():
        _, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        server.transport.pause_reading()
        transport.write(b"x" * 500_000)
        await asyncio.sleep(1.0)
        net.links.cut("b", "a")
        server.transport.resume_reading()
        await asyncio.sleep(1.0)
        assert len(server.data) == net.network.window
        net.links.heal()
        await asyncio.sleep(10.0)
        assert len(server.data) == 500_000

    net.run(main())


# --- Resets ---


def test_bytes_for_a_closed_end_are_answered_with_a_reset(net, recorder):
    """The server closes; the client, which keeps writing, gets ConnectionResetError."""

    async def main():
        client, transport, server = await connected(net, recorder, keep_open=True)
        client.keep_open = True
        await asyncio.sleep(0.1)
        server.transport.close()
        await asyncio.sleep(0.1)
        assert client.log == ["made", "eof"]
        transport.write(b"x")
        await asyncio.sleep(0.1)
        transport.write(b"y")
        error = await client.lost
        assert isinstance(error, BrokenPipeError | ConnectionResetError)
        assert "reset" in net.kinds()

    net.run(main())


def test_closing_with_unread_bytes_resets(net, recorder):
    """As on Linux: the peer of a program that closes before it read all gets a reset instead of an end."""

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        server.transport.pause_reading()
        transport.write(b"unread")
        await asyncio.sleep(0.1)
        server.transport.close()
        assert isinstance(await client.lost, ConnectionResetError)
        assert client.log == ["made", ("lost", "ConnectionResetError")]

    net.run(main())


def test_linger_zero_resets_and_abort_closes(net, recorder):
    """SO_LINGER with zero seconds makes any close a reset; abort drops what was not sent, and sends a FIN."""

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        linger = struct.pack("ii", 1, 0)
        server.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        server.transport.close()
        assert isinstance(await client.lost, ConnectionResetError)
        client, transport, server = await connected(net, recorder, port=81)
        await asyncio.sleep(0.1)
        transport.write(b"x" * 300_000)
        transport.abort()
        assert await client.lost is None
        assert await server.lost is None
        assert len(server.data) == net.network.window
        assert server.log[-2:] == ["eof", ("lost", None)]

    net.run(main())


def test_close_sends_what_still_waits(net, recorder):
    """Unlike abort: close first flushes."""

    async def main():
        client, transport, server = await connected(net, recorder)
        transport.write(b"x" * 1_000_000)
        transport.close()
        assert transport.is_closing()
        assert not client.lost.done()
        await server.lost
        assert len(server.data) == 1_000_000

    net.run(main())


def test_a_reset_reaches_a_paused_reader_when_it_reads_or_writes(net, recorder):
    """Bytes before the reset are still read; then comes the error."""

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        transport.pause_reading()
        server.transport.write(b"last words")
        linger = struct.pack("ii", 1, 0)
        server.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        server.transport.close()
        await asyncio.sleep(0.5)
        assert client.log == ["made"]
        transport.resume_reading()
        await client.lost
        assert client.data == b"last words"
        assert client.log[-1] == ("lost", "ConnectionResetError")

    net.run(main())


# --- Machines that crash and processes that die ---


def test_a_crash_is_silence(net, recorder):
    """The peer of a crashed machine hears nothing; writing, it learns after a quarter of an hour."""

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        net.b.crash()
        await asyncio.sleep(100.0)
        assert not client.lost.done()
        begin = net.now
        transport.write(b"anybody?")
        assert isinstance(await client.lost, TimeoutError)
        assert GIVE_UP_S <= net.now - begin < GIVE_UP_S + 130
        assert server.log == ["made"], "nothing of the dead process ran"

    net.run(main())


def test_a_machine_that_booted_again_resets(net, recorder):
    """It does not know the connection: the first retransmission after its boot is answered with a reset."""

    async def main():
        client, transport, _ = await connected(net, recorder)
        await asyncio.sleep(0.1)
        transport.write(b"in flight")
        net.b.crash()
        begin = net.now
        net.kernel.call_later(1.0, net.b.start)
        error = await client.lost
        assert isinstance(error, ConnectionResetError)
        assert 1.4 <= net.now - begin < 1.5

    net.run(main())


def test_a_killed_process_closes_and_then_resets(net, recorder):
    """Its system sends a FIN at once; what is written to it later is answered with a reset."""

    async def main():
        client, transport, server = await connected(net, recorder)
        client.keep_open = True
        await asyncio.sleep(0.1)
        net.b.kill()
        await asyncio.sleep(0.1)
        assert client.log == ["made", "eof"]
        transport.write(b"x")
        await asyncio.sleep(0.1)
        transport.write(b"y")
        await client.lost
        assert server.log == ["made"]
        with pytest.raises(ConnectionRefusedError):
            await net.loop.create_connection(recorder, "b", 80)

    net.run(main())


def test_a_killed_process_with_unread_bytes_resets(net, recorder):
    """As Linux does when it closes for the dead."""

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        server.transport.pause_reading()
        transport.write(b"x")
        await asyncio.sleep(0.1)
        net.b.kill()
        assert isinstance(await client.lost, ConnectionResetError)

    net.run(main())


def test_transports_of_the_dead_do_nothing(net, recorder):
    """Whoever still holds the transport of a crashed process may call it: nothing happens."""

    async def main():
        client, _, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        dead = server.transport
        net.b.crash()
        dead.write(b"x")
        dead.write_eof()
        dead.close()
        dead.abort()
        dead.pause_reading()
        dead.resume_reading()
        await asyncio.sleep(1.0)
        assert client.log == ["made"]
        assert server.log == ["made"]
        assert dead.is_closing()

    net.run(main())


def test_both_ends_on_a_machine_that_crashes(net, recorder):
    """A crash of a machine that talks to itself ends both ends without a word."""

    async def talk():
        await net.loop.create_server(recorder, "127.0.0.1", 80)
        transport, _ = await net.loop.create_connection(recorder, "127.0.0.1", 80)
        transport.write(b"x" * 300_000)

    async def main():
        await net.b.spawn(talk())
        net.b.crash()
        await asyncio.sleep(2000.0)
        net.b.start()
        await net.b.spawn(talk())

    net.run(main())


def test_a_paused_process_reads_later_and_its_system_takes_what_fits(net, recorder):
    """SIGSTOP: the window fills meanwhile, everything is there after SIGCONT."""

    async def main():
        client, transport, server = await connected(net, recorder)
        await asyncio.sleep(0.1)
        net.b.port.pause()
        transport.write(b"x" * 400_000)
        await asyncio.sleep(5.0)
        assert client.log == ["made", "pause"]
        assert server.data == b""
        net.b.port.resume()
        await asyncio.sleep(5.0)
        assert len(server.data) == 400_000
        assert client.log == ["made", "pause", "resume"]

    net.run(main())


def test_a_paused_machine_that_crashes_is_not_acknowledged(net, recorder):
    """Bytes that waited for a paused process are gone with it, and the sender finds out."""

    async def main():
        client, transport, _ = await connected(net, recorder)
        await asyncio.sleep(0.1)
        net.b.port.pause()
        transport.write(b"x")
        await asyncio.sleep(1.0)
        net.b.crash()
        net.kernel.call_later(5.0, net.b.start)
        assert isinstance(await client.lost, ConnectionResetError)

    net.run(main())


def test_a_killed_paused_process_answers_with_a_reset(net, recorder):
    """Bytes that waited for a frozen process reach a connection that nobody has any longer."""

    async def main():
        client, transport, _ = await connected(net, recorder)
        client.keep_open = True
        await asyncio.sleep(0.1)
        net.b.port.pause()
        transport.write(b"x")
        await asyncio.sleep(0.1)
        net.b.kill()
        await asyncio.sleep(0.1)
        transport.write(b"y")
        await client.lost
        assert net.now < 0.5

    net.run(main())


@pytest.mark.parametrize("parked", [False, True])
def test_callers_that_die_leave_the_backlog(net, recorder, parked):
    """A machine that crashes within its handshake, or before its first segment got through, takes no place for ever."""

    async def main():
        async def serve():
            await net.loop.create_server(recorder, port=80, backlog=0)

        await net.b.spawn(serve())
        net.links.latency("constant", 0.1)
        for name in ("c", "d", "e"):
            net.add(name).spawn(net.loop.create_connection(recorder, "10.0.0.2", 80))
            await asyncio.sleep(0.15)
            if parked:
                net.links.cut(name, "b")
                await asyncio.sleep(0.1)
            net.hosts[name].crash()
        await asyncio.sleep(5.0)
        transport, _ = await net.loop.create_connection(recorder, "b", 80)
        await asyncio.sleep(0.5)
        transport.close()
        assert net.kinds().count("backlog full") == 0
        assert net.kinds().count("accepted") == 1

    net.run(main())


# --- Keep-alive ---


@pytest.mark.parametrize("fault", ["crash", "cut"])
def test_keep_alive_finds_out(net, recorder, fault):
    """An idle connection with keep-alive dies some probes after its peer did; without it, it never notices."""

    async def main():
        client, transport, _ = await connected(net, recorder)
        plain, _, _ = await connected(net, recorder, port=81)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        await asyncio.sleep(4.0)
        if fault == "crash":
            net.b.crash()
        else:
            net.links.cut("a", "b")
        error = await client.lost
        assert isinstance(error, TimeoutError)
        assert 24.0 < net.now < 26.0
        await asyncio.sleep(1000.0)
        assert not plain.lost.done()

    net.run(main())


def test_keep_alive_leaves_a_healthy_connection_alone(net, recorder):
    """A short cut does no harm, and a quiet connection with keep-alive leaves nothing to do: the run can be idle."""

    async def main():
        client, transport, _ = await connected(net, recorder)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        net.links.cut("a", "b")
        await asyncio.sleep(12.0)
        net.links.heal()
        await asyncio.sleep(1000.0)
        return client

    client = net.run(main())
    assert not client.lost.done()
    assert net.kernel.run() == "idle"


# --- Errors of protocols ---


def test_a_protocol_that_raises_loses_its_connection(net, recorder):
    """The exception handler hears of it, the protocol gets connection_lost with it, the peer an end."""
    heard = []

    class Bad(recorder):
        def data_received(self, data):
            raise ValueError(data)

    async def main():
        net.loop.set_exception_handler(lambda _, context: heard.append((context["message"], context["transport"])))
        client, transport, server = await connected(net, recorder)
        bad, broken, server = await connected(net, Bad, port=81)
        await asyncio.sleep(0.1)
        server.transport.write(b"x")
        broken.write(b"y")
        assert isinstance(await bad.lost, ValueError)
        assert heard == [("Fatal error: protocol.data_received() call failed.", heard[0][1])] * len(heard)
        assert heard
        assert not client.lost.done()
        assert transport.is_reading()

    net.run(main())


def test_errors_while_connections_are_made_are_reported(net, recorder):
    """A factory or a connection_made that raises is the program's error, and no end of the server."""
    heard = []
    turn = []

    class Shy(recorder):
        def connection_made(self, transport):
            turn.append("made")
            raise RuntimeError("no")

    def factory():
        turn.append("factory")
        if len(turn) == 1:
            raise RuntimeError("not yet")
        return Shy()

    async def main():
        async def serve():
            net.loop.set_exception_handler(lambda _, context: heard.append(context["message"]))
            await net.loop.create_server(factory, port=80)

        await net.b.spawn(serve())
        first = recorder()
        await net.loop.create_connection(lambda: first, "b", 80)
        assert await first.lost is None
        await net.loop.create_connection(recorder, "b", 80)
        await asyncio.sleep(0.1)
        assert heard == ["Error on transport creation for incoming connection", "exception in protocol.connection_made()"]

    net.run(main())


def test_callbacks_that_raise_are_reported(net, recorder):
    """eof_received, pause_writing, resume_writing and a buffer of no size: as asyncio reports them."""
    heard = []

    class Bad(recorder):
        def eof_received(self):
            raise ValueError("eof")

        def pause_writing(self):
            raise ValueError("pause")

        def resume_writing(self):
            raise ValueError("resume")

    class Empty(asyncio.BufferedProtocol):
        def get_buffer(self, sizehint):
            return bytearray()

        def buffer_updated(self, nbytes):
            """Never called."""

        def connection_made(self, transport):
            """Nothing to do."""

        def connection_lost(self, exc):
            """Nothing to do."""

    async def main():
        net.loop.set_exception_handler(lambda _, context: heard.append(context["message"]))
        await connected(net, recorder)
        bad = Bad()
        transport, _ = await net.loop.create_connection(lambda: bad, "b", 80)
        transport.write(b"x" * 400_000)
        await asyncio.sleep(1.0)
        assert heard == ["protocol.pause_writing() failed", "protocol.resume_writing() failed"]

        async def end_it():
            for end in net.b.interface.open_connections():
                end.write_eof()

        await net.b.spawn(end_it())
        assert isinstance(await bad.lost, ValueError)
        await net.loop.create_connection(Empty, "b", 80)
        await asyncio.sleep(0.1)

        async def say():
            net.b.interface.open_connections()[-1].write(b"x")

        await net.b.spawn(say())
        await asyncio.sleep(0.1)
        assert heard[2:] == [
            "Fatal error: protocol.eof_received() call failed.",
            "Fatal error: the protocol raised while it received data.",
        ]

    net.run(main())


def test_a_buffered_protocol_hands_over_to_another(net, recorder):
    """What the first does not want goes to the next: another buffered one, then a plain one; a pause keeps the rest."""

    class Chunks(asyncio.BufferedProtocol):
        def __init__(self, then):
            self.then = then
            self.buffer = bytearray(4)
            self.data = b""

        def connection_made(self, transport):
            self.transport = transport

        def connection_lost(self, exc):
            """The end."""

        def get_buffer(self, sizehint):
            return self.buffer

        def buffer_updated(self, nbytes):
            self.data += self.buffer[:nbytes]
            if self.then is not None:
                self.then(self.transport)

    async def main():
        plain = recorder()
        second = Chunks(lambda transport: transport.set_protocol(plain))
        second.transport = None

        def pause(transport):
            transport.pause_reading()
            first.then = lambda transport: transport.set_protocol(second)

        first = Chunks(pause)
        _, _, server = await connected(net, recorder)
        transport, _ = await net.loop.create_connection(lambda: first, "b", 80)
        second.then = lambda _: transport.set_protocol(plain)
        await asyncio.sleep(0.1)

        async def say():
            net.b.interface.open_connections()[-1].write(b"aaaabbbbccccdddd")

        await net.b.spawn(say())
        await asyncio.sleep(0.1)
        assert (first.data, second.data, plain.data) == (b"aaaa", b"", b"")
        transport.resume_reading()
        await asyncio.sleep(0.1)
        assert (first.data, second.data, plain.data) == (b"aaaabbbb", b"cccc", b"dddd")
        assert transport.get_protocol() is plain
        assert server is not None

    net.run(main())


# --- What stays ---


def test_connections_that_ended_leave_nothing(net, recorder):
    """No end, no listener, no port stays behind, and no cycle that only the collector could undo."""

    async def main():
        client, transport, server = await connected(net, recorder)
        assert net.a.interface.open_connections() == [transport]
        transport.write(b"x")
        transport.close()
        await client.lost
        await server.lost
        await asyncio.sleep(0.1)
        assert net.a.interface.open_connections() == net.b.interface.open_connections() == []
        assert net.a.interface.ends == net.b.interface.ends == {}
        gone = weakref.ref(transport)
        transport = client.transport = None
        server.transport = None
        return gone

    gc.collect()
    gone = net.run(main())
    assert gone() is None
