"""Labs about protocol cores: the learner's System is run through scenarios, and its failures are told as a run's are."""

import re
from pathlib import Path

import pytest
from toy_lab import LAB, written

from windtunnel.labs.grading import judge
from windtunnel.labs.lab import read_lab

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "write-a-system.md").read_text(encoding="utf-8")
REGISTER = re.search(r'```python title="one_register.py"\n(.*?)```', PAGE, re.DOTALL)[1]
FORGETFUL = REGISTER.replace("if self.durable_first:", "if False:")

CHECKS = """
from windtunnel.labs.checking import scenario_check

MIX = {"read": 1.0, "write": 1.0}
scenario_check("what was acknowledged survives a crash", seeds=8, faults="crash:2,disk:2", for_s=6.0, mix=MIX, clients=3)
"""

SMALL = {"run_s": 1.5, "memory_bytes": 256 << 20}


@pytest.fixture
def judged(tmp_path, grader):
    """Judges the text of a system."""
    lab = read_lab(written(tmp_path / "toy", **{"lab.toml": LAB.replace('form = "world"', 'form = "core"'), "checks.py": CHECKS}))

    def run(text, **options):
        return judge(lab, {"adding.py": text.encode()}, grader=grader, limits=SMALL, **options).checks[0]

    return run


def test_a_system_that_keeps_its_promise_passes(judged):
    """Every seed is valid, and operations of clients succeed."""
    found = judged(REGISTER)
    assert (found.verdict, found.seeds) == ("passed", 8), found.message


def test_a_broken_promise_is_told_with_seed_faults_and_trace(judged):
    """The smallest run that breaks the same promise, and the seed to see it again."""
    found = judged(FORGETFUL, html=True)
    assert found.verdict == "failed"
    assert found.message.startswith("linearizability is broken: ")
    assert found.plan
    assert found.trace
    assert found.seed >= 1
    assert f"--seed {found.seed}" in found.replay


@pytest.mark.parametrize(
    ("text", "verdict", "message"),
    [
        ("x = 1", "failed", "adding.py has no SYSTEM"),
        ("raise ValueError('no')", "failed", "ValueError: no"),
        ("while True: pass", "failed", "did not end within the 1.5 s"),
        ("import os\nos.fork()", "failed", "starts no processes"),
        ("x = bytearray(1 << 40)", "failed", "more memory than the 256 MiB"),
        (REGISTER.replace("op = message.op", "return"), "failed", "answers_after_the_last_fault is broken"),
        (
            REGISTER.replace("self.values.get(op.key)", "self.values.get(op.key) or __import__('os').urandom(8).hex()"),
            "failed",
            "linearizability",
        ),
        (
            REGISTER.replace(
                '"""Everything durable was given to the constructor."""',
                "self.out.set_timer('x', __import__('os').urandom(1)[0] / 100 + 0.001)",
            ),
            "unknown",
            "two runs of one seed differ",
        ),
    ],
)
def test_what_is_wrong_with_a_system_is_told(text, verdict, message, judged):
    """Also what a machine would not like, and what is not deterministic."""
    found = judged(text)
    assert message in found.message
    assert found.verdict == verdict
