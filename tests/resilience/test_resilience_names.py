"""The public surface, and that importing it loads nothing."""

import subprocess
import sys

from windtunnel import resilience


def test_every_public_name_is_there_and_documented():
    """Each name loads, and says what it is."""
    for name in resilience.__all__:
        if name != "HEADER":
            assert getattr(resilience, name).__doc__, name


def test_all_is_exactly_what_loads():
    """Every name that can be loaded is in `__all__`, and the other way round."""
    assert set(resilience._HOMES) == set(resilience.__all__)
    assert len(resilience.__all__) == len(set(resilience.__all__))


def test_importing_the_package_and_its_cores_loads_no_asyncio():
    """Simulated systems, calculators and search use the cores without paying for what they do not use."""
    program = (
        "import sys; from windtunnel.resilience import Breaker, Gcra, RetryBudget, CoDel, Aimd, Exponential, Tally, BadSetting;"
        "sys.exit('asyncio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == 0


def test_unknown_names_are_attribute_errors():
    """A misspelt name fails as in any module."""
    assert not hasattr(resilience, "CircuitBraker")
    assert "CircuitBreaker" in dir(resilience)
