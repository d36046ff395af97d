"""What Python code takes from its process without asking: clocks, entropy, identity, signals, threads. Here it is the host's."""

from __future__ import annotations

from windtunnel.sim.ambient.entropy import Entropy
from windtunnel.sim.ambient.process import Environ, Process
from windtunnel.sim.ambient.switch import HOOKS, acting, activate, deactivate, install, installed, outside, uninstall

__all__ = [
    "HOOKS",
    "Entropy",
    "Environ",
    "Process",
    "acting",
    "activate",
    "deactivate",
    "install",
    "installed",
    "outside",
    "uninstall",
]
