"""A rate limiter with two numbers for its state: the generic cell rate algorithm.

`_due_s` is when the next call would come if calls came evenly. A burst may be `_slack_s` ahead of that, and no more.
"""

import asyncio
import math
import time
from collections import defaultdict

TINY_S = 1e-9  # a sum of ten times 0.1 is not 1


class Limiter:
    """Admits `burst` calls at once and `rate_per_s` after that: a bucket of `burst` tokens that fills at this rate."""

    def __init__(self, rate_per_s, burst):
        self._gap_s = 1.0 / rate_per_s
        self._slack_s = burst * self._gap_s
        self._due_s = -math.inf
        self._turn = asyncio.Lock()  # fair: who came first is first

    def allow(self):
        if self.retry_after_s() > 0.0:
            return False
        self._due_s = max(self._due_s, time.monotonic()) + self._gap_s
        return True

    def retry_after_s(self):
        wait_s = self._due_s - self._slack_s - time.monotonic()
        return wait_s if wait_s > TINY_S else 0.0

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
