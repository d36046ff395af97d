"""Fixtures: two machines on a network, on each kernel."""

import importlib

import pytest
from two_machines import MODULES, Machines, Recorder


@pytest.fixture(params=MODULES, ids=lambda name: name.rsplit(".", 1)[-1])
def net(request):
    """Two hosts, a and b, on each kernel."""
    made = Machines(importlib.import_module(request.param))
    yield made
    for machine in made.hosts.values():
        if machine.up:
            machine.crash()
    made.loop.close()


@pytest.fixture
def recorder():
    """The class of a protocol that notes all."""
    return Recorder
