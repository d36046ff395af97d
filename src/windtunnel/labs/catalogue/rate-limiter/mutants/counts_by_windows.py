"""A rate limiter that counts calls in windows of fixed length."""

import asyncio
import time
from collections import defaultdict

TINY_S = 1e-9  # a sum of ten times 0.1 is not 1


class Limiter:
    """Admits `burst` calls at once and `rate_per_s` after that: a bucket of `burst` tokens that fills at this rate."""

    def __init__(self, rate_per_s, burst):
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._window = None
        self._count = 0
        self._turn = asyncio.Lock()  # fair: who came first is first

    def allow(self):
        if self.retry_after_s() > 0.0:
            return False
        self._count += 1
        return True

    def retry_after_s(self):
        length_s = self.burst / self.rate_per_s
        window = int(time.monotonic() / length_s)
        if window != self._window:
            self._window, self._count = window, 0
        return 0.0 if self._count < self.burst else max(TINY_S, (window + 1) * length_s - time.monotonic())

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
