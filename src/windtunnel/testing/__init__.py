"""Floor 4: tests of asyncio code in the simulator, many seeds each: by pytest, or by a call of `check`.

Reading order: `settings` (what can be chosen), `single` (one seed), `forks` (a child for each), `campaign` (all of them),
`shrinking` and `divergence` (looking closer), `telling` and `page` (what is shown), `environment` and `layout` (what must be
fixed for a seed to mean the same tomorrow), `plugin` and `items` (pytest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windtunnel.testing.campaign import Campaign, CampaignFailed, Failure, check
    from windtunnel.testing.settings import Settings

__all__ = ["Campaign", "CampaignFailed", "Failure", "Settings", "check"]

_WHERE = {
    "Campaign": "campaign",
    "CampaignFailed": "campaign",
    "Failure": "campaign",
    "Settings": "settings",
    "check": "campaign",
}


def __getattr__(name: str) -> Any:
    """The public names load when they are used: pytest imports this package in sessions that have no test of ours."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
