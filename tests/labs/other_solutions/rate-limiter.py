"""Another rate limiter: a plain bucket of tokens without any care for rounding; waiters in a queue of futures."""

import asyncio
import time
from collections import deque


class Limiter:
    def __init__(self, rate_per_s, burst):
        self.rate, self.burst = rate_per_s, burst
        self.tokens = burst
        self.updated = time.monotonic()
        self.queue = deque()

    def fill(self):
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + self.rate * (now - self.updated))
        self.updated = now

    def allow(self):
        self.fill()
        if self.tokens >= 1:
            self.tokens -= 1
            return True
        return False

    def retry_after_s(self):
        self.fill()
        return max(0.0, (1 - self.tokens) / self.rate)

    async def wait(self):
        turn = asyncio.get_running_loop().create_future()
        self.queue.append(turn)
        try:
            if self.queue[0] is not turn:
                await turn
            while not self.allow():
                await asyncio.sleep(self.retry_after_s() + 1e-6)
        finally:
            self.queue.remove(turn)
            if self.queue and not self.queue[0].done():
                self.queue[0].set_result(None)


class Limiters:
    def __init__(self, rate_per_s, burst):
        self.settings = rate_per_s, burst
        self.all = {}

    def of(self, key):
        return self.all.setdefault(key, Limiter(*self.settings))
