"""Durations as people write them: `60`, `60s`, `250ms`, `2m`, `1h`."""

from __future__ import annotations

import re

from windtunnel.base.errors import UsageError

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def seconds(text: str) -> float:
    """Seconds of a duration. Raises UsageError for anything else, negative and endless ones included."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|m|h|)", text.strip())
    if match is None:
        raise UsageError(f"expected a duration such as 60, 250ms or 2m; got {text!r}")
    return float(match[1]) * _SECONDS[match[2]]
