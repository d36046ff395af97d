"""A path in a calendar: what is left, laid over the weekdays that the learner has, as an iCalendar file.

Each appointment names what to do in it. Times are local (no time zone), as one says "Tuesday at seven". Source: RFC 5545.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from windtunnel.base.errors import UsageError
from windtunnel.learn.path_file import Status

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_MAX = 80.0
_SPACE = uuid.UUID("b5a4f6a2-4c5d-5c43-8b60-7a4f5d0a9c21")


@dataclass(frozen=True, slots=True)
class Slot:
    """An appointment: begin, length, and the parts of nodes that fit into it as (item, title, minutes)."""

    start: dt.datetime
    minutes: int
    parts: tuple[tuple[str, str, int], ...]


def slots(status: Status, *, hours_per_week: float, first: dt.date, days: Sequence[str], at: dt.time) -> list[Slot]:
    """What is left of a path, in order, in equal appointments on the given weekdays. Raises UsageError for impossible wishes.

    Nodes that are done, planned or optional are left out. A node longer than an appointment goes on in the next one.
    """
    if not 0 < hours_per_week <= HOURS_MAX:
        raise UsageError(f"hours per week: expected more than 0 and at most {HOURS_MAX:g}; got {hours_per_week:g}")
    unknown_days = [day for day in days if day not in DAYS]
    if unknown_days or not days or len(set(days)) < len(days):
        raise UsageError(f"days: expected some of {', '.join(DAYS)}, each once; got {', '.join(days) or 'none'}")
    length = round(hours_per_week * 60 / len(days))
    if length < 1 or length > 24 * 60:
        raise UsageError(f"{hours_per_week:g} hours per week on {len(days)} days make appointments of {length} minutes")
    left = [
        (s.node.item, s.node.shown(), s.node.minutes)
        for s in status.nodes
        if s.state in ("open", "locked") and not s.node.optional
    ]
    dates = _dates(first, {DAYS.index(day) for day in days})
    found = []
    while left:
        parts, left = _filled(left, length)
        used = sum(minutes for _, _, minutes in parts)
        found.append(Slot(dt.datetime.combine(next(dates), at), used, tuple(parts)))
    return found


def _dates(first: dt.date, days: set[int]) -> Iterator[dt.date]:
    day = first
    while True:
        if day.weekday() in days:
            yield day
        day += dt.timedelta(days=1)


def _filled(left: list[tuple[str, str, int]], room: int) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """As much as fits into one appointment, and what is left then."""
    parts: list[tuple[str, str, int]] = []
    rest = list(left)
    while rest and room:
        item, title, minutes = rest.pop(0)
        taken = min(minutes, room)
        parts.append((item, title, taken))
        room -= taken
        if taken < minutes:
            rest.insert(0, (item, title, minutes - taken))
    return parts, rest


def ics(status: Status, found: Sequence[Slot], stamp: dt.datetime) -> str:
    """The appointments as an iCalendar text: lines of at most 75 octets that end with CRLF."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//windtunnel//paths//EN", "CALSCALE:GREGORIAN"]
    for number, slot in enumerate(found, 1):
        titles = ", ".join(dict.fromkeys(title for _, title, _ in slot.parts))
        plan = "\n".join(f"{item}: {title} ({minutes} min)" for item, title, minutes in slot.parts)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uuid.uuid5(_SPACE, f'{status.path.id} {number} {slot.start.isoformat()}')}",
            f"DTSTAMP:{stamp.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}",
            f"DTSTART:{slot.start:%Y%m%dT%H%M%S}",
            f"DURATION:PT{slot.minutes}M",
            f"SUMMARY:{_escaped(f'{status.path.title}: {titles}')}",
            f"DESCRIPTION:{_escaped(plan)}",
            "END:VEVENT",
        ]
    return "".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> str:
    """A content line, folded between characters so that no line is longer than 75 octets."""
    parts: list[str] = []
    part = ""
    for c in line:
        if len((part + c).encode()) > (75 if not parts else 74):
            parts.append(part)
            part = ""
        part += c
    return "\r\n ".join([*parts, part]) + "\r\n"
