"""What the pages about calculators show is run."""

import re
import shlex
from pathlib import Path

import pytest

from windtunnel.cli.entry import main

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "how-to" / "calculate.md", *(DOCS / "explanation" / f"{n}.md" for n in ("queueing", "availability"))]


def block(page, title):
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.search(rf'```python title="{re.escape(title)}"\n(.*?)```', text, re.DOTALL)[1]


def lines():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"^windtunnel calc .*$", text, re.MULTILINE) + re.findall(r"`(windtunnel calc [^`]+)`", text)
        for line in dict.fromkeys(found):
            if "--measure" not in line:
                yield pytest.param(line, id=line[16:60])


@pytest.mark.parametrize("line", list(lines()))
def test_command_lines_compute(line, capsys):
    """Each command of the pages computes; checks are run elsewhere."""
    words = [word for word in shlex.split(line)[1:] if word != "--check"]
    assert main(words) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


def test_refusals_are_as_shown(capsys):
    """The two refusals of the page, word for word."""
    text = (DOCS / "how-to" / "calculate.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$ windtunnel (.*)\n(windtunnel: .*)$", text, re.MULTILINE)
    assert len(shown) == 2
    for command, answer in shown:
        assert main(shlex.split(command)) == 3
        assert capsys.readouterr().err == f"{answer}\n"


def test_the_python_of_the_page_runs(capsys):
    """It prints the wait, what moves it most, and a verdict."""
    exec(compile(block("how-to/calculate.md", "calculate.py"), "calculate.py", "exec"), {"__name__": "calculate"})
    assert capsys.readouterr().out.splitlines() == ["33.29 ms", "servers", "valid"]


def test_the_calculator_of_the_how_to():
    """One file: it computes, refuses, and agrees with its oracle."""
    from windtunnel.quant import QuantError

    scope = {"__name__": "collision"}
    exec(compile(block("how-to/write-a-calculator.md", "collision.py"), "collision.py", "exec"), scope)
    calculator = scope["CALCULATOR"]
    result = calculator.compute({})
    assert result.number("chance") == pytest.approx(0.5073, abs=1e-4)
    rows, _how = calculator.oracle(calculator.read({}), result, 0)
    assert all(row.agrees for row in rows)
    with pytest.raises(QuantError, match="certainly the same"):
        calculator.compute({"keys": 400})
