"""Sockets that libraries make themselves, servers, Unix sockets, TLS, files: the rest of what asyncio offers."""

import asyncio
import errno
import io
import select
import socket
import ssl
import sys
from functools import partial

import pytest
import trustme

from windtunnel.base.errors import Escaped
from windtunnel.sim.loop import SimLoop
from windtunnel.sim.net.sockets import SimSocket


def echo_on_b(net, port=80, **options):
    async def echo(reader, writer):
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    async def serve():
        return await asyncio.start_server(echo, port=port, **options)

    return net.b.spawn(serve())


# --- socket.socket ---


def test_sockets_are_simulated_inside_hosts_only(net):
    """Outside of a host, `socket.socket` is the real one; inside, it is one of ours, and still a `socket.socket`."""
    with socket.socket() as real:
        assert type(real) is socket.socket
        assert real.fileno() >= 0

    async def main():
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        assert isinstance(made, SimSocket)
        assert isinstance(made, socket.socket)
        assert (made.family, made.type, made.proto) == (socket.AF_INET, socket.SOCK_STREAM, 6)
        assert made.getsockname() == ("0.0.0.0", 0)
        assert made.gettimeout() is None
        made.settimeout(2)
        assert made.timeout == 2.0
        made.setblocking(False)
        assert not made.getblocking()
        made.set_inheritable(True)
        assert not made.get_inheritable()
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 4) == b"\1\0\0\0"
        with pytest.raises(OSError, match="not connected"):
            made.getpeername()
        assert "simulated socket of a" in repr(made)
        made.close()
        made.close()
        assert "closed" in repr(made)
        assert made.fileno() == -1
        for call in (made.getsockname, made.listen, lambda: made.recv(1), lambda: made.bind(("", 0))):
            with pytest.raises(OSError, match="Bad file descriptor") as caught:
                call()
            assert caught.value.errno == errno.EBADF

    net.run(main())


def test_what_would_block_is_refused_by_name(net):
    """A blocking call has nobody to wait with: Escaped says which call."""

    async def main():
        made = socket.socket()
        for name, call in (
            ("connect", partial(made.connect, ("b", 80))),
            ("makefile", made.makefile),
            ("detach", made.detach),
            ("dup", made.dup),
            ("sendfile", partial(made.sendfile, io.BytesIO())),
        ):
            with pytest.raises(Escaped, match=f"socket.{name}"):
                call()
        made.setblocking(False)
        assert made.connect_ex(("b", 80)) == errno.EINPROGRESS
        with pytest.raises(OSError, match="Invalid argument"):
            made.accept()

    net.run(main())


def test_sock_calls_make_a_whole_conversation(net):
    """bind, listen, sock_accept, sock_connect, sock_sendall, sock_recv, sock_recv_into, shutdown, close."""

    async def serve():
        listening = socket.socket()
        listening.setblocking(False)
        listening.bind(("0.0.0.0", 80))
        listening.listen(5)
        with pytest.raises(BlockingIOError):
            listening.accept()
        made, peer = await net.loop.sock_accept(listening)
        assert peer[0] == "10.0.0.1"
        assert made.getpeername() == peer
        while data := await net.loop.sock_recv(made, 1000):
            await net.loop.sock_sendall(made, data.upper())
        made.close()
        listening.close()

    async def main():
        loop = net.loop
        server = net.b.spawn(serve())
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.sleep(0)
        await loop.sock_connect(sock, ("b", 80))
        assert sock.getpeername() == ("10.0.0.2", 80)
        with pytest.raises(BlockingIOError):
            sock.recv(10)
        await loop.sock_sendall(sock, b"hello")
        assert await loop.sock_recv(sock, 3) == b"HEL"
        assert sock.recv(10, socket.MSG_PEEK) == b"LO"
        buffer = bytearray(10)
        assert await loop.sock_recv_into(sock, buffer) == 2
        assert sock.send(b"again") == 5
        sock.sendall(b"")
        await asyncio.sleep(0.1)
        assert sock.recv_into(buffer) == 5
        assert bytes(buffer[:5]) == b"AGAIN"
        await loop.sock_sendfile(sock, io.BytesIO(b"x" * 1000))
        total = 0
        while total < 1000:
            total += len(await loop.sock_recv(sock, 300))
        sock.shutdown(socket.SHUT_WR)
        assert await loop.sock_recv(sock, 10) == b""
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendall(sock, b"x")
        with pytest.raises(BrokenPipeError):
            sock.send(b"x")
        sock.close()
        await server
        assert net.a.interface.ends == {}
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await loop.sock_connect(socket.socket(), ("b", 80))

    net.run(main())


