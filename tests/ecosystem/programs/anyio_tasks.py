"""anyio on asyncio: task groups, cancel scopes, worker threads, streams, and its own sockets."""

import threading

import anyio
from anyio import to_thread
from anyio.streams.buffered import BufferedByteReceiveStream


async def handle(stream):
    """Lines backwards."""
    async with stream:
        buffered = BufferedByteReceiveStream(stream)
        try:
            while True:
                line = await buffered.receive_until(b"\n", 1000)
                await stream.send(line[::-1] + b"\n")
        except (anyio.IncompleteRead, anyio.EndOfStream):
            pass


async def serve(host, port):
    """Serve until cancelled."""
    async with await anyio.create_tcp_listener(local_host=host, local_port=port) as listener:
        await listener.serve(handle)


async def groups(facts):
    """Task groups and scopes."""
    order = []

    async def sleeper(seconds):
        await anyio.sleep(seconds)
        order.append(seconds)

    async with anyio.create_task_group() as group:
        for seconds in (0.3, 0.1, 0.2):
            group.start_soon(sleeper, seconds)
    facts["group"] = order
    with anyio.move_on_after(0.1) as scope:
        await anyio.sleep(10)
    facts["moved on"] = scope.cancelled_caught
    try:
        with anyio.fail_after(0.1):
            await anyio.sleep(10)
    except TimeoutError:
        facts["failed"] = "TimeoutError"

    async def raises():
        await anyio.sleep(0.05)
        raise ValueError("one of them")

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(raises)
            group.start_soon(anyio.sleep, 10)
    except* ValueError as errors:
        facts["raised"] = [str(error) for error in errors.exceptions]
    facts["clock"] = anyio.current_time() >= 0.0


async def threads(facts):
    """Functions in worker threads, which call back into the loop."""

    def work(x):
        return x * x, threading.current_thread() is not None

    facts["thread"] = await to_thread.run_sync(work, 7)
    try:
        await to_thread.run_sync(lambda: 1 / 0)
    except ZeroDivisionError:
        facts["thread raised"] = True
    limiter = anyio.CapacityLimiter(2)
    facts["limited"] = 0

    async def limited():
        await to_thread.run_sync(work, 1, limiter=limiter)
        facts["limited"] += 1

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(limited)


async def use(host, port):
    """Everything once, as a dict of facts."""
    facts = {}
    await groups(facts)
    await threads(facts)
    send, receive = anyio.create_memory_object_stream(1)
    async with anyio.create_task_group() as group, receive:
        group.start_soon(send.send, "through memory")
        facts["memory"] = await receive.receive()
    send.close()
    async with await anyio.connect_tcp(host, port) as stream:
        await stream.send(b"abc\n")
        facts["socket"] = await stream.receive()
        await stream.send_eof()
        try:
            facts["end"] = await stream.receive()
        except anyio.EndOfStream:
            facts["end"] = "EndOfStream"
    return facts


EXPECTED = {
    "group": [0.1, 0.2, 0.3],
    "moved on": True,
    "failed": "TimeoutError",
    "raised": ["one of them"],
    "clock": True,
    "thread": (49, True),
    "thread raised": True,
    "limited": 5,
    "memory": "through memory",
    "socket": b"cba\n",
    "end": "EndOfStream",
}
