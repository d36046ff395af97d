"""Where things are on this machine. Decided once, at the command line; nothing that a page sends is ever part of a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from windtunnel.learn.home import home_of


@dataclass(frozen=True, slots=True)
class Places:
    """store: where runs are kept. home: the learner's data. labs: the folder in which labs are started, `<labs>/<lab-id>/`."""

    store: Path
    home: Path
    labs: Path


def places(store: str, labs: str | None) -> Places:
    """Absolute places for a studio; labs without a folder of their own go under the learner's data."""
    home = home_of().absolute()
    return Places(store=Path(store).absolute(), home=home, labs=Path(labs).absolute() if labs else home / "labs")
