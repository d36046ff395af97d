"""Another timeout budget: timers and a task that cancels the work when its caller hangs up; the caller waits for a task."""

import asyncio
import json
import time


class DeadlineExceeded(Exception):
    pass


class RemoteError(Exception):
    pass


class Deadline:
    def __init__(self, seconds):
        self.end = asyncio.get_running_loop().time() + seconds

    def left_s(self):
        return self.end - asyncio.get_running_loop().time()


async def call(host, port, question, deadline):
    started = time.monotonic()
    asking = asyncio.create_task(exchange(host, port, question, deadline))
    try:
        done, _ = await asyncio.wait([asking], timeout=max(0.0, deadline.left_s())) if deadline.left_s() > 0 else ((), ())
    finally:
        if not asking.done():
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    if not done:
        raise DeadlineExceeded(f"after {time.monotonic() - started} s")
    reply = asking.result()
    match reply:
        case {"answer": answer}:
            return answer
        case {"error": text}:
            raise RemoteError(text)
        case _:
            raise DeadlineExceeded


async def exchange(host, port, question, deadline):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write((json.dumps({"question": question, "left_s": deadline.left_s()}) + "\n").encode())
        await writer.drain()
        text = await reader.readline()
        if not text:
            raise ConnectionError("hung up")
        return json.loads(text)
    finally:
        writer.close()


async def serve(port, handler):
    async def connected(reader, writer):
        try:
            text = await reader.readline()
            if text:
                reply = await answer_to(json.loads(text), reader, handler)
                writer.write((json.dumps(reply) + "\n").encode())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, port=port)
    await server.serve_forever()


async def answer_to(request, reader, handler):
    if request["left_s"] <= 0:
        return {"exceeded": True}
    deadline = Deadline(request["left_s"])
    work = asyncio.create_task(handler(request["question"], deadline))
    watching = asyncio.create_task(gone(reader, work))
    timer = asyncio.get_running_loop().call_later(request["left_s"], work.cancel)
    try:
        return {"answer": await work}
    except (asyncio.CancelledError, DeadlineExceeded):
        return {"exceeded": True}
    except Exception as error:
        return {"error": str(error)}
    finally:
        timer.cancel()
        watching.cancel()


async def gone(reader, work):
    try:
        await reader.read(1)
    except ConnectionError:
        pass
    work.cancel()
