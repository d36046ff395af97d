"""An ASGI application is served on a simulated host: requests, lifespan, what it forgets."""

import json

import pytest

from windtunnel.labs.kit import web
from windtunnel.labs.kit.asgi import serve
from windtunnel.sim import RunFailed, World


async def app(scope, receive, send):
    """Says what it was asked; keeps what its startup made."""
    if scope["type"] == "lifespan":
        await receive()
        app.started = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = (await receive())["body"]
    if scope["path"] == "/nothing":
        return
    if scope["path"] == "/raise":
        raise ValueError("no")
    said = {"path": scope["path"], "query": scope["query_string"].decode(), "method": scope["method"], "body": body.decode()}
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-lab", b"yes"), (b"content-length", b"999")]})
    await send({"type": "http.response.body", "body": json.dumps(said | {"started": app.started}).encode()})


def asked(*requests, served=app):
    """The answers to requests in one world."""

    async def scenario(world):
        world.host("server", main=lambda: serve(served))
        async with world.client("you"):
            import asyncio

            await asyncio.sleep(0.1)
            return [await web.send(*request) for request in requests]

    world = World(1)
    return world.run(scenario, world)


def test_a_request_becomes_a_scope_and_back():
    """Path, query, method, body; status, headers; the length is that of the body."""
    answer, *_ = asked(("POST", "server", "/charges/%C3%BC?a=1", {"amount": 5}))
    assert (answer.status, answer.headers["x-lab"]) == (201, "yes")
    assert answer.body == {"path": "/charges/ü", "query": "a=1", "method": "POST", "body": '{"amount": 5}', "started": True}


def test_an_application_that_raises_or_says_nothing_is_a_500_and_goes_on():
    """One request does not take the server down."""
    assert [answer.status for answer in asked(*[("GET", "server", path) for path in ("/raise", "/nothing", "/")])] == [
        500,
        500,
        201,
    ]


def test_an_application_without_a_lifespan_is_served():
    """It says so by raising, or by returning at once."""

    async def plain(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    assert asked(("GET", "server", "/"), served=plain)[0].status == 204


def test_a_startup_that_fails_ends_the_host():
    """With the application's own words."""

    async def failing(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises((RunFailed, OSError), match=r"no database|refused"):
        asked(("GET", "server", "/"), served=failing)
