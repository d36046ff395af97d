"""Decide with a framework: questions, advice, and reasons that you can run.

Without flags it asks on the terminal; --answers walks at once. Each framework has cases to practise on: a case is solved when
your answers lead to the advice that fits it, and the framework counts as done when all are.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, names
from windtunnel.cli.output import say, say_json, table
from windtunnel.cli.reading import wrapped

if TYPE_CHECKING:
    from windtunnel import learn

EXAMPLES = """\
  windtunnel decide --list
  windtunnel decide retry
  windtunnel decide retry --answers a,b,b
  windtunnel decide retry --cases
  windtunnel decide retry --case payment --answers b,b"""

JSON = (
    "`framework`, `walk` (`steps`; `question` while it goes on, `leaf` with `advice` and `reasons` when it has ended), with "
    "--case: `case`, `right`, `solved`. --list: `decisions`. --cases: `cases` (`id`, `story`, `solved`)."
)


def configure(parser: Parser) -> None:
    """The flags of `decide`."""
    parser.add_argument("framework", nargs="?", help="which one; --list has them")
    parser.add_argument("--list", action="store_true", help="print the frameworks, and do nothing else")
    parser.add_argument("--answers", action="append", default=[], metavar="A,B,...", help="letters of the choices, in order")
    parser.add_argument("--cases", action="store_true", help="print the cases of a framework")
    parser.add_argument("--case", metavar="ID", help="walk a case: graded, and recorded")


def execute(args: argparse.Namespace) -> int:
    """List, or walk. A case that ends elsewhere exits with 1, a walk that does not end with 2."""
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help

    if args.list or args.framework is None:
        if not args.list:
            raise UsageError("expected a framework, as in `windtunnel decide retry`; `windtunnel decide --list` has them")
        return _list(args)
    framework = learn.decision(args.framework)
    if args.cases:
        return _cases(framework, args)
    if args.case is not None:
        framework.case(args.case)
    answers = list(names(args.answers))
    if not answers and not args.json and sys.stdin.isatty() and sys.stdout.isatty():
        answers = _ask(framework, args.case)
    return _walk(framework, answers, args)


def _list(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415

    progress = learn.Journal().read()
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "question": one.question,
            "cases": len(one.cases),
            "solved": len(one.solved(progress)),
            "leaves": len(one.leaves),
        }
        for one in learn.decisions().values()
    ]
    if args.json:
        say_json({"decisions": rows})
    else:
        shown = [(str(row["id"]), f"{row['solved']} of {row['cases']}", str(row["question"])) for row in rows]
        table(("framework", "cases", "question"), shown)
    return 0


def _cases(framework: learn.Framework, args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415

    solved = framework.solved(learn.Journal().read())
    rows = [{"id": case.id, "story": case.story, "solved": case.id in solved} for case in framework.cases]
    if args.json:
        say_json({"framework": framework.id, "cases": rows})
        return 0
    for row in rows:
        say(wrapped(f"{'✓' if row['solved'] else '○'} {row['id']}: {row['story']}"))
    left = [row["id"] for row in rows if not row["solved"]]
    if left:
        say(f"\nwalk one: windtunnel decide {framework.id} --case {left[0]}")
    return 0


def _ask(framework: learn.Framework, case: str | None) -> list[str]:
    say(framework.question)
    if case is not None:
        say("\n" + wrapped(framework.case(case).story))
    answers: list[str] = []
    while (walk := framework.walk(answers)).leaf is None:
        at: Any = walk.at
        say()
        _say_question(at.to_json())
        given = input("your answer: ").strip()
        try:
            framework.walk([*answers, given])
        except UsageError as error:
            say(str(error))
            continue
        answers.append(given)
    say()
    return answers


def _say_question(row: dict[str, Any]) -> None:
    say(row["ask"])
    if row["hint"]:
        say(f"  ({row['hint']})")
    for i, text in enumerate(row["choices"]):
        say(f"  {chr(ord('a') + i)}) {text}")


def _walk(framework: learn.Framework, answers: list[str], args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn.decision_tree import advise, grade  # noqa: PLC0415

    walk = framework.walk(answers)
    found: dict[str, Any] = {"framework": framework.id, "walk": walk.to_json()}
    if walk.leaf is None:
        if args.json:
            say_json(found)
        else:
            if args.case is not None:
                say(wrapped(framework.case(args.case).story))
            _say_question(found["walk"]["question"])
            so_far = ",".join([*answers, "..."])
            say(f"\ngo on: windtunnel decide {framework.id}{f' --case {args.case}' if args.case else ''} --answers {so_far}")
        return 2
    journal = learn.Journal()
    right = True
    if args.case is not None:
        walk, right = grade(framework, args.case, answers, journal)
        solved = sorted(framework.solved(journal.read()))
        found |= {"case": args.case, "right": right, "solved": solved}
    else:
        advise(framework, answers, journal)
    if args.json:
        say_json(found)
    else:
        _say_walk(framework, found)
    return 0 if right else 1


def _say_walk(framework: learn.Framework, found: dict[str, Any]) -> None:
    for step in found["walk"]["steps"]:
        say(f"{step['ask']}  {step['choice']}")
    leaf = found["walk"]["leaf"]
    if found.get("right") is False:
        say("\n✗ that walk ends elsewhere than this case asks for. Read the story again; it ended at:")
    elif found.get("right"):
        say(f"\n✓ right; {len(found['solved'])} of {len(framework.cases)} cases are solved")
    say("\n" + wrapped(leaf["advice"]))
    for reason in leaf["reasons"]:
        see = reason["see"]
        if see.startswith("source "):
            see = framework.sources[int(see.removeprefix("source ")) - 1]
        say(f"  - {reason['text']}\n      see: {see}")
