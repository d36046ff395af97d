import importlib
import importlib.util

import pytest

from windtunnel.sim.machines import world as world_module

COMPILED = "windtunnel.sim._kernel"
MODULES = ["windtunnel.sim.pure"] + ([COMPILED] if importlib.util.find_spec(COMPILED) else [])


@pytest.fixture(params=MODULES, ids=lambda name: name.rsplit(".", 1)[-1])
def make_world(request, monkeypatch):
    """The class World on each kernel that exists here; both must pass every test."""
    monkeypatch.setattr(world_module, "Kernel", importlib.import_module(request.param).Kernel)
    return world_module.World


@pytest.fixture
def simulate(make_world):
    """Run a scenario in a world of its own: `simulate(scenario, seed=1, limit_s=9.0)`; returns (result, world)."""

    def simulate(scenario, **options):
        world = make_world(**{"seed": 1, "limit_s": 1000.0, **options})
        return world.run(scenario, world), world

    return simulate
