"""Closed forms of queues in steady state. Rates are per second, times in seconds, rho is the load of a server.

Every function is stable for any number of servers: Erlang B by its recursion (a ratio below 1 at each step), never a factorial.
Sources: Erlang 1917; Kleinrock, "Queueing Systems" volume 1, 1975 (M/M/c, M/M/c/K, M/G/1); Allen, "Probability, Statistics and
Queueing Theory", 1990 (the approximation of Allen and Cunneen).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, expm1, inf, log

from windtunnel.quant.errors import unstable


@lru_cache(maxsize=256)  # means and percentiles of one queue ask for the same value
def erlang_b(servers: int, offered: float) -> float:
    """Share of arrivals that find all servers busy, when nobody waits. offered: erlangs, arrivals times mean service time.

    B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)). Any load is allowed: what is blocked is gone.
    """
    blocked = 1.0
    for k in range(1, servers + 1):
        part = offered * blocked
        blocked = part / (k + part)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Share of arrivals that must wait in M/M/c. Raises Unstable unless offered < servers."""
    if offered >= servers:
        raise unstable(offered / servers, f"more than {offered:.6g} servers")
    blocked = erlang_b(servers, offered)
    return blocked / (1.0 - offered / servers * (1.0 - blocked))


def check_stable(arrivals_per_s: float, services_per_s: float, servers: int = 1) -> float:
    """The load arrivals / (servers * services). Raises Unstable from 1 on, with the rate that would do."""
    rho = arrivals_per_s / (servers * services_per_s)
    if rho >= 1.0:
        needed = int(arrivals_per_s / services_per_s) + 1
        raise unstable(rho, f"arrivals below {servers * services_per_s:.6g}/s, or at least {needed} servers of this speed")
    return rho


def mmc_wait_s(arrivals_per_s: float, services_per_s: float, servers: int) -> float:
    """Mean time in queue of M/M/c: C / (c mu - lambda). Raises Unstable."""
    check_stable(arrivals_per_s, services_per_s, servers)
    return erlang_c(servers, arrivals_per_s / services_per_s) / (servers * services_per_s - arrivals_per_s)


def mmc_wait_quantile_s(arrivals_per_s: float, services_per_s: float, servers: int, share: float) -> float:
    """The wait that `share` of the arrivals do not exceed: P(Wq > t) = C exp(-(c mu - lambda) t). 0 when fewer wait."""
    waiting = erlang_c(servers, arrivals_per_s / services_per_s)
    return 0.0 if waiting <= 1.0 - share else log(waiting / (1.0 - share)) / (servers * services_per_s - arrivals_per_s)


def mmc_response_tail(arrivals_per_s: float, services_per_s: float, servers: int) -> Callable[[float], float]:
    """P(T > t) as a function of t, for T = wait + service in M/M/c, first come first served. Raises Unstable."""
    mu = services_per_s
    theta = servers * mu - arrivals_per_s
    waiting = erlang_c(servers, arrivals_per_s / mu)

    gap, slow = abs(theta - mu), min(theta, mu)

    def tail(t_s: float) -> float:
        # A service, or with chance C an exponential wait (rate theta) before it; no term overflows, and equal rates are no hole.
        both = t_s if gap * t_s < 1e-12 else -expm1(-gap * t_s) / gap
        return exp(-mu * t_s) + waiting * mu * exp(-slow * t_s) * both

    return tail


def quantile_of_tail(tail: Callable[[float], float], share: float, start_s: float) -> float:
    """The t with P(T > t) = 1 - share, by doubling from `start_s` and bisection to one part in 10**12."""
    target = 1.0 - share
    high = start_s
    while tail(high) > target:
        high *= 2.0
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        if tail(middle) > target:
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * high:
            break
    return high


def mmc_response_quantile_s(arrivals_per_s: float, services_per_s: float, servers: int, share: float) -> float:
    """The response time that `share` of the arrivals do not exceed in M/M/c."""
    return quantile_of_tail(mmc_response_tail(arrivals_per_s, services_per_s, servers), share, 1.0 / services_per_s)


