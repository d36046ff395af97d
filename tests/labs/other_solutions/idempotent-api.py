"""Another idempotent API: an ASGI application; a second request waits for the first; references are random and written down."""

import asyncio
import json
import uuid

from windtunnel.labs.kit.journal import Journal
from windtunnel.labs.kit.web import send

journal = Journal("payments.log")
entries, locks = {}, {}
for record in journal.records():
    entries.setdefault(record["key"], {}).update(record)


async def app(scope, receive, reply):
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    body = (await receive())["body"]
    status, text, replayed = await respond(
        f"{scope['method']} {scope['path']}", headers.get(b"idempotency-key", b"").decode(), body
    )
    more = [(b"idempotent-replayed", b"true")] if replayed else []
    await reply({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json"), *more]})
    await reply({"type": "http.response.body", "body": text.encode()})


async def respond(what, key, text):
    if what != "POST /payments":
        return 404, "{}", False
    try:
        body = json.loads(text)
        amount, source = body["amount"], body["source"]
        sensible = key and isinstance(amount, int) and amount > 0 and isinstance(source, str)
    except (ValueError, KeyError, TypeError):
        sensible = False
    if not sensible:
        return 400, "{}", False
    entry = entries.setdefault(key, {"key": key, "amount": amount, "source": source, "reference": str(uuid.uuid4())})
    if (entry["amount"], entry["source"]) != (amount, source):
        return 422, "{}", False
    async with locks.setdefault(key, asyncio.Lock()):
        if "answer" in entry:
            return *entry["answer"], True
        await journal.append(entry)
        try:
            async with asyncio.timeout(3.0):
                charged = await send(
                    "POST", "bank", "/charges", {name: entry[name] for name in ("amount", "source", "reference")}
                )
        except OSError:
            return 503, "{}", False
        if charged.status not in (201, 402):
            return 503, "{}", False
        entry["answer"] = [charged.status, charged.raw.decode()]
        await journal.append(entry)
        return *entry["answer"], False
