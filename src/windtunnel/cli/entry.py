"""From a command line to an exit code.

Nothing heavy is imported here: `--help` and `--version` answer within the time of a bare interpreter, and a command loads only
what it needs itself.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence

from windtunnel import __version__
from windtunnel.base.errors import UsageError, WindtunnelError, unknown

UNKNOWN, USAGE, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141

TUNNEL = {
    "run": "run a system under faults and judge what its clients saw",
    "replay": "run a stored run again and compare",
    "fork": "run a branch: the same up to a moment, then other faults",
    "shrink": "find the smallest fault plan that still breaks the promise",
    "sweep": "run many seeds, on all cores",
    "explore": "search every schedule of a small cluster",
    "check": "judge a recorded history",
    "generate": "make a history whose verdicts are known",
    "list": "list systems, faults, models, formats",
    "show": "show a system: promise, properties, safeguards",
    "doctor": "say what this machine has and lacks",
    "export": "write a stored run for another tool",
}
SCHOOL: dict[str, str] = {
    "path": "learning paths: choose, start, see where you are",
    "next": "what to do next on your path",
    "lesson": "read and do lessons: predict, run, compare",
    "lab": "labs: start one, check your work under faults, take a hint",
    "calc": "compute queues, availability, latency, cost; check against simulation",
    "decide": "decide with a framework, with reasons that you can run",
    "progress": "what you have shown: levels, evidence, export, calendar",
    "certificate": "issue a certificate from your evidence",
    "verify": "check a certificate, offline",
    "studio": "the tunnel and the school in a browser, on this machine",
}
COMMANDS = {**TUNNEL, **SCHOOL}


def _listed(commands: dict[str, str]) -> str:
    return "\n".join(f"  {name:<11} {what}" for name, what in commands.items())


HELP = f"""usage: windtunnel COMMAND [ARGUMENTS]

A wind tunnel for distributed systems: run a protocol under faults, get a verdict with evidence, replay it from its seed.

the tunnel:
{_listed(TUNNEL)}

the school:
{_listed(SCHOOL)}

  windtunnel COMMAND --help   the arguments of a command, with examples
  windtunnel --version

exit codes: 0 valid, 1 invalid, 2 unknown, 3 wrong usage

example:
  windtunnel run raft --faults partition,crash --seed 7
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Wrong usage is one line on stderr, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # a polite end is an end like Ctrl-C: children, sockets and temporary folders go with us
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). Python would complain again at exit: give it nowhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("windtunnel: interrupted\n")
        return INTERRUPTED
    except UsageError as error:
        sys.stderr.write(f"windtunnel: {_one_line(error)}\n")
        return USAGE
    except WindtunnelError as error:
        sys.stderr.write(f"windtunnel: {error}\n")
        return USAGE
    except AssertionError as error:
        from windtunnel.scenarios.run import Diverged  # noqa: PLC0415 - loaded already if it is one

        if not isinstance(error, Diverged):
            raise  # a bug of ours: its traceback is the report
        sys.stderr.write(f"windtunnel: not deterministic: {_one_line(error)}\n")
        return UNKNOWN
    return code


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(HELP)
        return 0
    if words[0] in ("-V", "--version", "version"):
        sys.stdout.write(f"windtunnel {__version__}\n")
        return 0
    name = words[0]
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    from windtunnel.cli.flags import Parser  # noqa: PLC0415 - argparse is not needed for the answers above

    command = importlib.import_module(f"windtunnel.cli.{name}")
    parser = Parser(name, command.__doc__ or "", command.EXAMPLES)
    command.configure(parser)
    return int(command.execute(parser.parse_args(words[1:])))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
