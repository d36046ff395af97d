import asyncio
import shutil
import socket
import subprocess
import threading
import time

import pytest


class Running:
    """An asyncio program on a thread of its own, on real loopback."""

    def __init__(self, start):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.server = self.call(start())

    def call(self, coroutine):
        """The result of a coroutine on that thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def stop(self):
        """Close the server and end the thread."""
        self.call(self.server.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


@pytest.fixture(scope="session")
def redis_server():
    """The port of a real redis-server without persistence; skips where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here: apt-get install redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.02)
    yield port
    process.terminate()
    process.wait()


@pytest.fixture
def run_really():
    """Starts an asyncio server on a thread, on real loopback: `run_really(start).server`; all are stopped at the end."""
    started = []

    def run(start):
        started.append(Running(start))
        return started[-1]

    yield run
    for running in started:
        running.stop()


@pytest.fixture(scope="session")
def our_server():
    """Our server on a thread, on real loopback."""
    from windtunnel.batteries.redis import RedisServer

    async def start():
        server = RedisServer()
        await server.start("127.0.0.1", 0)
        return server

    running = Running(start)
    yield running
    running.stop()