def test_sock_sendall_waits_for_the_window(net):
    """More than the window takes a reader; an error of the connection comes out of the call."""

    async def serve():
        listening = socket.socket()
        listening.setblocking(False)
        listening.bind(("0.0.0.0", 80))
        listening.listen()
        made, _ = await net.loop.sock_accept(listening)
        await asyncio.sleep(5.0)
        total = 0
        while total < 500_000:
            total += len(await net.loop.sock_recv(made, 100_000))
        await asyncio.sleep(5.0)
        net.b.crash()
        net.b.start()

    async def main():
        net.b.spawn(serve())
        await asyncio.sleep(0)
        sock = socket.socket()
        sock.setblocking(False)
        await net.loop.sock_connect(sock, ("b", 80))
        await net.loop.sock_sendall(sock, b"x" * 500_000)
        assert net.now > 5.0
        await asyncio.sleep(10.0)
        await net.loop.sock_sendall(sock, b"x")
        with pytest.raises(ConnectionResetError):
            await net.loop.sock_recv(sock, 1)
        with pytest.raises(ConnectionResetError):
            await net.loop.sock_sendall(sock, b"x" * 500_000)
        with pytest.raises(ConnectionResetError):
            sock.send(b"x")

    net.run(main())


def test_a_connected_socket_becomes_a_transport(net):
    """`create_connection(sock=)` and `connect_accepted_socket`, as happy eyeballs of aiohttp does it."""

    async def main():
        await echo_on_b(net)
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind(("10.0.0.1", 5555))
        await net.loop.sock_connect(sock, ("10.0.0.2", 80))
        await net.loop.sock_sendall(sock, b"early ")
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection(sock=sock)
        assert writer.get_extra_info("socket") is sock
        assert writer.get_extra_info("sockname") == ("10.0.0.1", 5555)
        writer.write(b"late")
        assert await reader.readexactly(10) == b"early late"
        writer.close()
        await writer.wait_closed()
        assert sock.fileno() == -1
        for wrong in ({"sock": sock, "host": "b"}, {}, {"sock": socket.socket(type=socket.SOCK_DGRAM)}):
            with pytest.raises(ValueError):
                await net.loop.create_connection(asyncio.Protocol, **wrong)

    net.run(main())


def test_a_listening_socket_becomes_a_server(net, recorder):
    """`create_server(sock=)` with a socket that the program bound itself; a real socket from outside is refused."""
    with socket.socket() as real:

        async def main():
            sock = socket.socket()
            sock.bind(("0.0.0.0", 0))
            server = await net.loop.create_server(recorder, sock=sock)
            assert server.sockets == (sock,)
            port = sock.getsockname()[1]
            transport, _ = await net.loop.create_connection(recorder, "localhost", port)
            transport.close()
            with pytest.raises(Escaped, match="a real socket"):
                await net.loop.create_server(recorder, sock=real)
            for wrong in ({"sock": sock, "port": 1}, {}, {"sock": socket.socket(type=socket.SOCK_DGRAM)}):
                with pytest.raises(ValueError):
                    await net.loop.create_server(recorder, **wrong)
            with pytest.raises(TypeError):
                await net.loop.create_server(recorder, port=1, ssl=True)

        net.run(main())


def test_accepting_by_hand_and_serving_with_a_protocol(net, recorder):
    """`sock_accept`, then `connect_accepted_socket`."""

    async def serve():
        listening = socket.socket()
        listening.setblocking(False)
        listening.bind(("0.0.0.0", 80))
        listening.listen()
        made, _ = await net.loop.sock_accept(listening)
        transport, protocol = await net.loop.connect_accepted_socket(recorder, made)
        transport.write(b"welcome")
        return protocol

    async def main():
        server = net.b.spawn(serve())
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection("b", 80)
        writer.write(b"hello")
        assert await reader.readexactly(7) == b"welcome"
        await asyncio.sleep(0.1)
        assert (await server).data == b"hello"
        writer.close()

    net.run(main())


