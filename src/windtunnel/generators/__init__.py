"""Floor 3: histories whose verdicts are known, because of how they were made.

Reading order: `timeline` (who acts when), `databases` (stores of registers, one per level), `objects`, `transactions` (databases,
one per isolation level), `plants` (faults by name), `known` (what follows for every model), `generate`.
"""

from windtunnel.generators.generate import INTERFACES, Generated, generate
from windtunnel.generators.known import Known

__all__ = ["INTERFACES", "Generated", "Known", "generate"]
