"""Another idempotent API: a second request waits for the first; the reference is a random one, written down before it is used."""

import asyncio
import json
import uuid

from windtunnel.batteries.http import HttpServer, Response
from windtunnel.labs.kit.journal import Journal
from windtunnel.labs.kit.web import send


async def serve(port=80):
    journal = Journal("payments.log")
    entries, locks = {}, {}
    for record in journal.records():
        entries.setdefault(record["key"], {}).update(record)

    async def handle(request):
        if f"{request.method} {request.path}" != "POST /payments":
            return Response(404, b"{}")
        key = request.headers.get("idempotency-key")
        try:
            body = json.loads(request.body)
            amount, source = body["amount"], body["source"]
            sensible = key and isinstance(amount, int) and amount > 0 and isinstance(source, str)
        except (ValueError, KeyError, TypeError):
            sensible = False
        if not sensible:
            return Response(400, b"{}")
        entry = entries.setdefault(key, {"key": key, "amount": amount, "source": source, "reference": str(uuid.uuid4())})
        if (entry["amount"], entry["source"]) != (amount, source):
            return Response(422, b"{}")
        async with locks.setdefault(key, asyncio.Lock()):
            if "answer" not in entry:
                await journal.append(entry)
                try:
                    async with asyncio.timeout(3.0):
                        charged = await send(
                            "POST", "bank", "/charges", {name: entry[name] for name in ("amount", "source", "reference")}
                        )
                except OSError:
                    return Response(503, b"{}")
                if charged.status not in (201, 402):
                    return Response(503, b"{}")
                entry["answer"] = [charged.status, charged.raw.decode()]
                await journal.append(entry)
                return Response(charged.status, charged.raw)
            status, text = entry["answer"]
            return Response(status, text.encode(), {"Idempotent-Replayed": "true"})

    await HttpServer(handle).start(port=port)
    await asyncio.Event().wait()
