"""Where things are on this machine. Decided once, at the command line; nothing that a page sends is ever part of a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """store: where runs are kept. home: the learner's data. labs: the folder in which labs are started, `<labs>/<lab-id>/`."""

    store: Path
    home: Path
    labs: Path


def home_folder() -> Path:
    """The learner's data: $WINDTUNNEL_HOME, else $XDG_DATA_HOME/windtunnel, else ~/.local/share/windtunnel."""
    own = os.environ.get("WINDTUNNEL_HOME")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "windtunnel"


def places(store: str, labs: str | None) -> Places:
    """Absolute places for a studio; labs without a folder of their own go under the learner's data."""
    home = home_folder().absolute()
    return Places(store=Path(store).absolute(), home=home, labs=Path(labs).absolute() if labs else home / "labs")
