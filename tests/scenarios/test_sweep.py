import pytest

from windtunnel.base.errors import UsageError
from windtunnel.histories import History
from windtunnel.scenarios import Run, Scenario
from windtunnel.scenarios.executor import InProcess
from windtunnel.scenarios.sweep import sweep

SCENARIO = Scenario(system="raft", seed=0, for_s=1.0)


def fake(scenario):
    """A run that depends on its seed only: multiples of 7 are invalid, 5 unknown, and 10 sees the situation."""
    seed = scenario.seed
    verdict = "invalid" if seed % 7 == 0 else "unknown" if seed % 5 == 0 else "valid"
    results = {
        "verdict": verdict,
        "why": "" if verdict == "valid" else f"because of {seed}",
        "violation": {"property": "agreement" if seed % 2 else "validity"} if verdict == "invalid" else None,
        "fingerprint": f"{seed:016x}",
        "ops": {"total": seed, "ok": seed - 1, "fail": 1, "info": 0},
        "sim_s": 0.1 * seed,
        "wall_s": 0.0,
        "events": 10 * seed,
        "properties": [{"name": "seen_ten", "kind": "sometimes", "status": "seen" if seed == 10 else "unseen"}],
    }
    return Run(scenario, results, History([]), [])


def good(scenario):
    """A run that always holds and always sees."""
    run = fake(scenario.with_changes(seed=1))
    run.results["properties"][0]["status"] = "seen"
    return run


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_totals_do_not_depend_on_the_workers(workers):
    """Nor do the rows: they are sorted by seed."""
    alone = sweep(SCENARIO, range(1, 31), fake)
    together = sweep(SCENARIO, range(1, 31), fake, workers=workers)
    assert together.totals() == alone.totals()
    assert together.rows == alone.rows


def test_the_totals():
    """Counts by verdict and property, sums of operations, the lowest failing seed."""
    totals = sweep(SCENARIO, range(1, 31), fake).totals()
    assert totals["verdicts"] == {"valid": 20, "invalid": 4, "unknown": 6}
    assert totals["broken"] == {"agreement": 2, "validity": 2}
    assert totals["situations"] == {"seen_ten": 1}
    assert totals["ops"] == {"total": 465, "ok": 435, "fail": 30, "info": 0}
    assert totals["first_failure"] == {"seed": 7, "property": "agreement", "why": "because of 7"}
    assert totals["verdict"] == "invalid"


def test_the_verdict_of_a_sweep():
    """Any invalid seed decides; then any unknown; then a situation that no run has seen; else valid."""
    assert sweep(SCENARIO, [7, 5], fake).verdict()[0] == "invalid"
    verdict, why = sweep(SCENARIO, [1, 5, 10], fake).verdict()
    assert (verdict, "because of 5" in why) == ("unknown", True)
    verdict, why = sweep(SCENARIO, [1, 2], fake).verdict()
    assert (verdict, "seen_ten" in why) == ("unknown", True)
    assert sweep(SCENARIO, [1, 2], good).verdict() == ("valid", "")


def interrupting(seed):
    """A runner that is interrupted at a seed."""

    def run(scenario):
        if scenario.seed == seed:
            raise KeyboardInterrupt
        return fake(scenario)

    return run


def test_an_interrupted_sweep_gives_what_it_has(tmp_path):
    """Ctrl-C: the tally so far, marked, and no verdict of validity."""
    tally = sweep(SCENARIO, range(1, 5), interrupting(3))
    assert tally.interrupted
    assert [row["seed"] for row in tally.rows] == [1, 2]
    assert tally.verdict() == ("unknown", "2 of 4 seeds were run")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_resumed_sweep_has_the_totals_of_one_that_was_not_interrupted(tmp_path, workers):
    """Seeds of the journal are not run again, also after a torn line."""
    journal = tmp_path / "results.jsonl"
    sweep(SCENARIO, range(1, 31), interrupting(12), journal=journal)
    with journal.open("a") as lines:
        lines.write('{"seed": 29, "verd')
    ran = []

    def remembering(tally):
        ran.append(tally.done)

    resumed = sweep(SCENARIO, range(1, 31), fake, journal=journal, workers=workers, progress=remembering)
    assert resumed.resumed == 11
    assert min(ran) >= 11
    assert resumed.totals() == sweep(SCENARIO, range(1, 31), fake).totals()


def test_a_finished_journal_runs_nothing(tmp_path):
    """Asking again is free, and a smaller range takes its part."""
    journal = tmp_path / "results.jsonl"
    whole = sweep(SCENARIO, range(1, 11), fake, journal=journal)
    assert sweep(SCENARIO, range(1, 11), interrupting(1), journal=journal).totals() == whole.totals()
    assert sweep(SCENARIO, range(1, 4), interrupting(1), journal=journal).totals()["seeds"] == {"asked": 3, "done": 3}


def test_until_failure_stops():
    """The first invalid seed that comes in ends the sweep."""
    tally = sweep(SCENARIO, range(1, 31), fake, until_failure=True)
    assert [row["seed"] for row in tally.rows] == list(range(1, 8))


def test_another_executor_takes_the_seat():
    """Anything with `map` does, in any order, with heartbeats in between: that is where Ray or Dask would sit."""

    class Backwards(InProcess):
        def map(self, function, items):
            for item in reversed(list(items)):
                yield None
                yield function(item)

    assert sweep(SCENARIO, range(1, 31), fake, executor=Backwards()).totals() == sweep(SCENARIO, range(1, 31), fake).totals()


def test_progress_is_told_of_every_seed():
    """With a rate and an estimate once something has ended."""
    seen = []
    sweep(SCENARIO, range(1, 6), fake, progress=lambda tally: seen.append((tally.done, tally.asked, tally.eta_s)))
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5]
    assert seen[-1][2] == 0


def test_no_seeds_is_wrong_usage():
    """A sweep of nothing proves nothing."""
    with pytest.raises(UsageError, match="at least one seed"):
        sweep(SCENARIO, [], fake)
