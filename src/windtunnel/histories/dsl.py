"""Histories as drawings: the timelines of the papers, in text, for tests and for explanations.

    A  (write x 1)         (read x -> 1)
    B      (write x 2>
    C            (read x -> 2)   (cas x 1 3 -> false)

One line per process, the label first. `(` is the invocation, the closing mark is the completion, and *columns are time*: an
event further to the right happened later. In one column invocations come before completions.

The closing mark is the outcome: `)` ok; `>` info, the answer never came; `!` fail, it certainly did not happen.

Inside stands the operation: its name, then key and value. `r` and `w` are short for `read` and `write`; `r 1` is short for
`read -> 1`, and `r x 1` or `x:r 1` for the same with the key x. A value is JSON or a bare word; `nil` is None. `cas 1 2` means
(1, 2) and succeeds unless `-> false` is given. Values must not contain the marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.histories.operations import History, Operation, Outcome

_OPERATION = re.compile(r"\(((?:[^()>!-]|->|-(?!>))*)([)>!])")
_OUTCOMES: dict[str, Outcome] = {")": "ok", ">": "info", "!": "fail"}
_SHORT = {"r": "read", "w": "write"}
_TAKES_NOTHING = frozenset(("read", "balances", "dequeue", "pop", "take", "deliver", "effects", "generate", "observe", "poll"))
_TAKES_PERHAPS = frozenset(("acquire", "release"))
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{[^}]*\}|\S+')


def history_of(drawing: str) -> History:
    """The history that a drawing shows. Raises UsageError, with the line, where it cannot be understood."""
    placed: list[tuple[int, int, int, Operation]] = []
    drawn: list[tuple[int, int, Operation]] = []
    for number, text in enumerate(drawing.expandtabs().split("\n"), start=1):
        label = re.match(r"\s*([^\s(]+)", text)
        if label is None:
            continue
        rest = _OPERATION.sub("", text[label.end() :])
        if rest.strip():
            raise UsageError(f"drawing, line {number}: expected operations such as (write x 1), got {rest.strip()!r}")
        process: int | str = int(label[1]) if label[1].isdigit() else label[1]
        for match in _OPERATION.finditer(text, label.end()):
            operation = _operation(match[1], _OUTCOMES[match[2]], process, number)
            drawn.append((match.start(), number, operation))
            placed.append((match.start(), 0, len(placed), operation))
            placed.append((match.end() - 1, 1, len(placed), operation))
    for position, (column, completes, _, operation) in enumerate(sorted(placed, key=lambda event: event[:3])):
        if not completes:
            operation.invoked, operation.invoked_s = position, float(column)
        else:
            operation.completed, operation.completed_s = position, float(column)
    operations = [operation for _, _, operation in sorted(drawn, key=lambda item: item[2].invoked)]
    for index, operation in enumerate(operations):
        operation.index = index
    return History(operations)


def _operation(text: str, kind: Outcome, process: int | str, line: int) -> Operation:
    asked, arrow, answered = text.partition("->")
    words = _WORD.findall(asked)
    if not words:
        raise UsageError(f"drawing, line {line}: an operation needs a name")
    key: Value = None
    name = words.pop(0)
    if ":" in name:
        shown, _, name = name.partition(":")
        key = _value(shown)
    f = _SHORT.get(name, name)
    values = [_value(word) for word in words]
    takes = 2 if f == "cas" else 0 if f in _TAKES_NOTHING or (f in _TAKES_PERHAPS and not words) else 1
    result = _value(answered.strip()) if arrow else None
    if name == "r" and values and not arrow:
        result = values.pop()
    if len(values) == takes + 1 and key is None:
        key = values.pop(0)
    if len(values) != takes:
        raise UsageError(f"drawing, line {line}: {f} takes {takes} values and perhaps a key, got {text.strip()!r}")
    value = None if takes == 0 else values[0] if takes == 1 else (values[0], values[1])
    if f == "cas" and not arrow and kind == "ok":
        result = True
    operation = Operation(0, process, f, key, value, kind, result if kind == "ok" else None, line=None)
    if kind != "ok":
        operation.error = "no answer" if kind == "info" else "refused"
    return operation


def _value(word: str) -> Value:
    if word == "nil":
        return None
    try:
        return json.loads(word)
    except ValueError:
        return word


def draw(operations: Iterable[Operation], width_max: int = 0) -> list[str]:
    """The drawing of a few operations: one line per process, every event in a column of its own.

    width_max: give up (an empty list) when the lines would be longer, and leave out the middle of long values; 0 is no limit.
    Reading an unlimited drawing gives the same order again.
    """
    chosen = sorted(operations, key=lambda operation: operation.invoked)
    events: list[tuple[int, int, Operation]] = []
    for operation in chosen:
        events.append((operation.invoked, 0, operation))
        if operation.completed is not None and operation.type != "info":
            events.append((operation.completed, 1, operation))
    events.sort(key=lambda event: event[:2])
    labels = [str(process) for process in dict.fromkeys(operation.process for operation in chosen)]
    margin = max((len(label) for label in labels), default=0) + 2
    lines = {label: label.ljust(margin) for label in labels}
    column = margin
    for _, completes, operation in events:
        label = str(operation.process)
        text = f"({_drawn(operation, _SHORT_VALUE if width_max else 0)}"
        if not completes:
            column = max(column, len(lines[label]) + lines[label].endswith((")", ">", "!")))
            lines[label] = lines[label].ljust(column) + text
            if operation.completed is None or operation.type == "info":
                lines[label] += ">"
            column += 1
        else:
            column = max(column, len(lines[label]))
            mark = "!" if operation.type == "fail" else ")"
            lines[label] = lines[label].ljust(column, " ") + mark
            column += 1
    shown = [line.rstrip() for line in lines.values()]
    return [] if width_max and max(map(len, shown), default=0) > width_max else shown


_SHORT_VALUE = 24


def _drawn(operation: Operation, limit: int) -> str:
    values: Sequence[Value] = operation.value if operation.f == "cas" and operation.value is not None else [operation.value]
    parts = [operation.f, *(_word(part, limit) for part in (operation.key,) if part is not None)]
    if operation.f not in _TAKES_NOTHING and not (operation.f in _TAKES_PERHAPS and operation.value is None):
        parts += [_word(value, limit) for value in values]
    answered = operation.type == "ok" and (operation.f in _TAKES_NOTHING or operation.f == "cas" or operation.result is not None)
    return " ".join(parts) + (f" -> {_word(operation.result, limit)}" if answered else "")


def _word(value: Value, limit: int) -> str:
    if value is None:
        return "nil"
    bare = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value) and value not in ("nil", "true", "false", "null")
    text = value if bare else json.dumps(value)
    return f"{text[: limit // 2]}…{text[-limit // 2 :]}" if limit and len(text) > limit + 1 else str(text)
