import importlib
import importlib.util

import pytest

COMPILED = "windtunnel.sim._kernel"
MODULES = ["windtunnel.sim.pure"] + ([COMPILED] if importlib.util.find_spec(COMPILED) else [])


@pytest.fixture(params=MODULES, ids=lambda name: name.rsplit(".", 1)[-1])
def kernels(request):
    """The module of each kernel that exists here; both must pass every test."""
    return importlib.import_module(request.param)
