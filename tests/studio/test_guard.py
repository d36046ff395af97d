"""Hostile requests: other pages, other names, other machines, bodies and paths that nobody honest sends."""

import asyncio
import json

import pytest

from windtunnel.studio.guard import BODY_MAX, Guard

PORT = 8901
TOKEN = "t" * 43
HOST = f"127.0.0.1:{PORT}"
COOKIE = f"windtunnel-{PORT}={TOKEN}"
PAGE = {"host": HOST, "cookie": COOKIE}
ACT = {**PAGE, "origin": f"http://{HOST}", "content-type": "application/json"}


def asked(method="GET", path="/", headers=None, *, query="", chunks=(b"",), client=("127.0.0.1", 5000), kind="http"):
    """One request to a guarded application that answers "inside"; returns status, headers, body, and whether it came inside."""
    inside = []

    async def app(scope, receive, send):
        inside.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"inside"})

    sent = []
    parts = [{"type": "http.request", "body": chunk, "more_body": i + 1 < len(chunks)} for i, chunk in enumerate(chunks)]

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    pairs = [
        (name.encode(), value.encode("latin-1"))
        for name, values in (headers or {}).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": pairs, "client": client}
    asyncio.run(Guard(app, token=TOKEN, port=PORT)(scope, receive, send))
    start = sent[0]
    if start["type"] != "http.response.start":
        return start["type"], {}, b"", bool(inside)
    return (
        start["status"],
        {k.decode(): v.decode() for k, v in start["headers"]},
        b"".join(m.get("body", b"") for m in sent[1:]),
        bool(inside),
    )


def test_the_person_who_started_it_comes_in():
    """With the cookie, a page of the studio may look and act."""
    assert asked(headers=PAGE)[::3] == (200, True)
    assert asked("POST", "/api/runs", ACT, chunks=(b"{}",))[::3] == (200, True)
    assert asked(headers={**PAGE, "host": f"localhost:{PORT}"})[0] == 200


def test_the_token_is_traded_for_a_cookie():
    """The address of the terminal gives a cookie that scripts cannot read and other sites do not send, and leads on."""
    status, headers, _, inside = asked(path="/lab/retry", headers={"host": HOST}, query=f"token={TOKEN}")
    assert (status, inside) == (303, False)
    assert headers["location"] == "/lab/retry"
    assert headers["set-cookie"] == f"{COOKIE}; Path=/; HttpOnly; SameSite=Strict"


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "/\\evil.example"])
def test_the_token_leads_nowhere_else(path):
    """The redirect stays on this server, whatever the path looks like."""
    location = asked(path=path, headers={"host": HOST}, query=f"token={TOKEN}")[1]["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": HOST},
        {"host": HOST, "cookie": f"windtunnel-{PORT}=wrong"},
        {"host": HOST, "cookie": f"windtunnel-{PORT}="},
        {"host": HOST, "cookie": f"windtunnel-{PORT + 1}={TOKEN}"},
        {"host": HOST, "cookie": "\x01;;=;"},
        {"host": HOST, "authorization": f"Bearer {TOKEN}"},
    ],
)
def test_without_the_cookie_there_is_nothing(headers):
    """Neither pages nor files nor the API answer a stranger."""
    for path in ("/", "/static/app.js", "/api/runs"):
        assert asked(path=path, headers=headers)[::3] == (403, False)


@pytest.mark.parametrize("query", ["token=", "token=wrong", f"token={TOKEN}x", f"token={TOKEN}&token={TOKEN}", "token=%ff"])
def test_a_wrong_token_is_none(query):
    """What is not exactly the token does not open the door."""
    status, headers, _, inside = asked(headers={"host": HOST}, query=query)
    assert (status, inside) == (403, False)
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1.evil.example:{PORT}",
        f"127.0.0.1:{PORT}.evil.example",
        f"0.0.0.0:{PORT}",
        "",
        [HOST, "evil.example"],
        [HOST, HOST],
    ],
)
def test_a_name_that_is_not_ours_is_refused(host):
    """DNS rebinding sends the attacker's name as Host: nothing is answered, not even to who has the cookie or the token."""
    assert asked(headers={**PAGE, "host": host})[::3] == (421, False)
    assert asked(headers={"host": host}, query=f"token={TOKEN}")[::3] == (421, False)


def test_no_host_at_all_is_refused():
    """A request without a Host is not a browser's."""
    assert asked(headers={"cookie": COOKIE})[::3] == (421, False)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"http://localhost:{PORT}", f"https://{HOST}", "http://127.0.0.1:1"]
)
def test_another_origin_is_refused(origin):
    """A page of another origin cannot act, and cannot look either, whatever cookie the browser adds."""
    assert asked("POST", "/api/runs", {**ACT, "origin": origin})[::3] == (403, False)
    assert asked(headers={**PAGE, "origin": origin})[::3] == (403, False)


def test_an_action_says_where_it_comes_from():
    """Without an Origin nothing is changed."""
    assert asked("POST", "/api/runs", {**PAGE, "content-type": "application/json"})[::3] == (403, False)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_is_refused(site):
    """What the browser says another site caused is refused: also another port of this machine, which is the same site."""
    assert asked(headers={**PAGE, "sec-fetch-site": site})[::3] == (403, False)
    assert asked("POST", "/api/runs", {**ACT, "sec-fetch-site": site})[::3] == (403, False)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_form_cannot_act(kind):
    """Only JSON is read: the kinds that a form sends without asking are refused."""
    assert asked("POST", "/api/runs", {**ACT, "content-type": kind})[::3] == (415, False)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(method):
    """There is looking and acting, and nothing else; no preflight is ever granted."""
    status, headers, _, inside = asked(method, "/api/runs", ACT)
    assert (status, inside) == (405, False)
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize("length", [str(BODY_MAX + 1), "9" * 5000, "-1", "1e3", "\xb2", ""])
def test_a_large_body_is_refused_before_it_is_read(length):
    """The length that a request states decides."""
    assert asked("POST", "/api/runs", {**ACT, "content-length": length})[::3] == (413, False)


def test_a_large_body_in_pieces_is_refused():
    """A body without a length is counted."""
    status, _, body, _ = asked("POST", "/api/runs", ACT, chunks=(b"x" * (BODY_MAX // 2),) * 3)
    assert status == 413
    assert "bytes" in json.loads(body)["error"]


def test_other_machines_are_refused():
    """Should the port ever be reachable from outside, nobody there is answered."""
    assert asked(headers=PAGE, client=("192.168.1.20", 5000))[::3] == (403, False)


def test_a_websocket_is_closed():
    """There is none here."""
    assert asked(headers=PAGE, kind="websocket")[::3] == ("websocket.close", False)


@pytest.mark.parametrize("headers", [PAGE, {"host": HOST}])
def test_every_answer_forbids_what_is_not_ours(headers):
    """The policy goes with every answer, refusals included: own scripts and styles only, no frames, no referrer, no guessing."""
    given = asked(headers=headers)[1]
    policy = dict(part.strip().split(" ", 1) for part in given["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in given["content-security-policy"]
    assert given["x-content-type-options"] == "nosniff"
    assert given["referrer-policy"] == "no-referrer"
    assert given["cross-origin-resource-policy"] == "same-origin"
