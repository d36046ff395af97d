import live_toys
import pytest

from windtunnel.base.errors import UsageError
from windtunnel.live.config import load_system


def test_a_loader_finds_a_system_by_name():
    """The function named by "module:function" is called with the system's name."""
    assert load_system("live_toys:find", "toy") is live_toys.TOY


@pytest.mark.parametrize("loader", ["no_such_module:find", "live_toys:lose", "live_toys", ":find", ""])
def test_a_wrong_loader_is_said(loader):
    """Whatever is wrong with it, the error shows what a loader looks like."""
    with pytest.raises(UsageError, match=r"expected a loader like 'package\.module:function'; got"):
        load_system(loader, "toy")
