"""A rate limiter: a bucket of tokens."""

import asyncio
import time
from collections import defaultdict

TINY_S = 1e-9  # a sum of ten times 0.1 is not 1


class Limiter:
    """Admits `burst` calls at once and `rate_per_s` after that: a bucket of `burst` tokens that fills at this rate."""

    def __init__(self, rate_per_s, burst):
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._tokens = float(0)
        self._at_s = time.monotonic()
        self._turn = asyncio.Lock()  # fair: who came first is first

    def allow(self):
        self._refill()
        if self._tokens < 1.0 - TINY_S:
            return False
        self._tokens -= 1.0
        return True

    def retry_after_s(self):
        self._refill()
        return 0.0 if self._tokens >= 1.0 - TINY_S else (1.0 - self._tokens) / self.rate_per_s

    def _refill(self):
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at_s) * self.rate_per_s)
        self._at_s = now

    async def wait(self):
        async with self._turn:
            while not self.allow():
                await asyncio.sleep(self.retry_after_s())


class Limiters:
    """One limiter for each key."""

    def __init__(self, rate_per_s, burst):
        self._limiters = defaultdict(lambda: Limiter(rate_per_s, burst))

    def of(self, key):
        return self._limiters[key]
