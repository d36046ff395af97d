"""The HTTP server takes requests however they are cut, refuses what can be read in two ways, and outlives any bytes."""

import asyncio
import http.client

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.batteries.http import BadRequest, HttpServer, Request, Response, chunk_size, encode, parse_head, read_request

GET = b"GET /a%20b?x=1&y=%2F HTTP/1.1\r\nHost: h\r\nX: 1\r\nx:  2 \r\n\r\n"


class Silent:
    """A writer that keeps what is written."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


def fed(data, *, end=True):
    reader = asyncio.StreamReader(limit=1 << 16)
    reader.feed_data(data)
    if end:
        reader.feed_eof()
    return reader


def read_all(data):
    """Every request in `data`; what was written meanwhile."""

    async def main():
        reader, writer, found = fed(data), Silent(), []
        while (request := await read_request(reader, writer)) is not None:
            found.append(request)
        return found, writer.data

    return asyncio.run(main())


def test_a_head_is_parsed():
    """Path and query are decoded, header names do not depend on case, repeated ones are joined."""
    request = parse_head(GET)
    assert (request.method, request.path, request.query) == ("GET", "/a b", {"x": "1", "y": "/"})
    assert request.headers == {"host": "h", "x": "1, 2"}
    assert request.persistent
    assert not parse_head(GET.replace(b"X: 1", b"Connection: Close")).persistent
    assert not parse_head(GET.replace(b"1.1", b"1.0")).persistent
    assert parse_head(GET.replace(b"1.1", b"1.0").replace(b"X: 1", b"Connection: keep-alive")).persistent


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"G(T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / FTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\nx", 413),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 70000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_wrong_or_ambiguous_is_refused(data, status):
    """Each with its own status."""
    with pytest.raises(BadRequest) as caught:
        read_all(data)
    assert caught.value.status == status


@given(
    bodies=st.lists(st.one_of(st.binary(max_size=50), st.lists(st.binary(min_size=1, max_size=20), max_size=4)), max_size=4),
    method=st.sampled_from(["PUT", "POST"]),
)
def test_requests_in_a_row_are_told_apart(bodies, method):
    """Pipelined requests with lengths and with chunks: each gets its own body."""
    data = b""
    for body in bodies:
        data += f"{method} /x HTTP/1.1\r\nHost: h\r\n".encode()
        if isinstance(body, bytes):
            data += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        else:
            chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in body)
            data += b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"
    found, _ = read_all(data)
    assert [request.body for request in found] == [body if isinstance(body, bytes) else b"".join(body) for body in bodies]


pieces = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"GET ",
            b"/ ",
            b"HTTP/1.1",
            b"\r\n",
            b"\r\n\r\n",
            b"Content-Length: 3",
            b"Transfer-Encoding: chunked",
            b"3\r\nabc",
            b"0",
            b":",
            GET,
        ]
    ),
)


@given(st.lists(pieces, max_size=12))
def test_noise_is_refused_or_incomplete(parts):
    """Whatever comes, the reader returns requests, or raises BadRequest or IncompleteReadError, and nothing else."""
    try:
        found, _ = read_all(b"".join(parts))
    except (BadRequest, asyncio.IncompleteReadError):
        return
    assert all(isinstance(request, Request) for request in found)


@given(st.binary(max_size=40))
def test_chunk_sizes(line):
    """A chunk's first line is hexadecimal or refused."""
    try:
        assert chunk_size(line) >= 0
    except BadRequest:
        return
    assert line[:1] in b"0123456789abcdefABCDEF"


def test_responses():
    """A HEAD has a length and no body; 304 has neither; unknown statuses have a phrase."""
    assert encode(Response(200, b"abc"), head_only=False, persistent=True).endswith(b"Content-Length: 3\r\n\r\nabc")
    assert encode(Response(200, length=5), head_only=True, persistent=True).endswith(b"Content-Length: 5\r\n\r\n")
    assert b"Content-Length" not in encode(Response(304), head_only=False, persistent=True)
    assert b"Connection: close" in encode(Response(299), head_only=False, persistent=False)


def test_a_real_client_and_a_rude_one():
    """Httpx keeps one connection; bytes that are no HTTP get 400; a handler that raises is a 500; the server goes on."""

    def handler(request):
        if request.path == "/raise":
            raise ValueError("on purpose")
        return Response(200, request.method.encode() + request.body, {"X-Path": request.path})

    async def main():
        server = HttpServer(handler)
        await server.start("127.0.0.1", 0)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            assert (await client.get("/a")).text == "GET"
            assert (await client.post("/a", content=b"x" * 100_000)).content == b"POST" + b"x" * 100_000

            async def body():
                yield b"one"
                yield b"two"

            assert (await client.put("/a", content=body())).text == "PUTonetwo"
            assert (await client.head("/a")).headers["content-length"] == "4"
            assert (await client.get("/raise")).status_code == 500
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x16\x03\x01 no http\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"abc")
            assert (await reader.read()).endswith(b"PUTabc")
            writer.close()
            assert (await client.get("/a")).status_code == 200
        await server.close()

    asyncio.run(main())


@settings(max_examples=20, deadline=None)
@given(status=st.sampled_from([200, 404, 500]), body=st.binary(max_size=100))
def test_responses_are_read_by_the_standard_library(status, body):
    """What goes out parses as it was meant."""

    class Socket:
        def makefile(self, _mode):
            import io

            return io.BytesIO(encode(Response(status, body, {"X": "y"}), head_only=False, persistent=True))

    response = http.client.HTTPResponse(Socket())
    response.begin()
    assert (response.status, response.read(), response.getheader("X")) == (status, body, "y")
    response.close()
