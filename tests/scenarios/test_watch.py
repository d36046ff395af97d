"""Watching a run while it goes on."""

from windtunnel.scenarios import Scenario, run

CHOSEN = Scenario(system="rumor", seed=3, for_s=3.0, faults=("crash",), clients=2)


def test_a_watched_run_is_the_same_run():
    """Looking at it changes neither fingerprint nor verdict, and every look sees at least what the last one saw."""
    looks = []
    watched = run(CHOSEN, watch=lambda now, rows, operations: looks.append((now, len(rows), len(operations))))
    plain = run(CHOSEN, trace=True)
    assert watched.results["fingerprint"] == plain.results["fingerprint"]
    assert watched.trace == plain.trace
    assert looks == sorted(looks)
    assert len(looks) >= 60
    assert looks[-1][1] > 0
    assert looks[-1][2] == len(plain.history.operations)
