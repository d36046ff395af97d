"""How throughput grows with size: the universal scalability law, Amdahl's and Gustafson's laws, and fits with intervals.

Sources: Gunther, "Guerrilla Capacity Planning", 2007 (USL); Amdahl 1967; Gustafson 1988.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

from windtunnel.quant.errors import QuantError
from windtunnel.quant.intervals import t_quantile

Points = Sequence[tuple[float, float]]
"""(size, throughput)."""


def usl(size: float, one: float, alpha: float, beta: float) -> float:
    """Throughput at `size`. one: at size 1. alpha: contention (queues for what is shared). beta: coherency (mutual updates)."""
    return one * size / (1.0 + alpha * (size - 1.0) + beta * size * (size - 1.0))


def usl_peak(alpha: float, beta: float) -> float:
    """The size with the most throughput: sqrt((1 - alpha) / beta); endless without coherency cost."""
    if beta <= 0.0:
        return inf
    return max(1.0, sqrt(max(0.0, 1.0 - alpha) / beta))


def amdahl(size: float, serial: float) -> float:
    """Speed-up of a fixed job, of which the share `serial` cannot be split."""
    return 1.0 / (serial + (1.0 - serial) / size)


def gustafson(size: float, serial: float) -> float:
    """Speed-up of a job that grows with the size. serial: its share of the time at that size."""
    return size - serial * (size - 1.0)


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted parameters with half widths of their 95 % intervals, and residuals in the unit of the throughput."""

    one: float
    alpha: float
    beta: float
    halves: tuple[float, float, float]
    residuals: tuple[float, ...]
    r_squared: float


def read_points(text: str, needed: int) -> list[tuple[float, float]]:
    """`1:955, 2:1878, 4:3548` as pairs. Raises QuantError for fewer than `needed` different sizes."""
    points = []
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        size, colon, value = item.partition(":")
        try:
            pair = float(size), float(value)
        except ValueError:
            pair = (0.0, 0.0)
        if not colon or not 1.0 <= pair[0] <= 1e9 or not 1e-9 <= pair[1] <= 1e15:
            bounds = "the size from 1 to 1e9, the throughput from 1e-9 to 1e15"
            raise QuantError(f"points: expected SIZE:THROUGHPUT such as 4:3548, {bounds}; got {item!r}")
        points.append(pair)
    sizes = {size for size, _ in points}
    if len(sizes) < needed:
        raise QuantError(f"points: expected at least {needed} different sizes to fit the parameters; got {len(sizes)}")
    return sorted(points)


def fit(points: Points, *, coherency: bool = True) -> Fit:
    """Least squares of the throughput; alpha and beta are kept at 0 or above. coherency: False fits Amdahl's law (beta = 0).

    The start is the linear fit of size / throughput; then Gauss and Newton, halving steps that do not help.
    """
    best: tuple[float, list[float], tuple[int, ...]] | None = None
    choices = [(0, 1, 2), (0, 1), (0, 2), (0,)] if coherency else [(0, 1), (0,)]
    for free in choices:
        found = _gauss_newton(points, free)
        if found is None or min(found[1:]) < 0.0 or found[0] <= 0.0:
            continue
        error = _squares(points, found)
        if best is None or error < best[0] * (1 - 1e-12) - 1e-300:
            best = (error, found, free)
        if free == choices[0]:
            break  # without any bound in the way, no smaller model can be nearer
    assert best is not None, "throughput in proportion to size can always be fitted"
    error, parameters, free = best
    mean = sum(y for _x, y in points) / len(points)
    spread = sum((y - mean) ** 2 for _x, y in points)
    residuals = tuple(y - usl(x, *parameters) for x, y in points)
    halves = _halves(points, parameters, free, error)
    one, alpha, beta = parameters
    return Fit(one, alpha, beta, halves, residuals, 1.0 - error / spread if spread else 1.0)


def _squares(points: Points, parameters: Sequence[float]) -> float:
    return sum((y - usl(x, *parameters)) ** 2 for x, y in points)


