"""Files of simulated hosts: `open`, `os`, `pathlib`, `tempfile`, `shutil` on a disk that loses what was not synced."""

from windtunnel.sim.files.hooks import installed
from windtunnel.sim.files.opened import current_files
from windtunnel.sim.files.tree import FileSystem, Lost

__all__ = ["FileSystem", "Lost", "current_files", "installed"]
