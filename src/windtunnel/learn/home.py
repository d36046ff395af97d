"""Where a learner's data lives: one folder, plain files, nothing elsewhere.

progress.jsonl   evidence, append-only and hash-chained (learn.progress)
notes.jsonl      the learner's own notes
settings.toml    the chosen path, hours per week, an id drawn once for exports
key.ed25519      the key that signs certificates; readable by its owner only
lessons/<id>/    where the commands of a lesson are run, and what they leave
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.toml import toml_text

HOME = "WINDTUNNEL_HOME"
"""Environment variable that names the folder."""


def home_of(home: Path | str | None = None) -> Path:
    """The folder: `home`, else $WINDTUNNEL_HOME, else $XDG_DATA_HOME/windtunnel, else ~/.local/share/windtunnel."""
    if home is not None:
        return Path(home)
    if chosen := os.environ.get(HOME):
        return Path(chosen)
    if data := os.environ.get("XDG_DATA_HOME"):
        return Path(data) / "windtunnel"
    return Path.home() / ".local" / "share" / "windtunnel"


def made(home: Path) -> Path:
    """The folder, made if it is missing, for its owner only. Raises UsageError when it cannot be."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {home}: {error.strerror}; set {HOME} to one that you can write") from None
    return home


def settings(home: Path | str | None = None) -> dict[str, Any]:
    """What settings.toml says; {} where there is none. Raises UsageError for a file that is not TOML."""
    file = home_of(home) / "settings.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}; mend it or delete it (it holds choices, no evidence)") from None


def set_settings(changes: Mapping[str, Any], home: Path | str | None = None) -> dict[str, Any]:
    """Write some settings, leave the others; None removes one. Returns all of them. The file is replaced, never half written."""
    folder = made(home_of(home))
    values = {name: value for name, value in (settings(folder) | dict(changes)).items() if value is not None}
    draft = folder / f".settings.{os.getpid()}"
    try:
        draft.write_text(toml_text(values), encoding="utf-8")
        draft.replace(folder / "settings.toml")
    except OSError as error:
        raise UsageError(f"cannot write {folder / 'settings.toml'}: {error.strerror}") from None
    return values
