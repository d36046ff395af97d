"""The school: paths, lessons, decisions, and progress that is evidence.

    from windtunnel import learn

    learn.lessons()["law-1"].to_json()             # a lesson as a tree, without its answers
    learn.path("beginner").next(learn.Journal().read())
    learn.Runner(learn.lesson("law-1"), learn.Journal()).answer("joint", "0.63")

Everything here is plain files: what is shipped is data (TOML, Markdown), what a learner leaves is one folder (learn.home).
"""

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
