import pytest
from ambient_machines import Simulation

from windtunnel.sim import ambient


@pytest.fixture
def simulations():
    """Makes simulations, each of a seed; they are closed at the end, and the hooks taken away."""
    made = []

    def make(seed=7):
        made.append(Simulation(seed))
        return made[-1]

    yield make
    for simulation in made:
        simulation.loop.close()
    ambient.uninstall()


@pytest.fixture
def sim(simulations):
    """A simulation."""
    return simulations()


@pytest.fixture
def host(sim):
    """A machine of it."""
    return sim.host("a")
