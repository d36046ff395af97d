"""Writes the reference pages that the code knows best: `python docs/generate.py`.

docs/reference/cli.md comes from the commands' parsers, docs/reference/faults.md from the registry of profiles,
docs/reference/pytest.md from the plugin's options, docs/reference/models.md and calculators.md from the registries of models and
of calculators, docs/reference/labs.md from the catalogue of labs. A test compares the pages with what this would write.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
from pathlib import Path
from typing import Any

from windtunnel.cli.entry import COMMANDS
from windtunnel.cli.flags import Parser
from windtunnel.faults import COMBINATIONS, PROFILES, plan, profiles
from windtunnel.labs import catalogue

REFERENCE = Path(__file__).parent / "reference"

CLI_HEAD = """\
# Commands

`windtunnel COMMAND --help` says the same. Results go to stdout, everything else to stderr. Every command knows `--json`: one JSON
object on stdout, nothing else. Durations are written `60`, `90s`, `250ms`, `2m`.

| exit code | meaning |
|---|---|
| 0 | valid: every promise was kept |
| 1 | invalid: a promise was broken, and the output says which and how |
| 2 | unknown: it could not be decided, and the output says why |
| 3 | wrong usage: one line on stderr with what exists or is near |
| 130 | Ctrl-C; a sweep still prints what it has |

Runs are kept under `store/`, or `--store DIR`, or `$WINDTUNNEL_STORE`; `store/latest` points at the newest.
`WINDTUNNEL_KERNEL=pure` or `compiled` forces one of the two kernels.
"""


def cli_page() -> str:
    """docs/reference/cli.md."""
    parts = [CLI_HEAD]
    for name, what in COMMANDS.items():
        command = importlib.import_module(f"windtunnel.cli.{name}")
        parser = Parser(name, command.__doc__ or "", command.EXAMPLES)
        command.configure(parser)
        parts.append(_command(name, what, parser, command))
    return "\n".join(parts)


def _command(name: str, what: str, parser: Parser, command: Any) -> str:
    lines = [f"## {name}", "", f"*{what[0].upper()}{what[1:]}.*", "", command.__doc__.strip(), ""]
    lines += ["```", *(line.strip() for line in command.EXAMPLES.splitlines()), "```", "", "| argument | meaning |", "|---|---|"]
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if action.dest != "help":
            lines.append(f"| {_spelling(action)} | {_cell(action.help or '')} |")
    return "\n".join([*lines, "", f"JSON: {command.JSON}", ""])


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.dest.upper()}`" + (" (optional)" if action.nargs == "?" else "")
    value = "" if action.nargs == 0 else f" {_cell(str(action.metavar or action.dest.upper()))}"
    return ", ".join(f"`{flag}{value}`" for flag in action.option_strings)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


FAULTS_HEAD = """\
# Faults

A fault plan is data: drawn from profiles with the seed, stored with the run as it was drawn, replayed, shrunk, or written by
hand.

## Profiles

`--faults partition,crash` draws from named profiles. `crash:2` is the profile at twice its intensity: the gaps are half as
long.

| profile | quiet before each | lasts | what is done | why these figures |
|---|---|---|---|---|"""

FAULTS_BOUNDS = """
Gaps are exponential, lengths uniform; a kind that is named comes at least once. Each kind draws from a stream of its own, so
that adding one leaves the others where they were. Faults begin after {warm_up:g} s; the last {quiet:.0%} of a run are quiet, and
no fault lasts longer than a quarter of the time before. A majority may crash at once, and everybody may: disks survive. At most
one disk is bad at a time, and it is repaired. Clusters of more than {linked} nodes lose single nodes only.

`windtunnel show SYSTEM` lists the kinds that a system's own fault model admits; others are refused by name.

