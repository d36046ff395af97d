"""Floor 3: where a system, a world, a workload, faults, a checker and a seed meet.

`spec` says what can be chosen, `run` runs and judges it (`simulated`, `staged`, `live` observe, `judge` decides), `store` keeps
it, `sweep` runs many seeds, `shrink` finds the smallest plan that still fails, `fork` makes a branch of a run.
"""

from windtunnel.scenarios.fork import fork
from windtunnel.scenarios.run import Run, run
from windtunnel.scenarios.spec import Scenario

__all__ = ["Run", "Scenario", "fork", "run"]
