"""Every checker on histories whose verdicts are known: each level, alone and with each planted fault."""

import os

import pytest

from windtunnel.checkers.ladder import ladder
from windtunnel.generators import INTERFACES, generate

SEEDS = int(os.environ.get("WINDTUNNEL_CASES", "4000"))
CELLS = [
    pytest.param(interface, level, plants, id=f"{interface} {level} {'+'.join(plants) or 'alone'}")
    for interface, made in INTERFACES.items()
    for level in made.levels
    for plants in ((), *((plant,) for plant in made.plants))
]


def disagreements(made):
    """What a ladder says against what is known."""
    found = ladder(made.history, made.interface, thorough=True, budget_s=20)
    wrong = list(found.contradictions)
    for rung in found.rungs:
        if rung.valid is False and rung.name in made.known.holds:
            wrong.append(f"{rung.name} holds, and the checker says: {rung.why}")
        if rung.valid is True and rung.name in made.known.fails:
            wrong.append(f"{rung.name} fails, and the checker accepts it")
    return wrong


@pytest.mark.parametrize(("interface", "level", "plants"), CELLS)
def test_verdicts_are_the_known_ones(interface, level, plants):
    """No checker contradicts what is known by construction, nor another checker."""
    assert disagreements(generate(interface, level, plants, seed=1, operations=25)) == []


@pytest.mark.parametrize(("interface", "level"), [(name, level) for name, made in INTERFACES.items() for level in made.levels])
def test_the_level_itself_is_decided(interface, level):
    """What a database keeps is proved, not only left standing; read atomic is the one level that cannot be."""
    made = generate(interface, level, seed=5, operations=60)
    found = ladder(made.history, interface)
    for rung in INTERFACES[interface].levels[level]:
        assert found.rung(rung).valid is (None if rung.endswith("@read-atomic") else True) or found.rung(rung).valid, rung


@pytest.mark.parametrize(("interface", "plant"), [(name, plant) for name, made in INTERFACES.items() for plant in made.plants])
def test_every_planted_fault_is_found(interface, plant):
    """Planted into a database of the strongest level, a fault breaks a rung that it is known to break."""
    made = INTERFACES[interface]
    planted = generate(interface, next(iter(made.levels)), (plant,), seed=3, operations=20)
    fails = {rung.name for rung in ladder(planted.history, interface).rungs if rung.valid is False}
    assert fails & set(planted.known.fails)


@pytest.mark.campaign
@pytest.mark.parametrize(("interface", "level", "plants"), CELLS)
def test_verdicts_are_the_known_ones_for_many_seeds(interface, level, plants):
    """The same for thousands of seeds, of all sizes, with several faults at a time."""
    others = list(INTERFACES[interface].plants)
    for seed in range(2, max(3, SEEDS // len(CELLS))):
        more = (others[seed % len(others)],) if plants and seed % 3 == 0 else ()
        made = generate(
            interface, level, (*plants, *more), seed=seed, operations=seed * 7 % 200, clients=1 + seed % 8, keys=1 + seed % 5
        )
        assert disagreements(made) == [], f"seed {seed}"