## Plans
"""

FAULTS_TAIL = """
`windtunnel run SYSTEM --plan FILE` runs a plan. A stored run has its plan in `scenario.toml` (as `[[plan]]`), with `leader` as
it was drawn; `results.json` says who it was. Faults may overlap: when one ends, only what no other open fault demands is
undone. Independent losses combine, delays add up.
"""


def faults_page() -> str:
    """docs/reference/faults.md."""
    lines = [FAULTS_HEAD]
    for p in PROFILES.values():
        low, high = p.lasts_s
        lines.append(f"| `{p.kind}` | {p.gap_s:g} s on average | {low:g} to {high:g} s | {p.what} | {p.why} |")
    for name, intensity in COMBINATIONS.items():
        often = "" if intensity == 1 else f", {intensity:g} times as often"
        lines.append(f"| `{name}` | | | every kind that the system's fault model admits{often}; they overlap | |")
    bounds = {"warm_up": profiles.WARM_UP_S, "quiet": profiles.QUIET_PART, "linked": profiles.LINKED_NODES_MAX}
    return "\n".join([*lines, FAULTS_BOUNDS.format(**bounds), *_plan_words(), FAULTS_TAIL])


def _plan_words() -> list[str]:
    """The text of the module that defines plans; its example, indented there, becomes a code block."""
    out: list[str] = []
    inside = False
    for line in (plan.__doc__ or "").strip().splitlines()[2:]:
        code = line.startswith("    ")
        if code != inside:
            out += ["```"] if code else ["```", ""]
            inside = code
        if code or line or (out and out[-1]):
            out.append(line[4:] if code else line)
    return out


PYTEST_HEAD = """\
# The pytest plugin

[How to use it](../how-to/test-asyncio-code.md). A test is a coroutine with the mark; `world` is its fixture.

## The mark

`@pytest.mark.windtunnel(seeds=200, faults="partition,crash", ...)`, on a function, a class or, as `pytestmark`, a module. The
first argument may stand without its name. `windtunnel.testing.check(test, ...)` takes the same.

| argument | default | meaning |
|---|---|---|"""

PYTEST_OPTIONS = """
## Options

They outrank the marks.

| option | meaning |
|---|---|"""

PYTEST_TAIL = """
In the ini file, `windtunnel_restart` is `auto`, `always` or `never`: whether pytest begins anew with a fixed hash seed and fixed
addresses ([why](../design/forking.md)).

## Exit codes, properties, files

Exit codes are pytest's; a wrong mark or option is an error of usage, 4. A test that fails has these properties (`--junitxml`):
`windtunnel_seed`, `windtunnel_fingerprint`, `windtunnel_plan`, `windtunnel_replay`, `windtunnel_report`; every test has
`windtunnel_seeds` and `windtunnel_wall_s`. Under `.windtunnel/TEST/` (git ignores it), or `--windtunnel-report DIR`:
"""


def pytest_page() -> str:
    """docs/reference/pytest.md."""
    from windtunnel.testing import telling  # noqa: PLC0415 - what pytest is for
    from windtunnel.testing.plugin import OPTIONS  # noqa: PLC0415
    from windtunnel.testing.settings import SEEDS, Settings  # noqa: PLC0415

    lines = [PYTEST_HEAD]
    for field in dataclasses.fields(Settings):
        default = SEEDS if field.name == "seeds" else ("", field.default)[field.default != ()]
        lines.append(f"| `{field.name}` | `{default!r}` | {_cell(field.metadata['what'])} |")
    lines.append(PYTEST_OPTIONS)
    for name, how in OPTIONS:
        value = f" {how['metavar']}" if "metavar" in how else ""
        lines.append(f"| `{name}{value}` | {_cell(how['help'])} |")
    files = (telling.__doc__ or "").split("\n\n", 1)[1]
    return "\n".join([*lines, PYTEST_TAIL, files.strip(), ""])


MODELS_HEAD = """\
# Models

What a history can be judged by: `windtunnel check FILE --model NAME`, `windtunnel.checkers.check(history, "NAME")`. The
operations are written as a history has them: `f(value) -> result`. An operation that is not listed is refused.
[How verdicts are reached](../explanation/checkers.md).
"""


def models_page() -> str:
    """docs/reference/models.md."""
    from windtunnel.checkers import MODELS  # noqa: PLC0415 - only this page needs them

    parts = [MODELS_HEAD]
    for name, model in MODELS.items():
        paragraphs = [" ".join(part.split()) for part in model.doc.split("\n\n")]
        parts += [f"## {name}", "", f"*{model.promise}.*", "", *(line for text in paragraphs for line in (text, ""))]
        parts += ["```", *model.functions.values(), "```", ""]
    return "\n".join(parts)


CALCULATORS_HEAD = """\
# Calculators

