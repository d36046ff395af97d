"""A command of a lesson, run in a child of the studio. The words are the lesson's: the order only names lesson and step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windtunnel.learn import Journal, Runner, lesson

if TYPE_CHECKING:
    from windtunnel.studio.child import Pace, Say


def work(order: dict[str, Any], say: Say, _pace: Pace) -> None:
    """Run one step and keep how it ended as evidence."""
    runner = Runner(lesson(order["lesson"]), Journal(order["home"]))
    tried = runner.attempt(order["step"])
    say("done", complete=runner.complete, **tried.to_json())
