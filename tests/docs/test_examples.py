"""The examples of the docs are run."""

import re
from pathlib import Path

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.scenarios import Scenario, run
from windtunnel.systems import find

DOCS = Path(__file__).parents[2] / "docs"


def block(page, title):
    """The code block of a page with that title."""
    text = (DOCS / page).read_text(encoding="utf-8")
    match = re.search(rf'```\w+ title="{re.escape(title)}"\n(.*?)```', text, re.DOTALL)
    assert match, f"{page} has no block {title}"
    return match[1]


@pytest.fixture
def register(tmp_path):
    """The path of the system that docs/how-to/write-a-system.md shows."""
    path = tmp_path / "one_register.py"
    path.write_text(block("how-to/write-a-system.md", "one_register.py"), encoding="utf-8")
    return str(path)


def test_the_system_of_the_how_to_keeps_its_promise(register):
    """As written it is valid under crashes."""
    done = run(Scenario(system=register, seed=1, for_s=20.0, faults=("crash", "disk"), mix={"read": 1.0, "write": 1.0}))
    assert done.verdict == "valid", done.results["why"]
    assert done.results["ops"]["ok"] > 100


def test_without_its_safeguard_it_breaks(register):
    """Within fifty seeds an acknowledged write is lost, and the verdict names linearizability."""
    scenario = Scenario(
        system=register,
        seed=0,
        for_s=20.0,
        faults=("crash", "disk"),
        mix={"read": 1.0, "write": 1.0},
        without=("durable_before_reply",),
    )
    broken = [done.broken for done in (run(scenario.with_changes(seed=seed)) for seed in range(50)) if done.verdict == "invalid"]
    assert broken
    assert set(broken) == {"linearizability"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no file"),
        ("x = 1", "has no SYSTEM"),
        ("def (", "cannot be imported: SyntaxError"),
    ],
)
def test_files_that_are_no_systems_are_refused(text, message, tmp_path):
    """A missing, empty or broken file is wrong usage, said in one line."""
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        find(str(path))


def test_every_link_between_pages_leads_somewhere():
    """Relative links in the docs and the README point at files that exist."""
    root = DOCS.parent
    for page in [*DOCS.rglob("*.md"), *root.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(root)} links to {target}"
