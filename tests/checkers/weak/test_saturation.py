"""The compiled saturation of views and its pure twin."""

import pytest

from windtunnel.checkers.weak import pure_saturation, saturation
from windtunnel.checkers.weak.registers import Registers
from windtunnel.generators import generate

np = pytest.importorskip("numpy")


@pytest.mark.parametrize("level", ["linearizable", "causal", "pram", "session", "eventual"])
@pytest.mark.parametrize("causal", [True, False])
def test_the_twins_agree(level, causal):
    """Same edges in the same order, same verdict, for every session of many histories, valid and not."""
    if not saturation.COMPILED:
        pytest.skip("the compiled kernel was not built")
    seen = set()
    for seed in range(12):
        made = generate("kv", level, ("divergence",) * (seed % 2), seed=seed, operations=20 + 15 * seed, lost=0.05)
        registers = Registers(made.history)
        columns = (registers.place, registers.session, registers.key, registers.source)
        pure = pure_saturation.Saturation(*columns, len(registers.keys))
        compiled = saturation.Saturation(*(np.asarray(c, np.int32) for c in columns), len(registers.keys))
        for session, nodes in enumerate(registers.sessions):
            asked = (session, nodes[0], len(nodes), causal)
            said = pure.view(*asked)
            assert compiled.view(*asked) == said
            seen.add((said[0] is None, said[2]))
    assert (True, False) in seen
    assert len(seen) > 1 or level != "eventual"
