"""The pages that are generated, and every command line that any page shows."""

import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from windtunnel.cli.entry import COMMANDS
from windtunnel.cli.flags import Parser, scenario_of
from windtunnel.scenarios import Scenario

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def generator():
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parser_of(name):
    command = importlib.import_module(f"windtunnel.cli.{name}")
    parser = Parser(name, command.__doc__ or "", command.EXAMPLES)
    command.configure(parser)
    return parser


@pytest.mark.parametrize("page", ["cli", "faults", "pytest", "models", "calculators", "labs"])
def test_generated_pages_are_fresh(page):
    """`python docs/generate.py` would write what is there."""
    assert (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8") == getattr(generator(), f"{page}_page")()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_flag(name):
    """Each flag that `--help` shows stands in the section of its command."""
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for flag in re.findall(r"--[a-z-]+", parser_of(name).format_help().split("examples:")[0].split("options:")[1]):
        assert flag in section or flag == "--help"


def command_lines():
    """(page, words) for every `windtunnel COMMAND ...` in a code block or in backticks."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
        inline = re.findall(r"`(windtunnel [^`\n]+)`", text)
        for line in [*inline, *(line for block in blocks for line in block.splitlines())]:
            if line.startswith("windtunnel "):
                words = shlex.split(line.split(" > ")[0], comments=True)[1:]
                if len(words) > 1 and words[0] in COMMANDS and words[1] != "--json" and not any(word.isupper() for word in words):
                    yield pytest.param(words, id=f"{page.name}: {' '.join(words)[:60]}")


@pytest.mark.parametrize("words", list(command_lines()))
def test_command_lines_of_the_pages_can_be_typed(words):
    """No page shows a flag, system, safeguard, profile or scenario that does not exist."""
    if words[1:] == ["--help"]:
        return
    args = parser_of(words[0]).parse_args(words[1:])
    if words[0] in ("run", "sweep") and not args.system.endswith(".py") and not args.plan:
        scenario_of(args, 1, script=getattr(args, "scenario", None))


def test_defaults_in_the_help_are_the_scenarios():
    """Where a flag's help says `(default X)`, a scenario without that flag has X."""
    names = {"rate": "rate_per_s", "nodes": "size", "operations": "operations_max"}
    scenario = Scenario(system="raft", seed=1)
    checked = 0
    for action in parser_of("run")._actions:
        said = re.search(r"\(default ([\w.]+)\)", action.help or "")
        if said and said[1] != "none":
            value = getattr(scenario, names.get(action.dest, action.dest))
            assert said[1] == (f"{value:g}" if isinstance(value, int | float) else value)
            checked += 1
    assert checked >= 6
