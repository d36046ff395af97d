"""The oracle of the regions: years of outages on the simulator's kernel, common ones and failovers among them."""

from __future__ import annotations

from windtunnel.calculators.station import BATCHES
from windtunnel.quant.agreement import Row, exact, within
from windtunnel.quant.calculator import Evidence, Values
from windtunnel.quant.catalogue.multi_region import CALCULATOR, read_map, used
from windtunnel.quant.intervals import CONFIDENCE, mean_interval
from windtunnel.quant.result import Result
from windtunnel.quant.units import YEAR_S
from windtunnel.sim.kernel import Kernel

OUTAGES = 60_000
ACTIVE = 0  # the region that serves, where only one does


class Sky:
    """Regions that fail and come back. Nobody is served while all are down, or while users are being moved."""

    def __init__(self, values: Values, count: int, seed: int) -> None:
        self._values = values
        self._kernel = Kernel(seed)
        self._random = self._kernel.stream("outages")
        self._up = [True] * (count + 1)  # the last one stands for what all regions share
        self._count = count
        self._moving = 0
        self._changed = 0.0
        self.down_s = 0.0
        share = values["beta"] if count > 1 else 0.0
        self._rates = [values["outages"] * (1.0 - share) / YEAR_S] * count + [values["outages"] * share / YEAR_S]
        for number in range(count + 1):
            self._next(number)

    def _next(self, number: int) -> None:
        if self._rates[number] > 0.0:
            self._kernel.call_later(self._random.exponential(1.0 / self._rates[number]), self._fails, number)

    def _account(self) -> None:
        now = self._kernel.now
        if self._moving or not self._up[-1] or not any(self._up[:-1]):
            self.down_s += now - self._changed
        self._changed = now

    def _fails(self, number: int) -> None:
        self._account()
        self._up[number] = False
        self._kernel.call_later(self._random.exponential(max(self._values["repair"], 1e-9)), self._repaired, number)
        if self._count > 1 and number == ACTIVE:
            works = self._random.chance(self._values["switch"])
            self._moving += 1
            self._kernel.call_later(self._values["failover" if works else "repair"], self._moved)

    def _moved(self) -> None:
        self._account()
        self._moving -= 1

    def _repaired(self, number: int) -> None:
        self._account()
        self._up[number] = True
        self._next(number)

    def run(self, until_s: float) -> float:
        """Go on until then; the seconds of downtime since the beginning."""
        self._kernel.run(until_s)
        self._account()
        return self.down_s


def multi_region(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """Downtime of many years, in batches; and identities of the single region."""
    where = read_map(values)
    count = used(values["strategy"], len(where.names))
    alone = CALCULATOR.compute({**values, "strategy": "single"})
    rows: list[Row] = [
        exact("read", where.from_all(where.names[0]), alone.number("read"), by="single region", unit="s"),
        exact("egress", 0.0, alone.number("egress"), by="single region", unit="$/month"),
    ]
    down = result.number("downtime-year")
    if values["outages"] == 0.0:
        return [exact("downtime-year", down, 0.0, by="no outages", unit="s"), *rows], "Nothing fails."
    years = OUTAGES * length / (values["outages"] * (count + 1))
    sky = Sky(values, count, seed)
    marks = [sky.run((i + 1) * years / BATCHES * YEAR_S) for i in range(BATCHES)]
    samples = [(b - a) * BATCHES / years for a, b in zip([0.0, *marks[:-1]], marks, strict=True)]
    mean, half = mean_interval(samples)
    # The formula adds overlapping causes, which the simulation counts once: they overlap for a share of about their sum.
    rows.insert(0, within("downtime-year", down, mean, half, unit="s", slack=down * down / YEAR_S * 2 + down * 0.01))
    what = f"{years:,.0f} years of outages of {count} region{'s' * (count > 1)}, simulated"
    how = f"{what}; intervals of {CONFIDENCE:.1%} from {BATCHES} batches."
    return rows, how
