"""Who may speak to the studio: the person who started it, from a page of the studio, and nobody else.

Theory of operation. The studio starts programs, so every web page that the same person has open is a possible attacker.
Five walls, each enough against some attack:

1. The socket is bound to a loopback address: other machines cannot connect.
2. `Host` must be a loopback name with our port: a page that points its own name at 127.0.0.1 (DNS rebinding) sends its own.
3. A token, random at each start, is in the address that the terminal prints; the first visit trades it for a cookie
   (HttpOnly, SameSite=Strict). Without the cookie there is nothing but a page that says so.
4. Whatever says that it comes from elsewhere (`Origin`, `Sec-Fetch-Site`) is refused. What changes state is a POST with JSON and
   an `Origin` of ours, which a form of another page cannot send. GET changes nothing.
5. A content security policy forbids the pages everything that is not ours: scripts, styles, connections, frames.

Bodies above BODY_MAX are refused before they are read. A cookie is not bound to a port, so a hostile program that this same user
runs on another port of this machine could read it from requests to it; such a program can read the user's files anyway.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_MAX = 64 << 10
"""Bytes of a request's body. The largest honest one is a fault plan, some kilobytes."""

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-src 'none'; frame-ancestors 'none'"
)

HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)

_STRANGER = (
    "This is windtunnel studio. It answers only to the address that `windtunnel studio` printed in your terminal: "
    "open that one, with its token.\n"
)


class TooLarge(Exception):  # noqa: N818 - what the body is
    """A body went on beyond BODY_MAX."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further."""

    status: int
    text: str


class Guard:
    """An ASGI application that lets through to `app` what may pass. token: the secret of this start; port: where we listen."""

    def __init__(self, app: App, *, token: str, port: int) -> None:
        assert len(token) >= 32, "a token that can be guessed is none"
        self._app = app
        self._token = token
        self._cookie = f"windtunnel-{port}"
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = scope["headers"]
        refusal = self._stranger(scope, headers)
        if refusal is None and (entering := self._entering(scope)) is not None:
            await _redirect(send, entering, f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict")
            return
        refusal = refusal or _elsewhere(scope, headers) or self._unknown_visitor(headers) or _unfit(scope, headers)
        if refusal is not None:
            await _refuse(send, refusal)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name.lower() for name, _ in message.get("headers", ())}
                message["headers"] = [*message.get("headers", ()), *(pair for pair in HEADERS if pair[0] not in own)]
            await send(message)

        try:
            await self._app(scope, _limited(receive), sending)
        except TooLarge:
            if not started:
                await _refuse(send, _TOO_LARGE)

    def _stranger(self, scope: MutableMapping[str, Any], headers: Any) -> Refusal | None:
        """Another machine, or a name that is not ours."""
        client = scope.get("client")
        if client is not None and client[0] not in ("127.0.0.1", "::1"):
            return Refusal(403, "windtunnel studio answers to this machine only\n")
        hosts = _all(headers, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return Refusal(421, f"windtunnel studio is at http://{min(self._hosts)}")
        return None

    def _entering(self, scope: MutableMapping[str, Any]) -> str | None:
        """Where to go with the cookie, for a visit with the right token in its address: from any window, the token decides."""
        if scope["method"] != "GET":
            return None
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        if len(given) != 1 or not self._is_token(given[0]):
            return None
        return "/" + quote(scope["path"].lstrip("/"), safe="/~-._")

    def _unknown_visitor(self, headers: Any) -> Refusal | None:
        for text in _all(headers, b"cookie"):
            try:
                morsel = SimpleCookie(text).get(self._cookie)
            except CookieError:
                continue
            if morsel is not None and self._is_token(morsel.value):
                return None
        return Refusal(403, _STRANGER)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "replace"), self._token.encode())


_TOO_LARGE = Refusal(413, f"a body of at most {BODY_MAX} bytes is read here\n")


def _elsewhere(scope: MutableMapping[str, Any], headers: Any) -> Refusal | None:
    """A request that another page caused, or one that changes state and does not say where it comes from."""
    host = _all(headers, b"host")[0].lower()
    origins = _all(headers, b"origin")
    if any(origin != f"http://{host}" for origin in origins):
        return Refusal(403, "the request comes from another origin\n")
    if scope["method"] not in ("GET", "HEAD") and not origins:
        return Refusal(403, "a request that changes something must say where it comes from (Origin)\n")
    if any(site not in ("same-origin", "none") for site in _all(headers, b"sec-fetch-site")):
        return Refusal(403, "the request comes from another site\n")
    return None


def _unfit(scope: MutableMapping[str, Any], headers: Any) -> Refusal | None:
    """A known visitor asks in a way in which no page of ours asks."""
    method = scope["method"]
    if method in ("GET", "HEAD"):
        return None
    if method != "POST":
        return Refusal(405, "GET to look, POST to act\n")
    kinds = _all(headers, b"content-type")
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != "application/json":
        return Refusal(415, "the body of a POST is JSON (Content-Type: application/json)\n")
    lengths = _all(headers, b"content-length")
    if any(not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) > BODY_MAX for text in lengths):
        return _TOO_LARGE
    return None


def _all(headers: Any, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _limited(receive: Receive) -> Receive:
    """`receive`, counting: a chunked body has no length to look at beforehand."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_MAX:
            raise TooLarge
        return message

    return counting


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.text.strip()}).encode() if refusal.status != 403 else refusal.text.encode()
    kind = b"application/json" if refusal.status != 403 else b"text/plain; charset=utf-8"
    head = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"), *HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, where: str, cookie: str) -> None:
    head = [
        (b"location", where.encode("ascii")),
        (b"set-cookie", cookie.encode("ascii")),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": 303, "headers": head})
    await send({"type": "http.response.body", "body": b""})