def test_a_pool_can_poll_the_descriptor(net):
    """Not readable while the connection lives, readable when the peer has closed: what httpcore asks. The number is real."""

    async def main():
        server = await echo_on_b(net)
        _, writer = await asyncio.open_connection("b", 80)
        await asyncio.sleep(0.1)
        sock = writer.get_extra_info("socket")
        number = sock.fileno()
        assert number == sock.fileno() > 2
        poll = select.poll()
        poll.register(number, select.POLLIN)
        assert poll.poll(0) == []
        assert server.is_serving()
        net.b.kill()
        await asyncio.sleep(0.1)
        assert poll.poll(0) == [(number, select.POLLIN)]
        late = writer.transport.get_extra_info("socket")
        assert late is sock
        writer.close()
        await writer.wait_closed()
        assert sock.fileno() == -1

    net.run(main())


# --- Servers ---


def test_the_life_of_a_server(net):
    """sockets, is_serving, start_serving, serve_forever, close, wait_closed, as in this version of Python."""

    async def main():
        loop = net.loop
        server = await asyncio.start_server(lambda _r, w: w.close(), port=80, start_serving=False)
        assert not server.is_serving()
        assert server.get_loop() is loop
        await server.start_serving()
        await server.start_serving()
        assert server.is_serving()
        assert [sock.getsockname() for sock in server.sockets] == [("0.0.0.0", 80)]
        forever = asyncio.ensure_future(server.serve_forever())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already being awaited"):
            await server.serve_forever()
        server.close()
        with pytest.raises(asyncio.CancelledError):
            await forever
        assert not server.is_serving()
        assert server.sockets == ()
        server.close()
        await server.wait_closed()
        with pytest.raises(RuntimeError, match="is closed"):
            await server.serve_forever()
        again = await asyncio.start_server(lambda _r, w: w.close(), port=80)
        assert "sockets" in repr(again)
        async with again:
            pass
        assert not again.is_serving()

    net.run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="wait_closed does not wait for connections before Python 3.12")
def test_wait_closed_waits_for_connections(net):
    """Since Python 3.12 a server is closed once its connections are."""

    async def main():
        server = await echo_on_b(net)
        _, writer = await asyncio.open_connection("b", 80)
        await asyncio.sleep(0.1)

        async def close():
            begin = net.now
            server.close()
            await server.wait_closed()
            return net.now - begin

        waiting = net.b.spawn(close())
        await asyncio.sleep(1.0)
        writer.close()
        assert 1.0 < await waiting < 1.1

    net.run(main())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="new in Python 3.13")
def test_a_server_closes_and_aborts_its_clients(net, recorder):
    """close_clients and abort_clients."""

    async def main():
        for verb in ("close_clients", "abort_clients"):
            server = await echo_on_b(net, port=80 if verb == "close_clients" else 81)
            _, client = await net.loop.create_connection(recorder, "b", server.sockets[0].getsockname()[1])
            await asyncio.sleep(0.1)
            getattr(server, verb)()
            assert await client.lost is None

    net.run(main())


def test_connections_outlive_their_server(net, recorder):
    """Closing a server stops listening; what is connected stays, what was not accepted is reset."""

    async def main():
        server = await echo_on_b(net)
        reader, writer = await asyncio.open_connection("b", 80)
        await asyncio.sleep(0.1)
        net.b.context().run(server.close)
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("b", 80)
        writer.close()

        async def serve():
            sock = socket.socket()
            sock.bind(("0.0.0.0", 90))
            sock.listen()
            await asyncio.sleep(1.0)
            sock.close()

        net.b.spawn(serve())
        await asyncio.sleep(0)
        _, client = await net.loop.create_connection(recorder, "b", 90)
        assert isinstance(await client.lost, ConnectionResetError)

    net.run(main())


# --- Unix sockets ---


def test_unix_sockets_within_a_machine(net):
    """A path of the own machine; of another one it does not exist; twice it is in use."""

    async def echo(reader, writer):
        writer.write(await reader.read(100))
        writer.close()

    async def main():
        server = await asyncio.start_unix_server(echo, "/run/app.sock")
        assert server.sockets[0].getsockname() == "/run/app.sock"
        assert server.sockets[0].family == socket.AF_UNIX
        assert server.sockets[0].proto == 0
        reader, writer = await asyncio.open_unix_connection("/run/app.sock")
        assert writer.get_extra_info("peername") == "/run/app.sock"
        writer.write(b"hello")
        assert await reader.read() == b"hello"
        writer.close()
        with pytest.raises(OSError, match="already in use"):
            await asyncio.start_unix_server(echo, "/run/app.sock")

        async def elsewhere():
            with pytest.raises(FileNotFoundError):
                await asyncio.open_unix_connection("/run/app.sock")

        await net.b.spawn(elsewhere())
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        await net.loop.sock_connect(sock, "/run/app.sock")
        assert sock.getsockname() == ""
        sock.close()
        server.close()
        with pytest.raises(OSError):
            await asyncio.open_unix_connection("/run/app.sock")
        for make in (net.loop.create_unix_server, net.loop.create_unix_connection):
            with pytest.raises(ValueError):
                await make(asyncio.Protocol)
            with pytest.raises(ValueError):
                await make(asyncio.Protocol, "/x", sock=socket.socket(socket.AF_UNIX))

    net.run(main())


