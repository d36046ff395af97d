"""The example of the page about the asyncio tier is run, and its signatures are those of the code."""

import inspect
import re
from pathlib import Path

from windtunnel.sim import World

DOCS = Path(__file__).parents[2] / "docs"


def test_the_shop_of_the_page_runs(capsys):
    """The program prints the answer, the end of the connection, and the log of both hosts."""
    page = (DOCS / "explanation" / "asyncio-tier.md").read_text(encoding="utf-8")
    match = re.search(r'```python title="shop.py"\n(.*?)```', page, re.DOTALL)
    exec(compile(match[1], "shop.py", "exec"), {"__name__": "shop"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["b'stored order 7\\n'", "b''"]
    assert any("db" in line and "killed by SIGKILL" in line for line in lines)


def test_the_contract_has_every_argument():
    """Of World and of World.host: none is forgotten, none is invented."""
    page = (DOCS / "reference" / "asyncio-contract.md").read_text(encoding="utf-8")
    for name, function, apart in (("World", World.__init__, {"self", "depth"}), ("world.host", World.host, {"self", "name"})):
        shown = max(re.findall(rf"`{re.escape(name)}\((.*?)\)`", page.replace("\n", " ")), key=len)
        assert set(re.findall(r"(\w+)=", shown)) == set(inspect.signature(function).parameters) - apart, name
