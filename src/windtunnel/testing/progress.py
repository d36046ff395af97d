"""How far a campaign has come: a few words behind the name of the test file, while it runs, where somebody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from windtunnel.testing.campaign import Campaign, Progress

DRAW_EVERY_S = 0.1
QUIET_S = 0.5  # a shorter campaign shows nothing


@contextmanager
def progress_on(config: pytest.Config, name: str) -> Iterator[Progress]:
    """A function that shows how far a campaign is; it does nothing where there is no terminal. Nothing of it stays."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not reporter.isatty or hasattr(config, "workerinput") or reporter.verbosity < 0:
        yield lambda _: None
        return
    line = _Line(reporter, config.pluginmanager.get_plugin("capturemanager"), name)
    try:
        yield line.show
    finally:
        line.write("")


class _Line:
    """Text at the cursor that is taken back by going left: what pytest has written on the line stays."""

    def __init__(self, reporter: Any, capture: Any, name: str) -> None:
        self._writer = reporter._tw  # noqa: SLF001 - the writer has no public name
        self._capture = capture
        self._name = name
        self._shown = 0
        self._began_s = self._drawn_s = time.monotonic()

    def show(self, campaign: Campaign) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now - self._began_s < QUIET_S or now - self._drawn_s < DRAW_EVERY_S:
            return
        self._drawn_s = now
        rate = campaign.done / (now - self._began_s)
        self.write(f" {self._name}: {campaign.done}/{campaign.asked} seeds, {rate:.0f}/s")

    def write(self, text: str) -> None:
        """Replace what was shown."""
        room = self._writer.fullwidth - self._writer.width_of_current_line - 1
        text = text[: max(0, room)]
        if not text and not self._shown:
            return
        blank = " " * max(0, self._shown - len(text))
        drawn = f"{text}{blank}" + "\b" * (len(text) + len(blank))
        if self._capture is None:
            self._put(drawn)
        else:
            with self._capture.global_and_fixture_disabled():
                self._put(drawn)
        self._shown = len(text)

    def _put(self, text: str) -> None:
        self._writer._file.write(text)  # noqa: SLF001 - the writer would count it as part of the line
        self._writer._file.flush()  # noqa: SLF001
