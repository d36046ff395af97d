"""`python -m windtunnel` is `windtunnel`."""

import sys

from windtunnel.cli import main

sys.exit(main())
