"""Traffic: who asks, when, for what. Written once, runs in the simulator and against real processes.

`Client` is a core like any node; `Closed` and `Open` say when its operations start; `workload(interface)` says what they are.
"""

from windtunnel.traffic.arrivals import Arrivals, Closed, Open
from windtunnel.traffic.client import REDIRECT_PAUSE_S, RETRY_S, TIMEOUT_S, Client
from windtunnel.traffic.workloads import INTERFACES, Workload, read_mix, workload

__all__ = [
    "INTERFACES",
    "REDIRECT_PAUSE_S",
    "RETRY_S",
    "TIMEOUT_S",
    "Arrivals",
    "Client",
    "Closed",
    "Open",
    "Workload",
    "read_mix",
    "workload",
]
