"""The examples of docs/how-to/batteries.md do what the page says."""

import re
from pathlib import Path

from windtunnel.batteries.objects import ObjectStore
from windtunnel.sim import World

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "batteries.md"


def names(title):
    """What the code block with that title defines."""
    match = re.search(rf'```python title="{re.escape(title)}"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    space = {}
    exec(match[1], space)
    return space


def test_an_acknowledged_order_is_lost_under_everysec_only():
    """The minimum is below ten with Redis' default, and ten with `always`."""
    survivors = names("orders.py")["survivors"]
    assert survivors("everysec")[0] < 10
    assert survivors("always") == (10, 10)


def test_failover_loses_what_lags():
    """Without lag the new primary has the write, with lag it has not."""
    failover = names("failover.py")["failover"]
    found = []
    for lag_ms in (0, 500):
        world = World(1)
        found.append(world.run(failover, world, lag_ms))
    assert found == [b"yes", None]


def test_boto3_is_connected_as_shown(run_really, tmp_path):
    """The client of the page puts and gets."""
    from windtunnel.batteries.http import HttpServer

    async def start():
        server = HttpServer(ObjectStore(tmp_path))
        await server.start("127.0.0.1", 0)
        return server

    client = names("with boto3, against the real process")["connected"](run_really(start).server.port)
    client.create_bucket(Bucket="stuff")
    client.put_object(Bucket="stuff", Key="k", Body=b"hello")
    assert client.get_object(Bucket="stuff", Key="k")["Body"].read() == b"hello"
    client.close()
