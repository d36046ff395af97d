"""Floor 2: checkers, history in, verdict out, with the evidence.

Reading order: `verdict`, `models` (what can be checked), `specification` (how to say what an object does), `keyvalue` (an
example), `search` (the algorithm), `witness` and `blocks` (the short cut to valid), `linearizable` (around them), `shrink` and
`explain` (the evidence), `transactions` (isolation levels).
"""

from windtunnel.checkers.linearizable import linearizable
from windtunnel.checkers.models import MODELS, Model, check
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification
from windtunnel.checkers.transactions.isolation import IsolationVerdict, isolation
from windtunnel.checkers.verdict import Evidence, Verdict

__all__ = [
    "ILLEGAL",
    "MODELS",
    "UNKNOWN",
    "Call",
    "Evidence",
    "IsolationVerdict",
    "Model",
    "Specification",
    "Verdict",
    "check",
    "isolation",
    "linearizable",
]
