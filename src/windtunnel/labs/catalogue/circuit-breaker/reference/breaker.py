"""A circuit breaker: a target that keeps failing is left alone, until a few probes have shown that it is back."""

import time
from collections import defaultdict


class CircuitOpen(Exception):
    """The breaker refused the call: the target has not seen it."""


class Breaker:
    """For one target. Closed, it counts failures in a row; open, it refuses; half-open, it lets one probe through at a time."""

    def __init__(self, failures_max=5, open_s=30.0, probes_needed=2):
        self.failures_max = failures_max
        self.open_s = open_s
        self.probes_needed = probes_needed
        self._become("closed")

    @property
    def state(self):
        if self._state == "open" and time.monotonic() >= self._since + self.open_s:
            self._become("half-open")
        return self._state

    def is_open(self):
        return self.state == "open" or self._probing

    def record_success(self):
        if self.state == "closed":
            self._count = 0
        elif self.state == "half-open":
            self._count += 1
            if self._count >= self.probes_needed:
                self._become("closed")

    def record_failure(self):
        if self.state == "closed":
            self._count += 1
            if self._count >= self.failures_max:
                self._become("open")
        elif self.state == "half-open":
            self._become("open")

    async def call(self, operation):
        if self.is_open():
            raise CircuitOpen
        era = self._era
        self._probing = self.state == "half-open"
        try:
            answer = await operation()
        except OSError:
            self._over(era, self.record_failure)
            raise
        except Exception:
            self._over(era, self.record_success)  # an answer that the caller does not like is an answer
            raise
        except BaseException:
            self._over(era, None)  # cancelled: nothing was learnt, but the place of the probe is free again
            raise
        self._over(era, self.record_success)
        return answer

    def _over(self, era, record):
        """A call has ended that began in `era`: what it learnt counts only if the state has not changed since."""
        if era == self._era:
            self._probing = False
            if record is not None:
                record()

    def _become(self, state):
        self._state = state
        self._since = time.monotonic()
        self._count = 0  # closed: failures in a row; half-open: probes that went well
        self._probing = False
        self._era = getattr(self, "_era", 0) + 1


class Breakers:
    """One breaker for each target."""

    def __init__(self, **settings):
        self._breakers = defaultdict(lambda: Breaker(**settings))

    def of(self, target):
        return self._breakers[target]

    async def call(self, target, operation):
        return await self.of(target).call(operation)
