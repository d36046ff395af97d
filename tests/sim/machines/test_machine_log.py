import asyncio
import logging
import sys


def test_the_log_interleaves_hosts_by_virtual_time(simulate, caplog):
    """Records of any logger, whether or not it propagates, events of the world and of the network, in one order."""
    quiet = logging.getLogger("quiet")
    quiet.propagate = False

    async def scenario(world):
        async def main():
            logging.getLogger("app").warning("started %s", "well")
            await asyncio.sleep(1.0)
            quiet.error("bad")
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(2.0)
        logging.getLogger("test").warning("here")
        world.crash("db")

    _, world = simulate(scenario)
    assert [tuple(row) for row in world.log if row.source not in ("network", "stderr")] == [
        (0.0, "db", "world", "start"),
        (0.0, "db", "WARNING", "app: started well"),
        (1.0, "db", "ERROR", "quiet: bad"),
        (2.0, "test", "WARNING", "test: here"),
        (2.0, "db", "world", "crash: power cut"),
    ]
    assert str(world.log).splitlines()[1] == "    0.000000  db           WARNING  app: started well"
    rows = [record for record in caplog.records if record.name != "quiet"]
    records = [(record.host, record.virtual_s, record.created, record.relativeCreated) for record in rows]
    assert records == [("db", 0.0, 1767225600.0, 0.0), ("test", 2.0, 1767225602.0, 2000.0)]


def test_records_outside_of_hosts_are_not_rows(simulate, caplog):
    """What the test process logs itself is its own."""
    simulate(_nothing)
    logging.getLogger("mine").warning("afterwards")
    assert not hasattr(caplog.records[-1], "virtual_s")


async def _nothing(_):
    """A scenario without events."""


def test_a_bad_format_is_kept_as_it_is(simulate):
    """A record whose arguments do not fit is a row all the same."""

    async def scenario(_):
        logger = logging.getLogger("app")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        logger.warning("%d files", "many")

    _, world = simulate(scenario)
    assert [row.text for row in world.log] == ["app: '%d files' ('many',)"]
    logging.getLogger("app").propagate = True


def test_old_rows_go(simulate):
    """The last rows are kept, the others are counted."""
    from windtunnel.sim.machines.log import Log

    log = Log(lambda: 1.0, rows_max=2)
    for i in range(5):
        log.add("a", "world", str(i))
    assert ([row.text for row in log], log.dropped, len(log)) == (["3", "4"], 3, 2)
    assert str(log).startswith("(3 earlier rows are gone)")
    assert log.rows("b") == []


def test_the_former_factory_of_records_is_back(simulate):
    """A run leaves the logging module as it was."""
    before = logging.getLogRecordFactory()
    simulate(_nothing)
    assert logging.getLogRecordFactory() is before


def test_what_hosts_print_is_in_the_log(simulate, capsys):
    """By lines, and it is printed all the same; the streams are as before afterwards."""

    async def scenario(world):
        async def main():
            sys.stdout.write("half ")
            sys.stdout.write("a line\n")
            sys.stderr.writelines(["one\n", "two\n"])

        world.host("db", main)
        await asyncio.sleep(1.0)
        assert sys.stdout.isatty() is False

    before = sys.stdout, sys.stderr
    _, world = simulate(scenario)
    assert (sys.stdout, sys.stderr) == before
    rows = [(row.host, row.source, row.text) for row in world.log if row.source.startswith("std")]
    assert rows == [("db", "stdout", "half a line"), ("db", "stderr", "one"), ("db", "stderr", "two")]
    assert capsys.readouterr() == ("half a line\n", "one\ntwo\n")


def test_the_end_of_a_run_is_no_row_of_the_log(simulate):
    """When everything is switched off at the end, what connections make of it is not logged."""

    async def scenario(world):
        async def serve():
            server = await asyncio.start_server(lambda reader, writer: None, port=80)
            await server.serve_forever()

        world.host("db", serve)
        async with world.client("shopper"):
            await asyncio.sleep(0.01)
            _, writer = await asyncio.open_connection("db", 80)
            writer.close()
            await writer.wait_closed()

    _, world = simulate(scenario)
    assert not [row for row in world.log if "parked" in str(row) or "reset" in str(row)]
