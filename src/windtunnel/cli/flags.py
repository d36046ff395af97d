"""The flags that commands share, and a parser that errs like the rest of us: exit 3, one line, what exists."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.units import seconds

if TYPE_CHECKING:
    from windtunnel.scenarios import Scenario

STORE = "WINDTUNNEL_STORE"
"""Environment variable: where runs are stored, unless --store says otherwise; the default is `store`."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of exiting, and suggests near flags.

    free_flags: flags that are not declared are collected, `--name value` or `--name=value`, in the dict `free` of the namespace:
    a command whose flags depend on its first argument judges them itself.
    """

    free_flags = False

    def __init__(self, command: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"windtunnel {command}",
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with argparse's message, what a missing word may be, and the way to more."""
        missing = [
            action
            for action in self._actions
            if action.required and message.endswith(f"required: {action.metavar or action.dest}")
        ]
        message += "".join(f" ({action.help})" for action in missing if action.help)
        raise UsageError(f"{message}; see {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like argparse, but an unknown flag is answered with the nearest one."""
        free: dict[str, str] = {}
        if self.free_flags:
            args, free = self._split(args)
        values, extra = self.parse_known_args(args, namespace)
        if self.free_flags:
            values.free = free
        for word in extra:
            if word.startswith("-"):
                flag = word.split("=", 1)[0]
                raise unknown(f"flag of {self.prog}", flag, sorted(o for o in self._option_string_actions if o.startswith("--")))
            raise UsageError(f"unexpected argument {word!r}; see {self.prog} --help")
        return values

    def _split(self, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """The declared words, and the values of the free flags."""
        declared: list[str] = []
        free: dict[str, str] = {}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            flag, equals, value = word.partition("=")
            if not flag.startswith("--") or flag == "--" or flag in self._option_string_actions:
                declared.append(word)
                continue
            if not equals:
                if not rest:
                    raise UsageError(f"{flag} needs a value: {flag} VALUE; see {self.prog} --help")
                value = rest.pop(0)
            free[flag[2:]] = value
        return declared, free


# --- Values ---


def duration(text: str) -> float:
    """Seconds above 0 of `60`, `250ms`, `2m`."""
    try:
        value = seconds(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a duration above 0; got {text!r}")
    return value


def whole(low: int) -> Callable[[str], int]:
    """A whole number of at least `low`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {low}; got {text!r}")
        return value

    return parse


def real(text: str) -> float:
    """A number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0; got {text!r}")
    return value


def latency(text: str) -> tuple[str, float, float]:
    """A distribution and its parameters: `uniform:1ms,10ms`, `constant:5ms`, `lognormal:5ms,0.4`."""
    kind, _, parameters = text.partition(":")
    try:
        first, *more = [part.strip() for part in parameters.split(",")]
        second = more[0] if len(more) == 1 else "0" if not more else "too many"
        return kind, seconds(first), float(second) if kind == "lognormal" else seconds(second)
    except (UsageError, ValueError):
        raise argparse.ArgumentTypeError(f"expected a distribution such as uniform:1ms,10ms; got {text!r}") from None


def names(lists: Sequence[str]) -> tuple[str, ...]:
    """`["a,b", "c"]` as ("a", "b", "c"): a flag may be repeated or hold a list."""
    return tuple(name.strip() for text in lists for name in text.split(",") if name.strip())


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """`["k=v"]` as a dict. Raises UsageError for anything else."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"expected --option NAME=VALUE; got {text!r}")
        found[name.strip().replace("-", "_")] = value
    return found


# --- Groups of flags ---


def add_scenario_flags(parser: Parser) -> None:
    """What `run` and `sweep` choose of a scenario, but the seed."""
    parser.add_argument("system", help="name of a system (`windtunnel list` has them), or the file of your own")
    parser.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="length of traffic and faults (default 60)")
    parser.add_argument("--nodes", type=whole(1), metavar="N", help="size of the cluster (default: the system's)")
    parser.add_argument(
        "--faults",
        action="append",
        default=[],
        metavar="KIND,...",
        help="fault profiles; crash:2 is twice as many (default none)",
    )
    parser.add_argument("--plan", metavar="FILE", help="an explicit fault plan (TOML) instead of --faults")
    parser.add_argument("--without", action="append", default=[], metavar="RULE", help="switch a safeguard off; repeatable")
    parser.add_argument("--option", action="append", default=[], metavar="K=V", help="an option of the system; repeatable")
    parser.add_argument("--clients", type=whole(1), metavar="N", help="number of clients (default 5)")
    parser.add_argument(
        "--rate", type=real, metavar="OPS", help="open arrivals, operations per second in all; 0: closed loop (default 0)"
    )
    parser.add_argument("--operations", type=whole(1), metavar="N", help="at most so many operations in all")
    parser.add_argument("--keys", type=whole(1), metavar="N", help="number of keys (default 5)")
    parser.add_argument("--zipf", type=real, metavar="S", help="Zipf exponent of the choice of keys; 0: uniform (default 0)")
    parser.add_argument("--mix", action="append", default=[], metavar="OP=W,...", help="weights of operations: read=5,write=3")
    parser.add_argument(
        "--latency", type=latency, metavar="D:A,B", help="of links: uniform:1ms,10ms; constant:A; exponential:A,B; lognormal:A,S"
    )
    parser.add_argument(
        "--bandwidth", type=real, metavar="B/S", help="of links, bytes per second, with a queue; without it endless"
    )
    parser.add_argument("--in-order", action="store_true", default=None, help="links do not reorder messages")
    parser.add_argument("--service", type=duration, metavar="TIME", help="processor time that a delivery costs (default none)")
    parser.add_argument("--cores", type=whole(1), metavar="N", help="cores of a node, which --service keeps busy (default 1)")
    parser.add_argument("--policy", metavar="P", help="schedule policy of the simulator: fifo, random or pct (default fifo)")
    parser.add_argument("--budget", dest="budget_s", type=duration, metavar="TIME", help="wall time for the checker (default 30)")


def add_store_flags(parser: Parser) -> None:
    """Where to keep what a run leaves."""
    parser.add_argument("--store", metavar="DIR", help=f"where runs are kept (default: ${STORE}, or `store`)")
    parser.add_argument("--no-store", action="store_true", help="keep nothing")


def store_of(args: argparse.Namespace) -> str | None:
    """The root of the store, or None for --no-store. Raises UsageError when both flags are given."""
    if args.no_store:
        if args.store:
            raise UsageError("--store and --no-store exclude each other")
        return None
    return args.store or os.environ.get(STORE) or "store"


def scenario_of(args: argparse.Namespace, seed: int, **more: Any) -> Scenario:
    """The scenario that the flags describe. Raises UsageError for what does not exist, before anything is run."""
    from windtunnel.scenarios import Scenario  # noqa: PLC0415 - heavy, and not needed by --help
    from windtunnel.traffic import read_mix  # noqa: PLC0415

    chosen: dict[str, Any] = {
        "for_s": args.for_s,
        "size": args.nodes,
        "clients": args.clients,
        "rate_per_s": args.rate,
        "operations_max": args.operations,
        "keys": args.keys,
        "zipf": args.zipf,
        "mix": read_mix(",".join(args.mix)) if args.mix else None,
        "latency": args.latency,
        "bandwidth_bytes_per_s": args.bandwidth,
        "in_order": args.in_order,
        "service_s": args.service,
        "cores": args.cores,
        "policy": args.policy,
        "budget_s": args.budget_s,
        "faults": names(args.faults) or None,
        "without": names(args.without) or None,
        "options": pairs(args.option) or None,
        "plan": _plan_rows(args.plan) if args.plan else None,
        **more,
    }
    if args.plan and args.faults:
        raise UsageError("--plan and --faults exclude each other: a plan is drawn or given")
    scenario = Scenario(system=args.system, seed=seed, **{name: value for name, value in chosen.items() if value is not None})
    _check_names(scenario)
    return scenario


def _plan_rows(file: str) -> tuple[dict[str, Any], ...]:
    from windtunnel.faults import Plan  # noqa: PLC0415

    try:
        with open(file, encoding="utf-8") as text:  # noqa: PTH123 - a name from the command line, used once
            return tuple(Plan.from_toml(text.read(), file).to_rows())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the plan {file}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def _check_names(scenario: Scenario) -> None:
    """Everything that can be wrong by name is said before a run is announced."""
    from windtunnel.faults import Plan, intensities  # noqa: PLC0415
    from windtunnel.scenarios.chosen import options_of  # noqa: PLC0415
    from windtunnel.systems import find  # noqa: PLC0415
    from windtunnel.traffic import workload  # noqa: PLC0415

    system = find(scenario.system)
    system.safeguards_without(scenario.without)
    options_of(system, scenario.options)
    intensities(scenario.faults, system.faults)
    if scenario.script is not None and scenario.script not in system.scenarios:
        raise unknown(f"scenario of {system.name}", scenario.script, system.scenarios)
    if scenario.plan is not None:
        Plan.from_rows(scenario.plan).check(system.nodes(scenario.size or system.size))
    workload(system.interface, keys=scenario.keys, zipf=scenario.zipf, mix=scenario.mix)


def drawn_seed() -> int:
    """A seed from the machine's entropy: 32 bits, which a person can copy."""
    return int.from_bytes(os.urandom(4), "big")
