"""Issue a certificate from the evidence, if it is earned: an Open Badges 3.0 file, signed with your own key.

It proves that nobody changed it since you signed it, and the hash of the evidence behind it. It does not prove who you are.
`windtunnel verify FILE` says the same to whoever gets it. Needs the extra: pip install 'windtunnel[badges]'.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser
from windtunnel.cli.output import say, say_json, table

EXAMPLES = """\
  windtunnel certificate
  windtunnel certificate foundation --output badge.jwt
  windtunnel certificate foundation --name "Ada Lovelace" --output badge.jwt"""

JSON = (
    "`certificate`, `earned`, `parts` (`label`, `have`, `need`, `missing`), and when it was written `file`, `evidence_hash`, "
    "`issuer`. Without a name: `certificates`."
)


def configure(parser: Parser) -> None:
    """The flags of `certificate`."""
    parser.add_argument("certificate", nargs="?", help="foundation, practitioner, ...; without it: all, and what they lack")
    parser.add_argument("--output", "-o", metavar="FILE", help="where to write the badge (default: NAME.jwt)")
    parser.add_argument("--name", default="", metavar="NAME", help="a name to put in; it is your own statement")


def execute(args: argparse.Namespace) -> int:
    """List, or issue. A certificate that is not earned exits with 1 and says what is missing."""
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help
    from windtunnel.learn import badges, rules  # noqa: PLC0415

    progress = learn.Journal().read()
    if args.certificate is None:
        return _list(args, rules.overview(progress)["certificates"])
    judgement = rules.certificate(args.certificate, progress)
    found = {"certificate": args.certificate, "earned": judgement.holds, "parts": [p.to_json() for p in judgement.parts]}
    if not judgement.holds:
        if args.json:
            say_json(found)
        else:
            say(f"not earned yet: {judgement.rule.title}")
            for part in judgement.parts:
                say(f"  {part.label}: {part.have} of {part.need}" + ("" if part.need else " (there is no such path yet)"))
                for item in part.missing[:5]:
                    say(f"    missing: {item}")
                if len(part.missing) > 5:
                    say(f"    and {len(part.missing) - 5} more")
            for path in (need.path for need in judgement.rule.requires if need.path in learn.paths()):
                say(f"  in their order: windtunnel path show {path}")
        return 1
    token = badges.issue(judgement, progress, learn.home_of(), at=dt.datetime.now(dt.UTC), name=args.name)
    file = args.output or f"{args.certificate}.jwt"
    try:
        Path(file).write_text(token + "\n", encoding="ascii")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    checked = badges.verify(token, dt.datetime.now(dt.UTC))
    assert checked.valid, checked.why
    if args.json:
        say_json(found | {"file": file, "evidence_hash": checked.evidence_hash, "issuer": checked.issuer})
    else:
        say(f"✓ {checked.title}: {file}")
        say(f"  {checked.records} records, hash {checked.evidence_hash[:16]}...; signed by {checked.issuer}")
        say(f"  windtunnel verify {file}")
    return 0


def _list(args: argparse.Namespace, rows: list[dict[str, object]]) -> int:
    if args.json:
        say_json({"certificates": rows})
        return 0
    shown = []
    for row in rows:
        parts = row["parts"]
        assert isinstance(parts, list)
        lacking = "; ".join(
            f"{p['label']}: {p['have']} of {p['need']}" + ("" if p["need"] else " (none yet)") for p in parts if not p["holds"]
        )
        shown.append((str(row["id"]), "earned" if row["holds"] else "", lacking))
    table(("certificate", "", "lacks"), shown)
    return 0
