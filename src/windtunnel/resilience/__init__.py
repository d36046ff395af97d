"""Resilience for asyncio services: small cores, thin wrappers, no dependency.

Cores are pure: time is an argument, so they run in production, in virtual time and under search alike. Wrappers are decorators
and context managers around them. Importing this package loads nothing: names load when used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` would say, without its import
if TYPE_CHECKING:
    from windtunnel.resilience.adaptive import Aimd, Gradient
    from windtunnel.resilience.backoff import Constant, Exponential, pauses_max_s
    from windtunnel.resilience.breaker import Breaker
    from windtunnel.resilience.budget import RetryBudget
    from windtunnel.resilience.bulkhead import Bulkhead, Slots
    from windtunnel.resilience.circuit import CircuitBreaker, PerTarget
    from windtunnel.resilience.deadlines import (
        HEADER,
        check_deadline,
        deadline,
        decode_timeout,
        encode_timeout,
        outgoing_header,
        remaining_s,
        timeout,
    )
    from windtunnel.resilience.errors import (
        BadSetting,
        BulkheadFull,
        CircuitOpen,
        NoTimeLeft,
        RateLimited,
        Refused,
        Shed,
        TimedOut,
    )
    from windtunnel.resilience.fallback import Fallback, LastGood
    from windtunnel.resilience.health import HealthChecks, Pulse
    from windtunnel.resilience.hedge import Copies, Hedge, LatencyQuantile
    from windtunnel.resilience.limiter import Limiter, Shaper
    from windtunnel.resilience.limits import FixedWindow, Gcra, LeakyBucket, Locked, SlidingCounter, SlidingLog, TokenBucket
    from windtunnel.resilience.observe import Observer, Tally
    from windtunnel.resilience.retry import Attempts, Retry
    from windtunnel.resilience.shared import MemoryStore, SharedLimiter, Store
    from windtunnel.resilience.shedding import CoDel, QueueDelay
    from windtunnel.resilience.tripping import Consecutive, FailureRate, FailureRateOver
    from windtunnel.resilience.wrapping import stack

__all__ = [
    "HEADER",
    "Aimd",
    "Attempts",
    "BadSetting",
    "Breaker",
    "Bulkhead",
    "BulkheadFull",
    "CircuitBreaker",
    "CircuitOpen",
    "CoDel",
    "Consecutive",
    "Constant",
    "Copies",
    "Exponential",
    "FailureRate",
    "FailureRateOver",
    "Fallback",
    "FixedWindow",
    "Gcra",
    "Gradient",
    "HealthChecks",
    "Hedge",
    "LastGood",
    "LatencyQuantile",
    "LeakyBucket",
    "Limiter",
    "Locked",
    "MemoryStore",
    "NoTimeLeft",
    "Observer",
    "PerTarget",
    "Pulse",
    "QueueDelay",
    "RateLimited",
    "Refused",
    "Retry",
    "RetryBudget",
    "Shaper",
    "SharedLimiter",
    "Shed",
    "SlidingCounter",
    "SlidingLog",
    "Slots",
    "Store",
    "Tally",
    "TimedOut",
    "TokenBucket",
    "check_deadline",
    "deadline",
    "decode_timeout",
    "encode_timeout",
    "outgoing_header",
    "pauses_max_s",
    "remaining_s",
    "stack",
    "timeout",
]

_NAMES = {
    "adaptive": ("Aimd", "Gradient"),
    "backoff": ("Constant", "Exponential", "pauses_max_s"),
    "breaker": ("Breaker",),
    "budget": ("RetryBudget",),
    "bulkhead": ("Bulkhead", "Slots"),
    "circuit": ("CircuitBreaker", "PerTarget"),
    "deadlines": (
        "HEADER",
        "check_deadline",
        "deadline",
        "decode_timeout",
        "encode_timeout",
        "outgoing_header",
        "remaining_s",
        "timeout",
    ),
    "errors": ("BadSetting", "BulkheadFull", "CircuitOpen", "NoTimeLeft", "RateLimited", "Refused", "Shed", "TimedOut"),
    "fallback": ("Fallback", "LastGood"),
    "health": ("HealthChecks", "Pulse"),
    "hedge": ("Copies", "Hedge", "LatencyQuantile"),
    "limiter": ("Limiter", "Shaper"),
    "limits": ("FixedWindow", "Gcra", "LeakyBucket", "Locked", "SlidingCounter", "SlidingLog", "TokenBucket"),
    "observe": ("Observer", "Tally"),
    "retry": ("Attempts", "Retry"),
    "shared": ("MemoryStore", "SharedLimiter", "Store"),
    "shedding": ("CoDel", "QueueDelay"),
    "tripping": ("Consecutive", "FailureRate", "FailureRateOver"),
    "wrapping": ("stack",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the first use of a name pays for it

    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
