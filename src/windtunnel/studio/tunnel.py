"""The tunnel's part of the API: systems, faults, and runs that are started, watched, kept and forked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from windtunnel.base.errors import UsageError, unknown
from windtunnel.studio.answers import Body, NotThere, number, text, texts, whole
from windtunnel.studio.jobs import Job

if TYPE_CHECKING:
    from windtunnel.scenarios import Run, Scenario
    from windtunnel.studio.app import Studio

RUNS_SHOWN = 60
CHANGES_MAX = 100
BRANCH_SPEED = 5.0
LEAD_IN_S = 1.0
"""Virtual seconds of the common part that are shown at the branch's pace, so that one sees where it leaves."""

SEPARATOR = "~"
"""Between the system and the directory of a stored run, in the name by which a page knows it."""


# --- What can be chosen ---


def systems(_studio: Studio) -> dict[str, Any]:
    """Every system with what can be chosen of it, and the kinds of faults."""
    from windtunnel import systems as catalogue  # noqa: PLC0415 - the first page does not wait for it
    from windtunnel.faults import COMBINATIONS, PROFILES  # noqa: PLC0415

    kinds = [{"name": p.kind, "what": p.what} for p in PROFILES.values()]
    kinds += [{"name": name, "what": f"every kind at once, at {share:g} times its rate"} for name, share in COMBINATIONS.items()]
    return {"systems": [system_row(catalogue.find(name)) for name in catalogue.names()], "faults": kinds}


def system_row(system: Any) -> dict[str, Any]:
    """A system as JSON values."""
    options = system.options()
    return {
        "name": system.name,
        "family": system.family,
        "title": system.title,
        "source": system.source,
        "interface": system.interface,
        "promise": system.promise,
        "form": system.form,
        "size": system.size,
        "faults": list(system.faults),
        "properties": [
            {"name": prop.name, "kind": prop.kind, "statement": prop.statement}
            for prop in (*system.always, *system.sometimes, *system.eventually)
        ],
        "safeguards": [
            {"name": rule.name, "rule": rule.rule, "source": rule.source, "breaks": list(rule.breaks), "by": rule.by}
            for rule in system.rules()
        ],
        "options": {name: _shown(getattr(options, name)) for name in getattr(system.options, "__dataclass_fields__", {})},
        "scenarios": {name: (script.__doc__ or "").strip().split("\n", 1)[0] for name, script in system.scenarios.items()},
    }


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def scenario_of(body: Body) -> Scenario:
    """The scenario that a page chose. Raises UsageError for what does not exist, before a process is started."""
    from windtunnel.faults import intensities  # noqa: PLC0415 - heavy
    from windtunnel.scenarios import Scenario  # noqa: PLC0415
    from windtunnel.scenarios.chosen import options_of  # noqa: PLC0415
    from windtunnel.traffic import workload  # noqa: PLC0415

    system = known_system(text(body, "system"))
    chosen = body.get("options") or {}
    if not isinstance(chosen, Mapping) or len(chosen) > 50:
        raise UsageError("options: expected names with their values")
    chosen = {str(name)[:100]: str(value)[:200] for name, value in chosen.items()}
    script = text(body, "script", default="") or None
    if script is not None and script not in system.scenarios:
        raise unknown(f"scenario of {system.name}", script, system.scenarios)
    world = text(body, "world", default="sim")
    if world not in ("sim", "live"):
        raise UsageError(f"world: expected sim or live; got {world!r}")
    seed = whole(body, "seed", 0, (1 << 53) - 1)
    scenario = Scenario(
        system=system.name,
        seed=int.from_bytes(os.urandom(4), "big") if seed is None else seed,
        world=world,
        size=whole(body, "nodes", 1, 25),
        for_s=number(body, "for_s", 1, 300, 20.0) or 20.0,
        faults=texts(body, "faults"),
        without=texts(body, "without"),
        options=chosen,
        script=script,
        clients=whole(body, "clients", 1, 50, 5) or 5,
        rate_per_s=number(body, "rate_per_s", 0, 2000, 0.0) or 0.0,
        keys=whole(body, "keys", 1, 1000, 5) or 5,
        policy=text(body, "policy", default="fifo"),
    )
    system.safeguards_without(scenario.without)
    options_of(system, scenario.options)
    intensities(scenario.faults, system.faults)
    workload(system.interface, keys=scenario.keys, zipf=scenario.zipf, mix=scenario.mix)
    return scenario


def known_system(name: str) -> Any:
    """A system of the catalogue: never a file, although the command line takes one. Raises NotThere."""
    from windtunnel import systems as catalogue  # noqa: PLC0415

    if name not in catalogue.names():
        raise NotThere(str(unknown("system", name, catalogue.names())))
    return catalogue.find(name)


# --- Jobs ---


async def start_run(studio: Studio, body: Body) -> dict[str, Any]:
    """Begin a run; the page follows it by its job."""
    scenario = await studio.aside(scenario_of, body)
    return await begin(studio, scenario, number(body, "speed", 0, 1000, 0.0) or 0.0)


async def fork_run(studio: Studio, body: Body, run: str) -> dict[str, Any]:
    """Begin a branch of a stored run: the same run up to a moment, then other faults."""
    scenario, at_s = await studio.aside(_branch, studio, body, run)
    return await begin(studio, scenario, number(body, "speed", 0, 1000, BRANCH_SPEED) or 0.0, fast_until_s=at_s - LEAD_IN_S)


