"""Open the studio: the tunnel and the school in a browser, on this machine only, without a network.

It prints an address with a token, opens it in the browser, and serves until Ctrl-C. Runs that it started end with it. It
needs the extra `studio` (starlette and uvicorn).
"""

from __future__ import annotations

import argparse
import importlib.util
import sys

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, add_store_flags, store_of, whole
from windtunnel.cli.output import note, say, say_json

EXAMPLES = """\
  windtunnel studio
  windtunnel studio --port 8900 --no-browser
  windtunnel studio --labs ~/labs --store ~/runs"""

JSON = "one object when the studio answers: `url` (with the token), `port`, `store`, `labs`; nothing more until it ends."


def configure(parser: Parser) -> None:
    """The flags of `studio`."""
    parser.add_argument("--port", type=whole(0), default=0, metavar="N", help="port of 127.0.0.1 (default 0: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.add_argument("--labs", metavar="DIR", help="folder in which labs are started (default: `labs` in the learner's data)")
    add_store_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    absent = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if absent:
        raise UsageError(f"the studio needs {' and '.join(absent)}: pip install 'windtunnel[studio]'")
    store = store_of(args)
    if store is None:
        raise UsageError("the studio keeps the runs that it shows: --store DIR says where, --no-store is not for it")
    if args.port > 65535:
        raise UsageError(f"a port is a number up to 65535; got {args.port}")
    # Faces do not import each other: the studio is started as a program would be, by the name of its module.
    places = importlib.import_module("windtunnel.studio.places").places(store, args.labs)

    def ready(url: str) -> None:
        if args.json:
            port = int(url.partition("//")[2].partition("/")[0].rpartition(":")[2])
            say_json({"url": url, "port": port, "store": str(places.store), "labs": str(places.labs)})
            sys.stdout.flush()
        else:
            say(f"windtunnel studio: {url}")
            sys.stdout.flush()
            note(f"  runs are kept in {places.store}, labs in {places.labs}; Ctrl-C ends it")
        if not args.no_browser and not args.json:
            import threading  # noqa: PLC0415 - only for who wants a browser
            import webbrowser  # noqa: PLC0415

            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()  # it may take its time: we answer already

    importlib.import_module("windtunnel.studio.server").serve(places, args.port, ready)
    return 0
