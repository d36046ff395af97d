"""Payments that happen once, however often they are asked for."""

import asyncio
import json

from windtunnel.batteries.http import HttpServer, Response
from windtunnel.labs.kit.journal import Journal
from windtunnel.labs.kit.web import send

BANK_S = 2.0  # how long the bank may take


async def serve(port=80):
    await HttpServer(Payments(Journal("keys")).handle).start(port=port)
    await asyncio.Event().wait()


class Payments:
    """What is known of each key: the parameters it was first used with, and its answer once there is one."""

    def __init__(self, journal):
        self.journal = journal
        self.wanted = {}
        self.answers = {}
        self.under_way = set()
        for record in journal.records():
            if "wanted" in record:
                self.wanted[record["key"]] = record["wanted"]
            else:
                self.answers[record["key"]] = record["status"], record["body"]

    async def handle(self, request):
        if (request.method, request.path) != ("POST", "/payments"):
            return reply(404, {"error": "there is POST /payments"})
        key, wanted = request.headers.get("idempotency-key"), parameters(request.body)
        if not key or wanted is None:
            return reply(400, {"error": "expected a header Idempotency-Key, an amount above 0 and a source"})
        if key in self.answers:
            return reply(*self.answers[key], replayed=True)
        if key in self.under_way:
            return reply(409, {"error": "a payment with this key is under way"})
        self.under_way.add(key)
        try:
            return await self._pay(key, wanted)
        finally:
            self.under_way.remove(key)

    async def _pay(self, key, wanted):
        if key not in self.wanted:
            self.wanted[key] = wanted
            await self.journal.append({"key": key, "wanted": wanted})
        try:
            async with asyncio.timeout(BANK_S):
                charged = await send("POST", "bank", "/charges", {**wanted, "reference": key})
        except OSError:
            charged = None
        if charged is None or charged.status >= 500:
            return reply(503, {"error": "the bank does not answer: try again with the same key"})
        status = 201 if charged.status == 201 else 402
        await self.journal.append({"key": key, "status": status, "body": charged.body})
        self.answers[key] = status, charged.body
        return reply(status, charged.body)


def parameters(body):
    """What a request asks for, None if that makes no sense."""
    try:
        wanted = json.loads(body)
    except ValueError:
        return None
    match wanted:
        case {"amount": int(amount), "source": str(source)} if amount > 0:
            return {"amount": amount, "source": source}
    return None


def reply(status, body, *, replayed=False):
    headers = {"Content-Type": "application/json"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    return Response(status, json.dumps(body).encode(), headers)
