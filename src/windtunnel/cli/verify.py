"""Check a certificate, offline: the signature, the form, the dates; and say what that proves and what it does not.

If the evidence of this machine holds the very records that the certificate counts, that is said too. Needs the extra:
pip install 'windtunnel[badges]'.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser
from windtunnel.cli.output import say, say_json

EXAMPLES = """\
  windtunnel verify badge.jwt
  windtunnel verify badge.jwt --json"""

JSON = (
    "`valid`, `why` (when it is not), `title`, `issuer` (did:key), `issued`, `name`, `evidence_hash`, `records`, `held` "
    "(whether the log here has these records), `proves`, `proves_not`, `credential`."
)


def configure(parser: Parser) -> None:
    """The flags of `verify`."""
    parser.add_argument("file", help="a badge: what `windtunnel certificate` writes, or any Open Badge 3.0 by a did:key issuer")


def execute(args: argparse.Namespace) -> int:
    """Check it: exit code 0 valid, 1 invalid."""
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help
    from windtunnel.learn import badges  # noqa: PLC0415

    try:
        with Path(args.file).open("rb") as file:
            data = file.read(badges.BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"cannot read {args.file}: {error.strerror}") from None
    found = badges.verify(data, dt.datetime.now(dt.UTC))
    held = found.valid and badges.held(found, learn.Journal().read())
    if args.json:
        say_json(found.to_json() | {"file": args.file, "held": held})
        return 0 if found.valid else 1
    if not found.valid:
        say(f"✗ INVALID  {args.file}: {found.why}")
        return 1
    say(f"✓ VALID  {found.title}")
    say(f"  issued {found.issued}" + (f" for {found.name!r} (their own statement)" if found.name else ""))
    say(f"  key {found.issuer}")
    say(f"  evidence {found.evidence_hash}: {found.records} records" + ("; the log on this machine has them" if held else ""))
    say("  this proves:")
    for line in badges.PROVES:
        say(f"    - {line}")
    say("  it does not prove:")
    for line in badges.PROVES_NOT:
        say(f"    - {line}")
    return 0
