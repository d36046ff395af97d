"""Datagrams through asyncio's protocol: a counter that is asked again until it answers, as over any network that loses."""

import asyncio


class Counter(asyncio.DatagramProtocol):
    """Answers `add ID N` with the total; an identifier that was seen is not added again."""

    def __init__(self):
        self.total = 0
        self.seen = set()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        _, name, amount = data.decode().split()
        if name not in self.seen:
            self.seen.add(name)
            self.total += int(amount)
        self.transport.sendto(f"{name} {self.total}".encode(), addr)


class Asker(asyncio.DatagramProtocol):
    """Futures by identifier."""

    def __init__(self):
        self.waiting = {}
        self.errors = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, _addr):
        name, total = data.decode().split()
        future = self.waiting.get(name)
        if future is not None and not future.done():
            future.set_result(int(total))

    def error_received(self, exc):
        self.errors.append(type(exc).__name__)

    async def add(self, name, amount):
        """The total after `amount` was added, asked again every 200 ms."""
        self.waiting[name] = asyncio.get_running_loop().create_future()
        while True:
            self.transport.sendto(f"add {name} {amount}".encode())
            try:
                async with asyncio.timeout(0.2):
                    return await asyncio.shield(self.waiting[name])
            except TimeoutError:
                continue


async def serve(host, port):
    """Serve until cancelled."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Counter, local_addr=(host, port))
    try:
        await asyncio.Event().wait()
    finally:
        transport.close()


async def use(host, port):
    """Three additions, and where nobody listens: what an asker is told."""
    loop = asyncio.get_running_loop()
    transport, asker = await loop.create_datagram_endpoint(Asker, remote_addr=(host, port))
    facts = {"totals": [await asker.add(f"id{i}", i) for i in (1, 2, 3)]}
    transport.close()
    transport, lost = await loop.create_datagram_endpoint(Asker, remote_addr=(host, port + 1))
    try:
        async with asyncio.timeout(0.5):
            await lost.add("id4", 4)
    except TimeoutError:
        facts["nobody"] = sorted(set(lost.errors))
    transport.close()
    return facts


EXPECTED = {"totals": [1, 3, 6], "nobody": ["ConnectionRefusedError"]}
