"""Another circuit breaker: a state object for each state, timers of the loop instead of looking at the clock."""

import asyncio
import enum


class CircuitOpen(Exception):
    pass


class State(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF = "half-open"


class Breaker:
    def __init__(self, failures_max=5, open_s=30.0, probes_needed=2):
        self.failures_max, self.open_s, self.probes_needed = failures_max, open_s, probes_needed
        self.current = State.CLOSED
        self.failures = self.good = 0
        self.probe = None
        self.generation = object()

    @property
    def state(self):
        return self.current.value

    def go(self, state):
        self.current = state
        self.failures = self.good = 0
        self.probe = None
        self.generation = object()
        if state is State.OPEN:
            asyncio.get_running_loop().call_later(self.open_s, self.go, State.HALF)

    def is_open(self):
        return self.current is State.OPEN or self.probe is not None

    def record_success(self):
        if self.current is State.CLOSED:
            self.failures = 0
        elif self.current is State.HALF:
            self.good += 1
            if self.good == self.probes_needed:
                self.go(State.CLOSED)

    def record_failure(self):
        if self.current is State.HALF:
            self.go(State.OPEN)
        elif self.current is State.CLOSED:
            self.failures += 1
            if self.failures == self.failures_max:
                self.go(State.OPEN)

    async def call(self, operation):
        if self.is_open():
            raise CircuitOpen
        generation, me = self.generation, object()
        if self.current is State.HALF:
            self.probe = me
        verdict = None
        try:
            answer = await operation()
            verdict = self.record_success
            return answer
        except OSError:
            verdict = self.record_failure
            raise
        except Exception:
            verdict = self.record_success
            raise
        finally:
            if self.probe is me:
                self.probe = None
            if verdict is not None and generation is self.generation:
                verdict()


class Breakers:
    def __init__(self, **settings):
        self.settings = settings
        self.by_target = {}

    def of(self, target):
        if target not in self.by_target:
            self.by_target[target] = Breaker(**self.settings)
        return self.by_target[target]

    async def call(self, target, operation):
        return await self.of(target).call(operation)
