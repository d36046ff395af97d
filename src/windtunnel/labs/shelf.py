"""The labs that there are: folders of the catalogue, and one for every safeguard of every system."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from windtunnel.base.errors import unknown
from windtunnel.labs.lab import LAB_FILE, Lab, read_lab

PLACE = Path(str(files("windtunnel.labs"))) / "catalogue"


def catalogue() -> list[Lab]:
    """Every lab with a folder, easiest first. Raises UsageError for one that is not complete."""
    labs = [_read(folder.name) for folder in sorted(PLACE.iterdir()) if (folder / LAB_FILE).is_file()]
    return sorted(labs, key=lambda lab: (lab.difficulty, lab.hours, lab.id))


def find(name: str) -> Lab:
    """The lab `name`; "raft/vote_is_durable" is the safeguard of that name of a system; a path is a folder of somebody's own.

    Raises UsageError with the nearest name.
    """
    if (Path(name) / LAB_FILE).is_file():
        return read_lab(Path(name).resolve())
    if "/" in name:
        from windtunnel.labs.safeguards import safeguard_lab  # noqa: PLC0415 - systems load when they are asked for

        return safeguard_lab(name)
    if (PLACE / name / LAB_FILE).is_file():
        return _read(name)
    raise unknown("lab", name, sorted(folder.name for folder in PLACE.iterdir() if (folder / LAB_FILE).is_file()))


def address(lab: Lab) -> str:
    """What `find` finds the lab by: its id, or the path of its folder if that is not in the catalogue."""
    return lab.id if lab.folder is None or lab.folder.parent == PLACE else str(lab.folder)


@lru_cache
def _read(name: str) -> Lab:
    return read_lab(PLACE / name)
