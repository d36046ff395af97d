"""Quantities as people write them, in and out: `80/s`, `50ms`, `99.95%`, `$120/month`, `64 GB`, `3 years`.

Every dimension has one canonical unit, in which all formulas compute:

    s         a time                 1/s       a rate               $         an amount of money
    B         an amount of data      B/s       a data rate          $/month   money over time
    km        a distance             fraction  0 to 1, shown as %   months    a planning horizon
    (empty)   a plain number

A bare number is taken in the canonical unit. A year has 365 days, a month is a twelfth of it (730 hours).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, inf, isfinite, log10

from windtunnel.quant.errors import QuantError

HOUR_S, DAY_S = 3600.0, 86400.0
YEAR_S = 365 * DAY_S
MONTH_S = YEAR_S / 12
MONTH_HOURS = 730.0
YEAR_HOURS = 8760.0

_TIMES = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": HOUR_S,
    "hour": HOUR_S,
    "d": DAY_S,
    "day": DAY_S,
    "week": 7 * DAY_S,
    "month": MONTH_S,
    "mo": MONTH_S,
    "y": YEAR_S,
    "year": YEAR_S,
}
_TIMES |= {f"{name}s": scale for name, scale in _TIMES.items() if len(name) > 2}
_SCALES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_BYTES = {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}
_BYTES |= {"KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3, "TiB": 1024.0**4}
_BITS = {"bit": 0.125, "b": 0.125, "kb": 125.0, "Kb": 125.0, "Mb": 125e3, "Gb": 125e6, "Tb": 125e9}
_NINES = re.compile(r"(\d+)\s*nines?")
_NUMBER = re.compile(r"(-?)(\$?)\s*([-+]?(?:\d[\d_]*(?:,\d{3})*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)", re.DOTALL)
_THINGS = re.compile(r"^([kKMG]?)\s*(?:requests|request|req|queries|query|ops|op|calls|messages|incidents|deploys)?\s*/")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One kind of quantity. suffixes: what may follow a number, and how much it is in the canonical unit."""

    name: str
    example: str
    suffixes: dict[str, float]
    money: bool = False


_RATES = {f"{k}/{name}": scale / time for k, scale in _SCALES.items() for name, time in _TIMES.items()}
_RATES |= {"rps": 1.0, "qps": 1.0, "krps": 1e3, "kqps": 1e3, "Hz": 1.0, "kHz": 1e3}
_PER_MONTH = {
    f"{k}/{name}": scale * MONTH_S / time for k, scale in _SCALES.items() for name, time in _TIMES.items() if time >= HOUR_S
}
_DATA_RATES = {
    f"{name}/{t}": scale / _TIMES[t] for name, scale in (_BYTES | _BITS).items() for t in ("s", "min", "h", "day", "month")
}
_DATA_RATES |= {"Mbps": 125e3, "Gbps": 125e6, "kbps": 125.0, "bps": 0.125}

DIMENSIONS: dict[str, Dimension] = {
    "s": Dimension("a time", "50ms, 2s or 4h", _TIMES | {"": 1.0}),
    "1/s": Dimension("a rate", "80/s, 5k/s or 3/day", _RATES | {"": 1.0}),
    "": Dimension("a plain number", "8, 1.5 or 10k", {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "x": 1.0}),
    "fraction": Dimension("a share", "99.95%, 0.9995 or 3 nines", {"%": 0.01, "": 1.0, "ppm": 1e-6}),
    "$": Dimension("an amount of money", "$120 or $3.5M", {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}, money=True),
    "$/month": Dimension("money over time", "$120/month or $0.10/h", _PER_MONTH | {"": 1.0}, money=True),
    "B": Dimension("an amount of data", "500GB or 4KiB", _BYTES | {"": 1.0}),
    "B/s": Dimension("a data rate", "100MB/s or 1Gb/s", _DATA_RATES | {"": 1.0}),
    "km": Dimension("a distance", "1000km", {"km": 1.0, "m": 1e-3, "mi": 1.609344, "miles": 1.609344, "": 1.0}),
    "months": Dimension(
        "a number of months", "36 or 3 years", {"": 1.0, "month": 1.0, "months": 1.0, "year": 12.0, "years": 12.0, "y": 12.0}
    ),
}