`windtunnel calc NAME --input value ... [--check] [--sensitivity OUTPUT] [--chart] [--json]`;
`windtunnel.quant.CALCULATORS["NAME"].compute({"input": "80/s"})`. Every input has a unit and a domain; what is outside is refused
by name. The outputs shown are those of the defaults. [How to use them](../how-to/calculate.md).
[How they are checked](../explanation/checked-formulas.md).

A bare number is taken in the unit of the input: seconds, per second, dollars, bytes, shares of 1, months. A year has 365 days, a
month is a twelfth of it (730 hours).
"""


def calculators_page() -> str:
    """docs/reference/calculators.md."""
    from windtunnel.quant import CALCULATORS  # noqa: PLC0415 - only this page needs them

    parts = [CALCULATORS_HEAD]
    for calculator in CALCULATORS.values():
        parts += [f"## {calculator.name}", "", f"*{calculator.title}* ({calculator.group}).", ""]
        parts += ["```", *calculator.formula.splitlines(), "```", "", f"Source: {calculator.source}.", ""]
        parts += ["| input | meaning | default | domain |", "|---|---|---|---|"]
        for each in calculator.inputs:
            note = f" ({each.what})" if each.what and each.kind != "text" else ""
            default = f"`{each.default}`" if each.kind == "text" and each.default else each.text(each.default) or "none"
            parts.append(f"| `{each.name}` | {_cell(each.label + note)} | {_cell(default)} | {_cell(each.domain())} |")
        result = calculator.compute(calculator.read(calculator.example))
        shown = f" with {', '.join(f'`{k} {v}`' for k, v in calculator.example.items())}" if calculator.example else ""
        parts += ["", f"| output | {('at the defaults' + shown).strip()} | meaning |", "|---|---|---|"]
        parts += [f"| `{output.name}` | {_cell(output.text())} | {_cell(output.label)} |" for output in result.outputs]
        parts += ["", f"Assumes: {'; '.join(calculator.assumptions)}.", ""]
    return "\n".join(parts)


LABS_HEAD = """\
# Labs

What each lab is about and how sharp its grader is. A *mutant* is the reference solution with one realistic mistake; it must fail
at the check that it names. The kill rate is the share that does: here it is 1 for every lab, and a test keeps it so.
`windtunnel lab quality LAB` measures it again. [Do a lab](../how-to/labs.md), [write a lab](../how-to/write-a-lab.md).

Every [safeguard](../glossary.md) of every system is a lab too: `windtunnel lab list` has them.
"""


def labs_page() -> str:
    """docs/reference/labs.md."""
    labs = [lab for lab in catalogue() if lab.folder is not None]
    lines = [LABS_HEAD, "| lab | hours | form | after | laws | mutants killed |", "|---|---|---|---|---|---|"]
    for lab in labs:
        cells = [
            f"[{lab.id}](#{lab.id})",
            f"{lab.hours:g}",
            lab.form,
            ", ".join(lab.prerequisites) or "-",
            ", ".join(map(str, lab.laws)) or "-",
            f"{len(lab.mutants)} of {len(lab.mutants)}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for lab in labs:
        lines += ["", f"## {lab.id}", "", f"*{lab.title}.* {lab.summary}", "", "| mistake | found by |", "|---|---|"]
        lines += [f"| {_cell(mutant.what)} | {_cell(mutant.killed_by)} |" for mutant in lab.mutants]
    return "\n".join([*lines, ""])


PAGES = {
    "cli.md": cli_page,
    "faults.md": faults_page,
    "pytest.md": pytest_page,
    "models.md": models_page,
    "calculators.md": calculators_page,
    "labs.md": labs_page,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