# --- TLS ---


@pytest.fixture(scope="module")
def contexts():
    """(server's, client's) contexts of one authority, for the name b."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("b").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_tls_by_the_standard_library(net, contexts):
    """Handshake, names, a megabyte, the end: over streams, with the library's own protocol."""
    total = 1_000_000

    async def main():
        await echo_on_b(net, ssl=contexts[0])
        reader, writer = await asyncio.open_connection("b", 80, ssl=contexts[1])
        assert writer.get_extra_info("cipher")
        assert writer.get_extra_info("peername") == ("10.0.0.2", 80)
        writer.write(b"x" * total)
        assert await reader.readexactly(total) == b"x" * total
        writer.close()
        await writer.wait_closed()

    net.run(main())


def test_tls_of_the_wrong_name_fails(net, contexts):
    """The client refuses a certificate for another name; the server lives on."""

    async def main():
        net.network.dns.point("c", "b")
        await echo_on_b(net, ssl=contexts[0])
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("c", 80, ssl=contexts[1])
        _, writer = await asyncio.open_connection("b", 80, ssl=contexts[1])
        writer.close()
        for wrong in ({"server_hostname": "b"}, {"ssl_handshake_timeout": 1.0}, {"ssl_shutdown_timeout": 1.0}):
            with pytest.raises(ValueError, match="only meaningful with ssl"):
                await asyncio.open_connection("b", 80, **wrong)

    net.run(main())


def test_a_handshake_with_a_machine_that_says_nothing_times_out(net, contexts, recorder):
    """ssl_handshake_timeout is virtual time."""

    async def main():
        async def mute():
            await net.loop.create_server(recorder, port=80)

        await net.b.spawn(mute())
        with pytest.raises(ConnectionAbortedError, match="longer than 7"):
            await asyncio.open_connection("b", 80, ssl=contexts[1], ssl_handshake_timeout=7)
        assert 7.0 < net.now < 7.1

    net.run(main())


def test_start_tls_on_a_connection(net, contexts):
    """Both sides upgrade a plain connection, as SMTP and PostgreSQL do."""

    async def serve(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.start_tls(contexts[0])
        writer.write(await reader.readexactly(5))
        writer.close()

    async def main():
        async def listen():
            await asyncio.start_server(serve, port=25)

        await net.b.spawn(listen())
        reader, writer = await asyncio.open_connection("b", 25)
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(contexts[1], server_hostname="b")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        assert writer.get_extra_info("cipher")
        writer.close()

    net.run(main())


# --- Files ---


def test_sendfile_reads_and_writes(net):
    """The fallback: as much of the file as asked for, with flow control."""

    async def main():
        await echo_on_b(net)
        reader, writer = await asyncio.open_connection("b", 80)
        file = io.BytesIO(bytes(range(256)) * 4000)
        assert await net.loop.sendfile(writer.transport, file, offset=256, count=512) == 512
        assert await reader.readexactly(512) == bytes(range(256)) * 2
        assert file.tell() == 768
        receiving = asyncio.ensure_future(reader.readexactly(1_024_000))
        assert await net.loop.sendfile(writer.transport, file) == 1_024_000
        assert len(await receiving) == 1_024_000
        with pytest.raises(asyncio.SendfileNotAvailableError):
            await net.loop.sendfile(writer.transport, file, fallback=False)
        writer.close()
        with pytest.raises(ConnectionError):
            await net.loop.sendfile(writer.transport, file)

    net.run(main())


# --- Outside of hosts ---


def test_without_a_host_there_is_no_network(net):
    """The world's own code, and procedures of the catalogue, are refused, by the name of the call."""

    async def main():
        for call in ("create_connection", "create_server", "sock_recv", "getaddrinfo", "create_datagram_endpoint"):
            with pytest.raises(Escaped, match=f"loop.{call}"):
                getattr(net.loop, call)(None, None)

    net.loop.run_until_complete(main())
    assert SimLoop.network is None
