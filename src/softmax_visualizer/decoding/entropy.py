"""Entropy of a distribution whose tail is known only within bounds, in nats.

With weights ``w`` that sum to Z, H = ln Z - sum(w ln w) / Z. Of the listed tokens both sums are known. For a
tail of given mass the extremes are at two-valued tails (Cirtoaje's equal-variable theorem; Karlin and
Studden's principal representations): some tokens at one value, the rest at the cap or at zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.weights import Weights

_GRID = 1e-9
"""Nats by which a grid may miss the extreme of a smooth function."""


def entropy(total: float, logs: float) -> float:
    """Return H in nats of weights that sum to ``total`` and whose ``w ln w`` sum to ``logs``."""
    return max(0.0, math.log(total) - logs / total)


def tempered_entropy(weights: Weights) -> Interval:
    """Return the entropy of listed tokens with all of the tail.

    The bounds are attained for T >= 1; below, they hold and are within whole-token effects of the truth.
    """
    tail, temperature = weights.tail, weights.temperature
    if tail.empty:
        return Interval.point(_entropy_with(weights))
    if not tail.is_top:
        listed = Interval.point(_entropy_with(weights))
        count = max(1.0, tail.most_reaching(0.0)) if temperature == 0 else tail.count
        return mixed_entropy(listed, Interval.point(weights.known), weights.unseen, count)
    if temperature == 0:
        ties = (weights.unseen.low, weights.unseen.estimate, weights.unseen.high)
        return Interval.around(*(math.log(weights.known + count) for count in ties))
    mass = tail.mass_at(temperature)
    if temperature >= 1:
        low = _packed_entropy(weights, mass.low)
        high = _even_entropy(weights, tail.even(mass.high, tail.count, temperature), tail.count)
    else:
        low = _least_entropy(weights, mass.low)
        high = _most_entropy(weights, mass.high)
    return Interval.around(low, _estimated_entropy(weights, weights.unseen.estimate), high)


def partial_entropy(weights: Weights, unseen: Interval, count: float) -> Interval:
    """Return the entropy of listed tokens with some of the tail: at most ``count``, which weigh ``unseen``.

    More weight in the least likely tokens always raises the entropy, so each end of the weight gives one
    end: as few tokens as the cap allows, and ``count`` equal ones.
    """
    low = high = _entropy_with(weights)
    if unseen.low > 0:
        # w <= cap for every token, hence sum(w ln w) <= weight * ln(cap)
        log_cap = math.log(min(unseen.low, weights.tail.cap(weights.temperature)))
        low = _entropy_with(weights, unseen.low, unseen.low * log_cap)
    if unseen.high > 0:
        high = _even_entropy(weights, unseen.high, count)
    likely = weights.tail.estimated_count(unseen.estimate, weights.temperature)
    return Interval.around(low, _estimated_entropy(weights, unseen.estimate, likely), high)


def mixed_entropy(listed: Interval, known: Interval, unseen: Interval, count: float) -> Interval:
    """Return the entropy of some listed tokens with some unseen ones that may be more likely than those.

    With a share s of the unseen ones, H = h(s) + (1 - s) H(listed) + s H(unseen), where H(unseen) is between
    0, for one token, and ln(count).

    Args:
        listed: entropy of the listed tokens among themselves; ``known``: their weight.
        unseen: weight of the unseen tokens; ``count``: how many they are at most.
    """
    least = _share(unseen.low, known.high)
    most = _share(unseen.high, known.low)

    def mixed(share: float, inside: float, beside: float) -> float:
        parts = sum(-part * math.log(part) for part in (share, 1 - share) if part > 0)
        return parts + (1 - share) * inside + (share * beside if share > 0 else 0.0)

    largest = math.log(count) if count > 1 else 0.0
    # mixed() is concave in the share, and greatest where the odds of the unseen are e^(largest - listed)
    best = 1.0 if math.isinf(largest) else 1 / (1 + math.exp(min(listed.high - largest, 700.0)))
    middle = _share(unseen.estimate, known.estimate)
    return Interval.around(
        min(mixed(least, listed.low, 0.0), mixed(most, listed.low, 0.0)),
        mixed(middle, listed.estimate, largest / 2 if math.isfinite(largest) else 0.0),
        mixed(min(max(best, least), most), listed.high, largest),
    )


def _share(weight: float, other: float) -> float:
    if math.isinf(weight):
        return 1.0
    return weight / (weight + other) if weight > 0 else 0.0


def prefix_entropies(weights: Weights, least: int, most: int) -> FloatArray:
    """Return the entropies of the first ``least``, ..., ``most`` listed tokens alone, in nats."""
    weights = weights.first(most)
    if least == most:
        return np.array([_entropy_with(weights)])
    totals = np.cumsum(weights.listed)
    sums = np.cumsum(weights.listed * weights.logs)
    result: FloatArray = np.maximum(np.log(totals) - sums / totals, 0)[least - 1 :]
    return result


def _entropy_with(weights: Weights, unseen: float = 0.0, unseen_logs: float = 0.0) -> float:
    """Entropy of the listed tokens with others that weigh ``unseen``, and whose ``w ln w`` sum up."""
    return entropy(weights.known + unseen, weights.weighted_logs + unseen_logs)


def _even_entropy(weights: Weights, unseen: float, count: float) -> float:
    if unseen <= 0:
        return _entropy_with(weights)
    if math.isinf(count) or math.isinf(unseen):
        return math.inf
    return _entropy_with(weights, unseen, unseen * (math.log(unseen) - math.log(count)))


def _packed_entropy(weights: Weights, mass: float) -> float:
    tail, temperature = weights.tail, weights.temperature
    full, remainder = tail.packing(mass)
    unseen = full * tail.cap(temperature)
    logs = unseen * tail.log_cap / temperature
    if remainder > 0:
        last = math.exp(math.log(remainder) / temperature)
        unseen, logs = unseen + last, logs + last * math.log(remainder) / temperature
    return _entropy_with(weights, unseen, logs)


def _estimated_entropy(weights: Weights, unseen: float, count: float | None = None) -> float:
    """Entropy with ``count`` unseen tokens, or all, in the estimated shape and scaled to ``unseen``."""
    if unseen <= 0:
        return _entropy_with(weights)
    return _entropy_with(weights, unseen, weights.tail.estimate.logs(unseen, weights.temperature, count))


def _two_valued_entropies(weights: Weights, *groups: tuple[FloatArray, FloatArray | float]) -> FloatArray:
    """Entropies with tails of two values, each a pair (number of tokens, ln value at T = 1)."""
    totals: FloatArray = np.asarray(weights.known)
    sums: FloatArray = np.asarray(weights.weighted_logs)
    for numbers, log_values in groups:
        with np.errstate(under="ignore", over="ignore"):
            logs = np.asarray(log_values) / weights.temperature
            unseen = numbers * np.exp(logs)
        totals = totals + unseen
        sums = sums + unseen * np.maximum(logs, -1e4)
    result: FloatArray = np.log(totals) - sums / totals
    return result


def _refined_extreme(
    function: Callable[[FloatArray], FloatArray], low: float, high: float, sign: float
) -> float:
    """Extreme of a smooth function of one number on [low, high], by grids that close in on the best point."""
    best = math.inf
    for _ in range(4):
        points = np.linspace(low, high, 65)
        values = sign * function(points)
        index = int(values.argmin())
        best = min(best, float(values[index]))
        low, high = float(points[max(index - 1, 0)]), float(points[min(index + 1, 64)])
    return sign * (best - _GRID)


def _most_entropy(weights: Weights, mass: float) -> float:
    """T < 1: the most entropic tails hold the mass in equal tokens of some value v, m/n <= v <= cap."""
    tail, log_mass = weights.tail, math.log(mass)
    # without a vocabulary size v may be as small as one likes; e-30 of the cap is beyond every maximum
    smallest = log_mass - math.log(tail.count) if math.isfinite(tail.count) else tail.log_cap - 30.0
    largest = min(tail.log_cap, log_mass)

    def entropies(log_values: FloatArray) -> FloatArray:
        return _two_valued_entropies(weights, (np.exp(log_mass - log_values), log_values))

    return _refined_extreme(entropies, min(smallest, largest), largest, -1.0)


def _least_entropy(weights: Weights, mass: float) -> float:
    """T < 1: the least entropic tails have some tokens at the cap, the others equal at u, 0 <= u <= m/n."""
    tail = weights.tail
    if math.isinf(tail.count) or mass <= 0:
        # the mass may lie in ever more, ever smaller tokens, which weigh nothing below T = 1
        return _entropy_with(weights)
    log_cap = min(tail.log_cap, math.log(mass))
    cap, average = math.exp(log_cap), mass / tail.count

    def entropies(fractions: FloatArray) -> FloatArray:
        # u = average * fraction^3: the function turns fastest near u = 0
        values = average * np.minimum(fractions, 1 - 1e-12) ** 3
        at_cap = np.clip((mass - tail.count * values) / (cap - values), 0, tail.count)
        with np.errstate(divide="ignore"):
            log_values = np.log(values)
        return _two_valued_entropies(weights, (tail.count - at_cap, log_values), (at_cap, log_cap))

    if cap <= average * (1 + 1e-12):
        return _packed_entropy(weights, mass)
    return max(0.0, _refined_extreme(entropies, 0.0, 1.0, 1.0))