def mmck(arrivals_per_s: float, services_per_s: float, servers: int, room: int) -> tuple[float, float, float]:
    """(share blocked, mean number waiting, share of the admitted who wait) of M/M/c/K. room: K >= servers, in service and queue.

    Weights of the states relative to the largest of the queue, so that nothing overflows at any load; 1 / B stands for all the
    states up to "all servers busy".
    """
    offered = arrivals_per_s / services_per_s
    ratio = offered / servers
    blocked = erlang_b(servers, offered)
    below = inf if blocked == 0.0 else 1.0 / blocked  # weight of states 0..c relative to state c
    places = room - servers
    if ratio <= 1.0:  # weights relative to state c
        beyond, queue, weight = 0.0, 0.0, 1.0  # beyond: of the states c+1..K
        for j in range(1, places + 1):
            weight *= ratio
            beyond += weight
            queue += j * weight
            if weight * places < 1e-18 * beyond:
                weight *= ratio ** (places - j)
                break
        full = weight
        total = below + beyond
        waiting = beyond + 1.0 - full if places else 0.0  # states c..K-1, added up without a difference of large numbers
    else:  # weights relative to state K, going down
        beyond, queue, weight = 0.0, 0.0, 1.0
        for j in range(places, 0, -1):
            beyond += weight
            queue += j * weight
            weight /= ratio
            if weight * places < 1e-18 * beyond:
                weight *= ratio ** (1 - j)
                break
        full = 1.0
        total = beyond + (below * weight if weight else 0.0)
        waiting = beyond + weight - full
    share = full / total
    return share, queue / total, (waiting / total) / (1.0 - share) if share < 1.0 else 1.0


def mg1_wait_s(arrivals_per_s: float, services_per_s: float, variation: float) -> float:
    """Mean time in queue of M/G/1 (Pollaczek 1930, Khinchine 1932). variation: cs, standard deviation over mean."""
    rho = check_stable(arrivals_per_s, services_per_s)
    return rho / (1.0 - rho) * (1.0 + variation**2) / 2.0 / services_per_s


def ggc_wait_s(arrivals_per_s: float, services_per_s: float, servers: int, *, ca: float, cs: float) -> float:
    """Mean time in queue of G/G/c, approximate: that of M/M/c times (ca^2 + cs^2) / 2. Exact for M/M/c and for M/G/1."""
    return mmc_wait_s(arrivals_per_s, services_per_s, servers) * (ca**2 + cs**2) / 2.0


def servers_for_wait(arrivals_per_s: float, services_per_s: float, wait_s: float) -> int:
    """The fewest servers of M/M/c whose mean wait is at most `wait_s`."""
    servers = int(arrivals_per_s / services_per_s) + 1
    while mmc_wait_s(arrivals_per_s, services_per_s, servers) > wait_s:
        servers += 1
    return servers


def balance_equations(arrivals_per_s: float, services_per_s: float, servers: int, room: int) -> tuple[list[float], int]:
    """(probabilities, first state) of M/M/c/K by its balance equations, state by state: no closed form. For checks.

    Starts at the likeliest state with weight 1 and goes both ways until the weights are below 1e-18: no factorial, no overflow.
    """
    offered = arrivals_per_s / services_per_s
    top = min(room, int(offered)) if offered < servers else room
    up: list[float] = []
    weight = 1.0
    for n in range(top + 1, room + 1):
        weight *= offered / min(n, servers)
        if weight < 1e-18:
            break
        up.append(weight)
    down: list[float] = []
    weight = 1.0
    for n in range(top, 0, -1):
        weight *= min(n, servers) / offered
        if weight < 1e-18:
            break
        down.append(weight)
    weights = [*reversed(down), 1.0, *up]
    total = sum(sorted(weights))
    return [w / total for w in weights], top - len(down)
