"""A directed scenario: the script of a figure, played on a stage."""

from __future__ import annotations

import hashlib
import json
import traceback

from windtunnel.base.errors import unknown
from windtunnel.base.system import System, options_needed
from windtunnel.scenarios.chosen import options_of
from windtunnel.scenarios.observed import RAISED, RAISED_STATEMENT, Breach, Observed
from windtunnel.scenarios.spec import Scenario
from windtunnel.sim.stage import HandStage, StageViolation


def observe(scenario: Scenario, system: System) -> Observed:
    """Play the script to its end or to the first broken property; times are steps."""
    script = system.scenarios.get(scenario.script or "")
    if script is None:
        raise unknown(f"scenario of {system.name}", scenario.script or "", system.scenarios)
    stage = HandStage(
        system,
        size=scenario.size,
        safeguards=system.safeguards_without(scenario.without),
        options=options_of(system, {**options_needed(script), **scenario.options}),
    )
    breach = None
    try:
        script(stage)
    except StageViolation as stopped:
        found = stopped.violation
        prop = found.prop
        breach = Breach(prop.name, prop.statement, found.evidence, found.at_s, found.event, found.node)
    except Exception as error:
        if not scenario.without and isinstance(error, AssertionError):
            raise
        breach = Breach(
            prop=RAISED,
            statement=RAISED_STATEMENT,
            evidence=f"{type(error).__name__}: {error}",
            at_s=float(stage.steps),
            text=traceback.format_exc().strip().splitlines(),
        )
    rows = stage.trace
    digest = hashlib.blake2b(json.dumps(rows, default=str).encode(), digest_size=8).hexdigest()
    return Observed(
        world="stage",
        kernel="stage",
        nodes=tuple(system.nodes(scenario.size or system.size)),
        clients=tuple(dict.fromkeys(str(op.process) for op in stage.history.operations)),
        history=stage.history,
        breach=breach,
        seen=stage.seen,
        fingerprint=digest,
        events=stage.steps,
        messages=sum(1 for row in rows if row["kind"] == "deliver"),
        sim_s=float(stage.steps),
        trace=rows,
    )