def _branch(studio: Studio, body: Body, run: str) -> tuple[Scenario, float]:
    from windtunnel.scenarios import store  # noqa: PLC0415 - heavy
    from windtunnel.scenarios.fork import fork  # noqa: PLC0415

    place = _place(studio, run)
    scenario, results = store.load(place)
    known_system(scenario.system)  # a run of somebody's own file is not run from here
    at_s, changes = number(body, "at", 0, 1e6), body.get("changes")
    if (
        at_s is None
        or not isinstance(changes, list)
        or len(changes) > CHANGES_MAX
        or not all(isinstance(c, dict) for c in changes)
    ):
        raise UsageError(f"expected the moment `at`, seconds, and `changes`, a list of at most {CHANGES_MAX}")
    parent = {"run": run, "store": str(place), "fingerprint": results.get("fingerprint", "")}
    try:
        return fork(scenario, at_s, changes, parent=parent), at_s
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"changes: a fault is not as a plan has it: {error}") from None


async def begin(studio: Studio, scenario: Scenario, speed: float, fast_until_s: float = 0.0) -> dict[str, Any]:
    """Begin a scenario as a job. fast_until_s: virtual seconds that nobody wants to watch; the pace begins there."""
    order = {
        "scenario": scenario.to_json(),
        "speed": speed,
        "store": str(studio.places.store),
        "fast_until_s": fast_until_s,
    }
    job = await studio.jobs.start("run", f"{scenario.system} seed {scenario.seed}", order)
    return {"job": job.id, "seed": scenario.seed}


def job_of(studio: Studio, job: str) -> Job:
    """The job of that number. Raises NotThere."""
    found = studio.jobs.find(job)
    if found is None:
        raise NotThere("there is no such job; the studio may have been started again since")
    return found


async def jobs(studio: Studio) -> dict[str, Any]:
    """The jobs that go on."""
    return {"jobs": [{"id": job.id, "work": job.work, "what": job.what} for job in studio.jobs.running()]}


async def pace(studio: Studio, body: Body, job: str) -> dict[str, Any]:
    """Change the speed of a run, hold it or let it go on."""
    change: dict[str, Any] = {}
    speed = number(body, "speed", 0, 1000)
    if speed is not None:
        change["speed"] = speed
    if isinstance(body.get("paused"), bool):
        change["paused"] = body["paused"]
    await job_of(studio, job).say(change)
    return change


async def cancel(studio: Studio, body: Body, job: str) -> dict[str, Any]:
    """End a job."""
    del body
    await job_of(studio, job).cancel()
    return {"cancelled": job}


# --- Stored runs ---


def runs(studio: Studio) -> dict[str, Any]:
    """The newest runs of the store."""
    rows = []
    for name in sorted(_stored(studio.places.store), key=_when, reverse=True)[:RUNS_SHOWN]:
        row = _summary(name, studio.places.store)
        if row is not None:
            rows.append(row)
    return {"runs": rows}


def one_run(studio: Studio, run: str) -> dict[str, Any]:
    """A stored run: results, and what the viewer draws."""
    judged = stored_run(studio, run)
    return {
        "id": run,
        "results": judged.results,
        "scenario": judged.scenario.to_json(),
        "view": _view(judged, _place(studio, run)),
    }


def report(studio: Studio, run: str) -> Response:
    """The report of a run, as a file to keep: it carries its own policy, so it is not shown as a page of the studio."""
    file = _place(studio, run) / "report.html"
    if not file.is_file():
        raise NotThere("this run has no report")
    head = {"content-disposition": f'attachment; filename="windtunnel-{run.replace(SEPARATOR, "-")}.html"'}
    return Response(file.read_bytes(), media_type="text/html", headers=head)


def stored_run(studio: Studio, run: str) -> Run:
    """A stored run, whole. Raises NotThere."""
    from windtunnel.scenarios import store  # noqa: PLC0415

    return store.load_run(_place(studio, run))


def _place(studio: Studio, run: str) -> Path:
    """The directory of a run that is in the store: found by comparing names, never by joining what was asked for."""
    for name in _stored(studio.places.store):
        if name == run:
            system, _, directory = name.partition(SEPARATOR)
            return studio.places.store / system / directory
    raise NotThere("there is no such run in the store")


def _stored(root: Path) -> list[str]:
    """The names of all runs of a store."""
    found = []
    try:
        with os.scandir(root) as families:
            folders = [f.name for f in families if f.is_dir(follow_symlinks=False) and not f.name.startswith(".")]
        for folder in folders:
            with os.scandir(root / folder) as entries:
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
            found += [f"{folder}{SEPARATOR}{name}" for name in names]
    except OSError:  # no store yet, or a directory that went away meanwhile
        pass
    return found


def _when(name: str) -> str:
    return name.partition(SEPARATOR)[2]


def _summary(name: str, root: Path) -> dict[str, Any] | None:
    system, _, directory = name.partition(SEPARATOR)
    try:
        results = json.loads((root / system / directory / "results.json").read_text(encoding="utf-8"))
        return {
            "id": name,
            "system": results["system"],
            "verdict": results["verdict"],
            "why": results["why"],
            "seed": results["seed"],
            "faults": len(results["faults"]),
            "ops": results["ops"],
            "when": directory[:15],
            "sim_s": results["sim_s"],
            "replay": results["replay"],
        }
    except (OSError, ValueError, KeyError, TypeError):  # no run, or half of one
        return None


def _view(judged: Run, place: Path) -> dict[str, Any]:
    from windtunnel.reports.embed import data_of, trace_window  # noqa: PLC0415

    window = trace_window(judged.results, judged.history, judged.trace)
    return data_of(judged.results, judged.history, window, store=str(place))
