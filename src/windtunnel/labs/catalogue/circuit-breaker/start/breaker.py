"""A circuit breaker. It already stops calling a target that is down; that it ever calls again is up to you."""

import time


class CircuitOpen(Exception):
    """The breaker refused the call: the target has not seen it."""


class Breaker:
    """For one target. See README.md for what it promises."""

    def __init__(self, failures_max=5, open_s=30.0, probes_needed=2):
        self.failures_max = failures_max
        self.open_s = open_s
        self.probes_needed = probes_needed
        self.failures = 0
        self.last_failure = time.monotonic()

    @property
    def state(self):
        """One of "closed", "open", "half-open"."""
        return "open" if self.failures >= self.failures_max else "closed"

    def is_open(self):
        """Whether a call that is made now must be refused."""
        return self.state == "open"

    def record_success(self):
        """A call was answered."""
        self.failures = 0

    def record_failure(self):
        """A call failed."""
        self.failures += 1
        self.last_failure = time.monotonic()

    async def call(self, operation):
        """The result of `await operation()`, or CircuitOpen."""
        if self.is_open():
            raise CircuitOpen
        try:
            answer = await operation()
        except OSError:
            self.record_failure()
            raise
        self.record_success()
        return answer


class Breakers:
    """One breaker for each target."""

    def __init__(self, **settings):
        self._breaker = Breaker(**settings)

    def of(self, target):
        """The breaker of a target."""
        return self._breaker

    async def call(self, target, operation):
        """The result of `await operation()`, or CircuitOpen if the breaker of `target` refuses."""
        return await self.of(target).call(operation)
