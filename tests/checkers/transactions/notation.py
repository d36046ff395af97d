"""Histories of transactions in a line or two: `T1: ax1 ry12` is append 1 to x, read y = [1 2].

Each line is one transaction: an optional client and outcome, then micro-operations. `a` appends, `w` writes, `r` reads; one
letter for the key; then the digits, each an element (`r` of a register: one value, or nothing for nil). Transactions follow
each other in time unless times are given: `A @0-5: ax1` was asked at 0 and answered at 5.
"""

import re

from windtunnel.histories import History, Operation

_LINE = re.compile(r"(?:(?P<client>\w+)\s*)?(?P<outcome>[!?])?(?:\s*@(?P<asked>\d+)-(?P<answered>\d*))?\s*:\s*(?P<micros>.*)")
_MICRO = re.compile(r"([arw])([a-z])((?:\d|,)*)")
_OUTCOMES = {"!": "fail", "?": "info", None: "ok"}


def lists(text, *, together=False):
    """A history of lists. together: all transactions are open at the same time, unless their lines say otherwise."""
    return _history(text, lambda digits: [int(digit) for digit in digits], together)


def registers(text, *, together=False):
    """A history of registers."""
    return _history(text, lambda digits: int(digits) if digits else None, together)


def _history(text, read, together):
    events = []
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        assert match, line
        micros = []
        for f, key, digits in _MICRO.findall(match["micros"]):
            micros.append(["append" if f == "a" else f, key, read(digits) if f == "r" else int(digits)])
        outcome = _OUTCOMES[match["outcome"]]
        operation = Operation(number, match["client"] or f"c{number}", "txn", None, micros, outcome)
        if outcome == "ok":
            operation.result = micros
        asked = int(match["asked"]) if match["asked"] else (0 if together else 2 * number)
        answered = int(match["answered"]) if match["answered"] else 10_000 if together or match["asked"] else 2 * number + 1
        events.append((asked, 0, number, operation))
        if outcome != "info":
            events.append((answered, 1, number, operation))
    events.sort(key=lambda event: event[:3])
    for position, (_, ends, _, operation) in enumerate(events):
        if ends:
            operation.completed = position
        else:
            operation.invoked = position
    operations = sorted((event[3] for event in events if not event[1]), key=lambda operation: operation.invoked)
    for index, operation in enumerate(operations):
        operation.index = index
    return History(operations, timed=False)
