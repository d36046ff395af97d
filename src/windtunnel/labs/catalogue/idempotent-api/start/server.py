"""Payments. The second request with a key gets the answer of the first, as long as nothing happens in between."""

import asyncio
import json
from uuid import uuid4

from windtunnel.batteries.http import HttpServer, Response
from windtunnel.labs.kit.web import send

answers = {}


async def serve(port=80):
    """Answer requests, for ever."""
    await HttpServer(handle).start(port=port)
    await asyncio.Event().wait()


async def handle(request):
    """The response to a request: `method`, `path`, `headers` by lower-case name, `body` in bytes."""
    if (request.method, request.path) != ("POST", "/payments"):
        return reply(404, {"error": "there is POST /payments"})
    key = request.headers.get("idempotency-key")
    if key in answers:
        return reply(*answers[key], replayed=True)
    wanted = json.loads(request.body)
    charged = await send("POST", "bank", "/charges", {**wanted, "reference": str(uuid4())})
    answers[key] = 201 if charged.status == 201 else 402, charged.body
    return reply(*answers[key])


def reply(status, body, *, replayed=False):
    """A response with a body of JSON."""
    headers = {"Content-Type": "application/json"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    return Response(status, json.dumps(body).encode(), headers)