def _gradient(x: float, parameters: Sequence[float]) -> list[float]:
    one, alpha, beta = parameters
    below = 1.0 + alpha * (x - 1.0) + beta * x * (x - 1.0)
    return [x / below, -one * x * (x - 1.0) / below**2, -one * x * x * (x - 1.0) / below**2]


def _gauss_newton(points: Points, free: tuple[int, ...]) -> list[float] | None:
    rows = [[1.0, x - 1.0, x * (x - 1.0)] for x, _y in points]
    # size / throughput = (1 + alpha (N - 1) + beta N (N - 1)) / one is linear in 1/one, alpha/one, beta/one.
    linear = _least_squares([[row[i] for i in free] for row in rows], [x / y for x, y in points])
    if linear is None or linear[0] <= 0.0:
        return None
    parameters = [1.0 / linear[0], 0.0, 0.0]
    for i, value in zip(free[1:], linear[1:], strict=True):
        parameters[i] = value / linear[0]
    error = _squares(points, parameters)
    for _ in range(100):
        gradients = [[_gradient(x, parameters)[i] for i in free] for x, _y in points]
        step = _least_squares(gradients, [y - usl(x, *parameters) for x, y in points])
        if step is None:
            return None
        length = 1.0
        while length > 1e-9:
            moved = list(parameters)
            for i, value in zip(free, step, strict=True):
                moved[i] += length * value
            if (
                all(1.0 + moved[1] * (x - 1) + moved[2] * x * (x - 1) > 0.0 for x, _y in points)
                and _squares(points, moved) < error
            ):
                break
            length /= 2.0
        else:
            return parameters
        before, parameters = error, moved
        error = _squares(points, parameters)
        if before - error <= 1e-14 * before:
            break
    return parameters


def _least_squares(rows: list[list[float]], targets: list[float]) -> list[float] | None:
    """Solution of the normal equations with scaled columns; None when the columns depend on each other."""
    width = len(rows[0])
    scales = [sqrt(sum(row[i] ** 2 for row in rows)) or 1.0 for i in range(width)]
    matrix = [[sum(row[i] * row[j] for row in rows) / (scales[i] * scales[j]) for j in range(width)] for i in range(width)]
    vector = [sum(row[i] * y for row, y in zip(rows, targets, strict=True)) / scales[i] for i in range(width)]
    solved = _solve(matrix, vector)
    return None if solved is None else [value / scale for value, scale in zip(solved, scales, strict=True)]


def _solve(matrix: list[list[float]], vector: list[float]) -> list[float] | None:
    """Gaussian elimination with pivots."""
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    size = len(rows)
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(rows[r][i]))
        if abs(rows[pivot][i]) < 1e-13:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(size):
            if r != i:
                factor = rows[r][i] / rows[i][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]


def _halves(points: Points, parameters: Sequence[float], free: tuple[int, ...], error: float) -> tuple[float, float, float]:
    """Half widths of the 95 % intervals: 0 for a parameter at its bound, infinite without a point to spare."""
    freedom = len(points) - len(free)
    halves = [0.0, 0.0, 0.0]
    if freedom <= 0:
        for i in free:
            halves[i] = inf
        return halves[0], halves[1], halves[2]
    gradients = [[_gradient(x, parameters)[i] for i in free] for x, _y in points]
    for place, i in enumerate(free):
        unit = [0.0] * len(free)
        scales = [sqrt(sum(row[j] ** 2 for row in gradients)) or 1.0 for j in range(len(free))]
        unit[place] = 1.0
        matrix = [
            [sum(row[a] * row[b] for row in gradients) / (scales[a] * scales[b]) for b in range(len(free))]
            for a in range(len(free))
        ]
        column = _solve(matrix, unit)
        variance = inf if column is None else column[place] / scales[place] ** 2 * error / freedom
        halves[i] = t_quantile(0.95, freedom) * sqrt(max(0.0, variance))
    return halves[0], halves[1], halves[2]
