"""TLS over asyncio streams: a server's certificate, a client's certificate, a name that does not fit, an upgrade."""

import asyncio
import functools
import ssl

import trustme


@functools.cache
def authority():
    """A certificate authority of our own, and certificates for the server under each name that it is called by."""
    ca = trustme.CA()
    return ca, ca.issue_cert("localhost", "127.0.0.1", "server"), ca.issue_cert("client@example.org")


def server_context():
    """Asks clients for a certificate, but does not insist."""
    ca, server, _ = authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(*, known=False):
    """Trusts our authority; with `known` it shows a certificate of its own."""
    ca, _, client = authority()
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if known:
        client.configure_cert(context)
    return context


async def answer(reader, writer):
    """Lines in capitals; "who" says who the peer is."""
    while line := await reader.readline():
        if line == b"who\n":
            certificate = writer.get_extra_info("peercert") or {}
            writer.write(f"{certificate.get('subjectAltName', 'a stranger')}\n".encode())
        elif line == b"size\n":
            size = int(await reader.readline())
            writer.write(f"{len(await reader.readexactly(size))}\n".encode())
        else:
            writer.write(line.upper())
        await writer.drain()
    writer.close()


async def upgraded(reader, writer):
    """Plain first; after "tls" the same connection goes on encrypted."""
    assert await reader.readline() == b"tls\n"
    writer.write(b"go\n")
    await writer.drain()
    await writer.start_tls(server_context())
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def serve(host, port):
    """Serve until cancelled: TLS at `port`, the upgrade one above."""
    server = await asyncio.start_server(answer, host, port, ssl=server_context())
    plain = await asyncio.start_server(upgraded, host, port + 1)
    async with server, plain:
        await asyncio.gather(server.serve_forever(), plain.serve_forever())


async def ask(host, port, context, *lines):
    """The answers to `lines` over one connection."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    answers = []
    for line in lines:
        writer.write(line)
        answers.append((await reader.readline()).decode().strip())
    facts = (writer.get_extra_info("ssl_object").version(), answers)
    writer.close()
    await writer.wait_closed()
    return facts


async def use(host, port):
    """Everything once, as a dict of facts."""
    facts = {
        "stranger": await ask(host, port, client_context(), b"hello\n", b"who\n"),
        "known": await ask(host, port, client_context(known=True), b"who\n"),
        "big": await ask(host, port, client_context(), b"size\n200000\n" + b"y" * 200_000),
    }
    try:
        await asyncio.open_connection(host, port, ssl=client_context(), server_hostname="other.example")
    except ssl.SSLCertVerificationError as error:
        facts["wrong name"] = error.reason
    reader, writer = await asyncio.open_connection(host, port + 1)
    writer.write(b"tls\n")
    assert await reader.readline() == b"go\n"
    await writer.start_tls(client_context(), server_hostname=host)
    writer.write(b"now secret\n")
    facts["upgraded"] = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return facts


EXPECTED = {
    "stranger": ("TLSv1.3", ["HELLO", "a stranger"]),
    "known": ("TLSv1.3", ["(('email', 'client@example.org'),)"]),
    "big": ("TLSv1.3", ["200000"]),
    "wrong name": "CERTIFICATE_VERIFY_FAILED",
    "upgraded": b"NOW SECRET\n",
}
