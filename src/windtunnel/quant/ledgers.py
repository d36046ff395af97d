"""One ledger for every sum of money: items with a price, a quantity, a growth, a start and an end; all totals are sums of it.

    items = item (";" item)*
    item  = name ":" [quantity "*"] price ["/" unit] option*       unit: h, day, week, month, year; without one it is paid once
    option = "growth" 2%/month | "from" MONTH | "to" MONTH | "at" MONTH

`servers: 20 * $140/month growth 2%/month; licence: $24000/year from 4; migration: $50000 at 3`. Growth is compounded monthly,
once, from the item's first month; 27 % a year is 1.27^(1/12) a month. Months are numbered from 1; a month has 730 hours. Payments
are at the end of their month, so that the present value of month m is amount / (1 + discount)^(m/12).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, inf, isfinite

from windtunnel.quant.errors import QuantError
from windtunnel.quant.units import MONTH_HOURS, parse

PER_MONTH = {"h": MONTH_HOURS, "hour": MONTH_HOURS, "day": 365 / 12, "week": 365 / 84, "month": 1.0, "year": 1 / 12}
MONTHS_MAX = 600
_ITEM = re.compile(
    r"([\w .()-]+?)\s*:\s*(?:(\d[\d.,_]*k?)\s*(?:\*|x)\s*)?(-?\$?[\d.,_]+[kM]?)\s*(?:/\s*([a-z]+))?\s*(.*)", re.DOTALL
)
_OPTION = re.compile(r"(growth|from|to|at)\s+(-?[\d.]+%?)(?:/(month|year))?\s*")


@dataclass(frozen=True, slots=True)
class Item:
    """One line. amount: dollars a month in its first month, or once. growth: a month, as a share. last: inclusive."""

    name: str
    amount: float
    growth: float
    first: int
    last: float

    def in_month(self, month: int) -> float:
        """What it costs in that month."""
        if not self.first <= month <= self.last:
            return 0.0
        return self.amount * (1.0 + self.growth) ** (month - self.first)


def read_items(text: str) -> list[Item]:
    """The items of a text. Raises QuantError that shows the item."""
    items = [_item(piece.strip()) for piece in text.split(";") if piece.strip()]
    if not items:
        raise QuantError("items: expected at least one, such as servers: 20 * $140/month; got none")
    return items


def _item(text: str) -> Item:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise QuantError(f"items: expected NAME: [QUANTITY *] PRICE[/UNIT] [growth ..] [from ..] [to ..] [at ..]; got {text!r}")
    name, quantity, price, unit, rest = match.groups()
    amount = parse(price, "$") * (parse(quantity, "") if quantity else 1.0)
    options = _options(text, rest)
    if unit is None:
        if set(options) - {"at"}:
            raise QuantError(f"items: {name} is paid once: it has a month (at 3), but no growth, start or end; got {text!r}")
        month = options.get("at", 1.0)
        return Item(name, amount, 0.0, int(month), month)
    if unit not in PER_MONTH:
        raise QuantError(f"items: {name}: expected a price per {', '.join(PER_MONTH)}; got /{unit}")
    if "at" in options:
        raise QuantError(f"items: {name} is paid again and again: use from and to instead of at")
    first, last = options.get("from", 1.0), options.get("to", inf)
    if last < first:
        raise QuantError(f"items: {name}: expected an end after its start; got from {first:g} to {last:g}")
    return Item(name, amount * PER_MONTH[unit], options.get("growth", 0.0), int(first), last)


def _options(text: str, rest: str) -> dict[str, float]:
    options: dict[str, float] = {}
    while rest:
        match = _OPTION.match(rest)
        if match is None:
            raise QuantError(f"items: expected growth 2%/month, from 4, to 24 or at 3; got {rest!r} in {text!r}")
        word, value, per = match.groups()
        if word == "growth":
            if per is None:
                raise QuantError(f"items: growth needs its time, such as growth 2%/month or 27%/year; got {rest!r} in {text!r}")
            share = parse(value, "fraction")
            if share <= -1.0:
                raise QuantError(f"items: expected a growth above -100 %; got {value!r}")
            options[word] = share if per == "month" else (1.0 + share) ** (1 / 12) - 1.0
        else:
            month = float(value.rstrip("%"))
            if value.endswith("%") or per or month != int(month) or not 1 <= month <= MONTHS_MAX:
                raise QuantError(f"items: expected {word} a month from 1 to {MONTHS_MAX}; got {value!r} in {text!r}")
            options[word] = month
        rest = rest[match.end() :]
    return options


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is paid: for each item, an amount for each month from 1 on."""

    rows: dict[str, list[float]]
    months: int

    def monthly(self) -> list[float]:
        """The sum of all items, month by month."""
        return [fsum(row[m] for row in self.rows.values()) for m in range(self.months)]

    def yearly(self) -> list[float]:
        """The sums of twelve months; the last year may be short."""
        monthly = self.monthly()
        return [fsum(monthly[start : start + 12]) for start in range(0, self.months, 12)]

    def total(self) -> float:
        """The sum of everything."""
        return fsum(self.monthly())

    def present_value(self, discount: float) -> float:
        """The sum, discounted. discount: a year, as a share."""
        return present_value(self.monthly(), discount)


def ledger_of(items: Sequence[Item], months: int) -> Ledger:
    """The ledger of these items. Items of one name are one row. Raises QuantError when growth leaves all bounds."""
    rows: dict[str, list[float]] = {}
    for item in items:
        row = rows.setdefault(item.name, [0.0] * months)
        for month in range(1, months + 1):
            row[month - 1] += item.in_month(month)
        if not all(isfinite(amount) for amount in row):
            raise QuantError(f"items: {item.name} grows beyond all bounds within {months} months")
    return Ledger(rows, months)


def present_value(flow: Sequence[float], discount: float) -> float:
    """Of a monthly flow, paid at the end of each month. discount: a year, as a share."""
    return fsum(amount / (1.0 + discount) ** ((m + 1) / 12) for m, amount in enumerate(flow))


def annuity(count: int, growth: float) -> float:
    """1 + q + ... + q^(count - 1) with q = 1 + growth: closed form, exact near growth = 0."""
    from math import expm1, log1p  # noqa: PLC0415 - named where they matter

    if count <= 0:
        return 0.0
    return float(count) if abs(growth) < 1e-15 else expm1(count * log1p(growth)) / growth


def discounted_annuity(first: int, last: int, growth: float, discount: float) -> float:
    """Present value of 1 in month `first`, growing monthly by `growth`, up to month `last`: closed form."""
    if last < first:
        return 0.0
    monthly: float = (1.0 + discount) ** (1 / 12)
    return float(monthly**-first) * annuity(last - first + 1, (1.0 + growth) / monthly - 1.0)


def payback_month(flow: Sequence[float]) -> float:
    """The first month at whose end the sum of the flow is 0 or more, after having been below; infinite if it never is."""
    total, below = 0.0, False
    for month, amount in enumerate(flow, 1):
        total += amount
        below = below or total < 0.0
        if below and total >= 0.0:
            return float(month)
    return inf if below else 0.0