def parse(text: str, unit: str) -> float:
    """`text` in the canonical unit `unit`. Raises QuantError that says what was expected and, if it can tell, what came."""
    wanted = DIMENSIONS[unit]
    value = _value(text, wanted)
    if value is not None:
        return value
    came = next((d.name for u, d in DIMENSIONS.items() if u != unit and _value(text, d) is not None), None)
    what = f", which is {came}" if came else ""
    raise QuantError(f"expected {wanted.name} such as {wanted.example}; got {text!r}{what}")


def _value(text: str, dimension: Dimension) -> float | None:
    """The value, or None when the text is no quantity of that dimension."""
    text = text.strip()
    nines = _NINES.fullmatch(text)
    if nines and dimension.suffixes.get("%"):
        return 1.0 - 10.0 ** -int(nines[1])
    match = _NUMBER.fullmatch(text)
    if match is None or (match[2] and not dimension.money):
        return None
    suffix = _THINGS.sub(r"\1/", match[4].strip()).replace(" ", "").replace("per", "/")
    scale = dimension.suffixes.get(suffix)
    if scale is None:
        return None
    try:
        value = float(match[1] + match[3].replace(",", "").replace("_", "")) * scale
    except ValueError:
        return None
    return value if isfinite(value) else None


# --- Out ---

_TIME_STEPS = (
    (YEAR_S * 2, YEAR_S, "years"),
    (DAY_S * 2, DAY_S, "d"),
    (7200.0, HOUR_S, "h"),
    (120.0, 60.0, "min"),
    (1.0, 1.0, "s"),
)
_SMALL_TIMES = ((1e-3, 1e-3, "ms"), (1e-6, 1e-6, "us"), (0.0, 1e-9, "ns"))
_RATE_STEPS = ((0.1, 1.0, "/s"), (1 / HOUR_S, 1 / HOUR_S, "/h"), (1 / DAY_S, 1 / DAY_S, "/day"), (0.0, 1 / YEAR_S, "/year"))


def show(value: float | str | None, unit: str) -> str:
    """A value of the canonical unit as people read it, to four digits; money to the cent."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if value != value:  # noqa: PLR0124 - not a number
        return "undefined"
    if abs(value) == inf:
        return "never" if unit in ("s", "months") else "unbounded"
    match unit:
        case "fraction":
            return _percent(value)
        case "s":
            return _stepped(value, (*_TIME_STEPS, *_SMALL_TIMES), " ")
        case "1/s":
            return _stepped(value, _RATE_STEPS, "")
        case "$" | "$/month":
            amount = (
                f"{abs(value):,.2f}" if abs(value) >= 0.1 or value == 0 else f"{abs(value):.4g}"
            )  # a thousand messages cost less
            return f"{'-' if value < 0 else ''}${amount}{unit[1:]}"
        case "B" | "B/s":
            steps = tuple(
                (scale, scale, name) for name, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 0.0))
            )
            return _stepped(value, tuple((low, scale or 1.0, name + unit[1:]) for low, scale, name in steps), " ")
        case _:
            return f"{number(value)} {unit}".strip()


def number(value: float) -> str:
    """A plain number: whole ones in full, others to four significant digits."""
    if abs(value) < 1e4:
        return f"{value:.4g}".replace("e+0", "e") if value and abs(value) < 1e3 else f"{float(f'{value:.4g}'):,.10g}"
    return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.4g}"


def _stepped(value: float, steps: tuple[tuple[float, float, str], ...], gap: str) -> str:
    if value == 0:
        return f"0{gap}{next(name for low, _scale, name in steps if name in ('s', '/s', 'B', 'B/s'))}"
    for low, scale, name in steps:
        if abs(value) >= low * 0.99995:  # what rounds to the step is shown in its unit
            return f"{number(value / scale)}{gap}{name}"
    return f"{value:.4g}"


def _percent(value: float) -> str:
    """As many digits as the distance from 100 % needs to show two of its own."""
    if 0.9 < value < 1.0:
        return f"{100 * value:.{min(14, max(2, ceil(-log10(1.0 - value)) - 1))}f} %"
    return f"{100 * value:.4g} %"
