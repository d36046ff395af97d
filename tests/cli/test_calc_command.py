"""`windtunnel calc`."""

import json

import pytest

from windtunnel.cli.entry import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A learner of their own: checks leave evidence."""
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path))
    return tmp_path


def run(capsys, *words):
    """(exit code, stdout, stderr)."""
    code = main(["calc", *words])
    return code, *capsys.readouterr()


def test_a_result_has_its_inputs_and_units(capsys):
    """Inputs as they were read, outputs with units and meaning."""
    code, out, _err = run(capsys, "mmc", "--arrivals", "80/s", "--service=12/s", "--servers", "8")
    assert code == 0
    assert out.startswith("M/M/c queue (Erlang C): arrivals 80/s, service 12/s, servers 8\n")
    assert "wait          33.29 ms  mean wait in queue, Wq" in out


def test_json(capsys):
    """One object with everything that was asked for."""
    code, out, _err = run(capsys, "mm1", "--arrivals", "40", "--sensitivity", "wait", "--json")
    row = json.loads(out)
    assert code == 0
    assert row["values"]["arrivals"] == 40
    assert {output["name"] for output in row["outputs"]} >= {"wait", "response-p99"}
    assert row["sensitivity"]["bars"][0]["name"] == "service"
    assert row["charts"]
    assert "check" not in row


def test_a_check_that_agrees_is_evidence(capsys):
    """Verdict and exit code; an item `calc:erlang-b` in the journal, with seed and version."""
    from windtunnel.learn.progress import Journal

    words = ["erlang-b", "--arrivals", "40/s", "--service", "10/s", "--servers", "4", "--check", "--seed", "5"]
    code, out, _err = run(capsys, *words)
    assert code == 0
    assert out.splitlines()[-1] == "valid: all 6 rows agree"
    (evidence,) = Journal().read().evidence
    assert (evidence.item, evidence.kind, evidence.verdict, evidence.seeds) == ("calc:erlang-b", "calc", "valid", (5,))


def test_a_check_that_differs_is_no_evidence(capsys, monkeypatch):
    """Exit code 1, the row that differs, nothing in the journal."""
    from windtunnel.learn.progress import Journal
    from windtunnel.quant import queueing
    from windtunnel.quant.catalogue import erlang_b

    monkeypatch.setattr(erlang_b, "erlang_b", lambda servers, offered: queueing.erlang_b(servers, offered) * 1.2)
    code, out, err = run(capsys, "erlang-b", "--arrivals", "40/s", "--service", "10/s", "--servers", "4", "--check")
    assert code == 1
    assert "DIFFERS" in out
    assert "looking again" in err
    assert not Journal().read().evidence


def test_charts_and_tornado_as_text(capsys):
    """Curves, bars and a tornado are drawn; an input that would be refused says why."""
    code, out, _err = run(capsys, "mm1", "--arrivals", "95/s", "--service", "100/s", "--chart", "--sensitivity")
    assert code == 0
    assert "mean wait over load" in out
    assert "o here" in out
    assert "refused" in out
    assert "unstable" in out
    assert run(capsys, "availability", "--chart")[1].count("#") > 20
    assert run(capsys, "tco", "--chart")[0] == 0


def test_lists_and_explanations(capsys):
    """What there is, and what each one needs."""
    code, out, _err = run(capsys)
    assert code == 0
    assert "staleness" in out
    assert run(capsys, "--list")[1] == out
    assert {row["name"] for row in json.loads(run(capsys, "--list", "--json")[1])["calculators"]} >= {"mmc", "tco"}
    out = run(capsys, "mmc", "--explain")[1]
    assert "Kleinrock" in out
    assert "whole, at least 1, at most 1,000,000" in out
    assert json.loads(run(capsys, "mmc", "--explain", "--json")[1])["formula"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mcm"], "unknown calculator 'mcm'; did you mean mmc?"),
        (["mmc", "--servres", "3"], "unknown input of mmc 'servres'; did you mean servers?"),
        (["mmc", "--arrivals", "80ms"], "arrivals: expected a rate such as 80/s, 5k/s or 3/day; got '80ms', which is a time"),
        (["mmc", "--arrivals", "many"], "got 'many'"),
        (["mmc", "--servers", "2.5"], "servers: expected a whole number"),
        (["mmc", "--arrivals", "96/s"], "unstable"),
        (["mmc", "--arrivals"], "--arrivals needs a value"),
        (["mmc", "--sensitivity", "wai"], "did you mean wait?"),
        (["mmc", "--measure"], "goes with latency-ladder only"),
        (["mmc", "--check", "--seed", "-1"], "expected a whole number of at least 0"),
        (["--arrivals", "80/s"], "which calculator?"),
        (["mmc", "tco"], "unexpected argument 'tco'"),
    ],
)
def test_wrong_usage_is_one_line(words, says, capsys):
    """Exit code 3, one line, what was expected."""
    code, out, err = run(capsys, *words)
    assert code == 3
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
