"""The school: paths, lessons, decisions, and progress that is evidence.

    from windtunnel import learn

    learn.lessons()["law-1"].to_json()             # a lesson as a tree, without its answers
    learn.path("beginner").next(learn.Journal().read())
    learn.Runner(learn.lesson("law-1"), learn.Journal()).answer("joint", "0.63")

Everything here is plain files: what is shipped is data (TOML, Markdown), what a learner leaves is one folder (learn.home).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windtunnel.learn.decision_tree import Framework, Walk, decision, decisions
    from windtunnel.learn.home import home_of, set_settings, settings
    from windtunnel.learn.lesson_file import Lesson, Question, Try, lesson, lessons
    from windtunnel.learn.path_file import Node, NodeState, Path, Status, path, paths
    from windtunnel.learn.progress import Evidence, Journal, Problem, Progress
    from windtunnel.learn.runner import Answered, Runner, Tried, states

__all__ = [
    "Answered",
    "Evidence",
    "Framework",
    "Journal",
    "Lesson",
    "Node",
    "NodeState",
    "Path",
    "Problem",
    "Progress",
    "Question",
    "Runner",
    "Status",
    "Tried",
    "Try",
    "Walk",
    "decision",
    "decisions",
    "home_of",
    "lesson",
    "lessons",
    "path",
    "paths",
    "set_settings",
    "settings",
    "states",
]

_WHERE = {
    "Answered": "runner",
    "Evidence": "progress",
    "Framework": "decision_tree",
    "Journal": "progress",
    "Lesson": "lesson_file",
    "Node": "path_file",
    "NodeState": "path_file",
    "Path": "path_file",
    "Problem": "progress",
    "Progress": "progress",
    "Question": "lesson_file",
    "Runner": "runner",
    "Status": "path_file",
    "Tried": "runner",
    "Try": "lesson_file",
    "Walk": "decision_tree",
    "decision": "decision_tree",
    "decisions": "decision_tree",
    "home_of": "home",
    "lesson": "lesson_file",
    "lessons": "lesson_file",
    "path": "path_file",
    "paths": "path_file",
    "set_settings": "home",
    "settings": "home",
    "states": "runner",
}


def __getattr__(name: str) -> Any:
    """The public names load when they are used: whoever asks for the learner's folder does not wait for the school."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
