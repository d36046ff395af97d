"""The standard library alone: streams, half-close, queues, groups, timeouts, locks, executors, cancellation."""

import asyncio
import contextlib


async def handle(reader, writer):
    """Everything up to the client's EOF, then its length; "push" is answered with more than any buffer holds."""
    data = await reader.read()
    writer.write(b"p" * 3_000_000 if data == b"push" else str(len(data)).encode())
    await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def serve(host, port):
    """Serve until cancelled."""
    server = await asyncio.start_server(handle, host, port)
    async with server:
        await server.serve_forever()


async def streams(host, port, facts):
    """Half-close, back pressure, end of file, a port where nobody listens."""
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(50):
        writer.write(b"x" * 20_000)
        await writer.drain()
    writer.write_eof()
    facts["half-close"] = (await reader.read(), writer.can_write_eof())
    writer.close()
    await writer.wait_closed()
    reader, writer = await asyncio.open_connection(host, port, limit=1000)
    writer.write(b"push")
    writer.write_eof()
    await asyncio.sleep(0.05)
    facts["pushed"] = len(await reader.read())
    try:
        await reader.readexactly(1)
    except asyncio.IncompleteReadError as error:
        facts["eof"] = (error.partial, reader.at_eof())
    writer.close()
    try:
        await asyncio.open_connection(host, port + 1)
    except ConnectionRefusedError:
        facts["nobody"] = "ConnectionRefusedError"


async def tasks(facts):
    """Queues, groups, timeouts, locks, cancellation."""
    queue = asyncio.Queue(maxsize=2)

    async def produce():
        for i in range(10):
            await queue.put(i)
        await queue.put(None)

    async def consume():
        got = []
        while (item := await queue.get()) is not None:
            got.append(item)
            queue.task_done()
        return got

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        consumer = group.create_task(consume())
    facts["queue"] = consumer.result()
    try:
        async with asyncio.timeout(0.05):
            await asyncio.sleep(10)
    except TimeoutError:
        facts["timeout"] = True
    lock = asyncio.Lock()
    order = []

    async def locked(name):
        async with lock:
            order.append(name)
            await asyncio.sleep(0.01)
            order.append(name)

    await asyncio.gather(locked("a"), locked("b"))
    facts["lock"] = order
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel("enough")
    try:
        await task
    except asyncio.CancelledError as error:
        facts["cancelled"] = error.args
    done, pending = await asyncio.wait([asyncio.create_task(asyncio.sleep(s)) for s in (0.01, 5)], timeout=0.1)
    facts["wait"] = (len(done), len(pending))
    for left in pending:
        left.cancel()
    facts["completed"] = [await first for first in asyncio.as_completed([asyncio.sleep(s, s) for s in (0.03, 0.01, 0.02)])]


async def use(host, port):
    """Everything once, as a dict of facts."""
    facts = {}
    await streams(host, port, facts)
    await tasks(facts)
    facts["executor"] = await asyncio.to_thread(sum, range(10))
    facts["executor too"] = await asyncio.get_running_loop().run_in_executor(None, "x".upper)
    return facts


EXPECTED = {
    "half-close": (b"1000000", True),
    "pushed": 3_000_000,
    "eof": (b"", True),
    "nobody": "ConnectionRefusedError",
    "queue": list(range(10)),
    "timeout": True,
    "lock": ["a", "a", "b", "b"],
    "cancelled": ("enough",),
    "wait": (1, 1),
    "completed": [0.01, 0.02, 0.03],
    "executor": 45,
    "executor too": "X",
}
