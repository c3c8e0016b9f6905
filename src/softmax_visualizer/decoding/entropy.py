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
from softmax_visualizer.decoding.tail import UnseenTail


def weighted_logs(weights: FloatArray, log_weights: FloatArray, temperature: float) -> float:
    """Return the sum of ``w ln w`` of tokens with these weights at ``temperature``."""
    if temperature == 0:
        return 0.0
    # beyond -1e4 a weight is 0 in float64, while 0 * -inf would be NaN
    logs = (
        log_weights if log_weights[-1] > -1e4 * temperature else np.maximum(log_weights, -1e4 * temperature)
    )
    # not np.dot: BLAS wakes threads for it, which costs more than the sum where other work goes on
    return float(np.einsum("i,i", weights, logs)) / temperature


def entropy(total: float, logs: float) -> float:
    """Return H in nats of weights that sum to ``total`` and whose ``w ln w`` sum to ``logs``."""
    return max(0.0, math.log(total) - logs / total)


def tempered_entropy(known: float, logs: float, tail: UnseenTail, temperature: float) -> Interval:
    """Return the entropy of listed tokens (weight ``known``, ``w ln w`` of ``logs``) with all of the tail.

    The bounds are attained for T >= 1; below, they hold and are within whole-token effects of the truth.
    """
    if tail.empty:
        return Interval.point(entropy(known, logs))
    if not tail.is_top:
        listed = Interval.point(entropy(known, logs))
        count = max(1.0, tail.most_reaching(0.0)) if temperature == 0 else tail.count
        return mixed_entropy(listed, Interval.point(known), tail.weight(temperature), count)
    if temperature == 0:
        ties = tail.weight(0)
        return Interval.around(*(math.log(known + count) for count in (ties.low, ties.estimate, ties.high)))
    mass = tail.mass_at(temperature)
    if temperature >= 1:
        low = _packed_entropy(known, logs, tail, mass.low, temperature)
        weight = tail.even(mass.high, tail.count, temperature)
        high = _even_entropy(known, logs, weight, tail.count)
    else:
        low = _least_entropy(known, logs, tail, mass.low, temperature)
        high = _most_entropy(known, logs, tail, mass.high, temperature)
    estimated_weight = tail.weight(temperature).estimate
    return Interval.around(low, _estimated_entropy(known, logs, tail, temperature, estimated_weight), high)


def partial_entropy(
    known: float, logs: float, weight: Interval, count: float, tail: UnseenTail, temperature: float
) -> Interval:
    """Return the entropy of listed tokens with some unseen ones, of ``weight``, at most ``count`` of them.

    More weight in the least likely tokens always raises the entropy, so each end of the weight gives one
    end: as few tokens as the cap allows, and ``count`` equal ones.
    """
    ends = [entropy(known, logs)] * 2
    if weight.low > 0:
        # w <= cap for every token, hence sum(w ln w) <= weight * ln(cap)
        log_cap = math.log(min(weight.low, tail.cap(temperature)))
        ends[0] = entropy(known + weight.low, logs + weight.low * log_cap)
    if weight.high > 0:
        ends[1] = _even_entropy(known, logs, weight.high, count)
    tokens = tail.estimated_count(weight.estimate, temperature) if weight.estimate > 0 else 0.0
    estimate = _estimated_entropy(known, logs, tail, temperature, weight.estimate, tokens)
    return Interval.around(ends[0], estimate, ends[1])


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


def prefix_entropies(
    weights: FloatArray, log_weights: FloatArray, temperature: float, least: int, most: int
) -> FloatArray:
    """Return the entropies of the first ``least``, ..., ``most`` tokens, in nats."""
    weights, log_weights = weights[:most], log_weights[:most]
    if least == most:
        return np.array([entropy(float(weights.sum()), weighted_logs(weights, log_weights, temperature))])
    if temperature == 0:
        return np.log(np.cumsum(weights)[least - 1 :])
    logs = np.maximum(log_weights, -1e4 * temperature) / temperature
    totals = np.cumsum(weights)
    result: FloatArray = np.maximum(np.log(totals) - np.cumsum(weights * logs) / totals, 0)[least - 1 :]
    return result


def _even_entropy(known: float, logs: float, weight: float, count: float) -> float:
    if weight <= 0:
        return entropy(known, logs)
    if math.isinf(count) or math.isinf(weight):
        return math.inf
    return entropy(known + weight, logs + weight * (math.log(weight) - math.log(count)))


def _packed_entropy(known: float, logs: float, tail: UnseenTail, mass: float, temperature: float) -> float:
    full, remainder = tail.packing(mass)
    weight = full * tail.cap(temperature)
    tail_logs = weight * tail.log_cap / temperature
    if remainder > 0:
        last = math.exp(math.log(remainder) / temperature)
        weight, tail_logs = weight + last, tail_logs + last * math.log(remainder) / temperature
    return entropy(known + weight, logs + tail_logs)


def _estimated_entropy(
    known: float, logs: float, tail: UnseenTail, temperature: float, weight: float, count: float | None = None
) -> float:
    """Entropy with ``count`` unseen tokens, or all, in the estimated shape and scaled to ``weight``."""
    raw = tail.estimated_weight(temperature, count)
    if raw <= 0 or weight / raw <= 0:
        return entropy(known, logs)
    factor = weight / raw
    tail_logs = factor * tail.estimated_log_weight(temperature, count) + weight * math.log(factor)
    return entropy(known + weight, logs + tail_logs)


def _two_valued_entropies(
    known: float,
    logs: float,
    first: tuple[FloatArray, FloatArray],
    second: tuple[FloatArray | float, float] | None,
    temperature: float,
) -> FloatArray:
    """Entropies with tails of two values, each a pair (number of tokens, ln value at T = 1)."""
    totals = np.full_like(first[0], known)
    sums = np.full_like(first[0], logs)
    for group in (first, second):
        if group is None:
            continue
        numbers = group[0]
        with np.errstate(under="ignore", over="ignore"):
            log_values = np.asarray(group[1]) / temperature
            weights = numbers * np.exp(log_values)
        totals = totals + weights
        sums = sums + weights * np.maximum(log_values, -1e4)
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
    return sign * best


def _most_entropy(known: float, logs: float, tail: UnseenTail, mass: float, temperature: float) -> float:
    """T < 1: the most entropic tails hold the mass in equal tokens of some value v, m/n <= v <= cap."""
    log_mass = math.log(mass)
    # without a vocabulary size v may be as small as one likes; e-30 of the cap is beyond every maximum
    smallest = log_mass - math.log(tail.count) if math.isfinite(tail.count) else tail.log_cap - 30.0
    largest = min(tail.log_cap, log_mass)

    def entropies(log_values: FloatArray) -> FloatArray:
        return _two_valued_entropies(
            known, logs, (np.exp(log_mass - log_values), log_values), None, temperature
        )

    return _refined_extreme(entropies, min(smallest, largest), largest, -1.0)


def _least_entropy(known: float, logs: float, tail: UnseenTail, mass: float, temperature: float) -> float:
    """T < 1: the least entropic tails have some tokens at the cap, the others equal at u, 0 <= u <= m/n."""
    if math.isinf(tail.count) or mass <= 0:
        # the mass may lie in ever more, ever smaller tokens, which weigh nothing below T = 1
        return entropy(known, logs)
    log_cap = min(tail.log_cap, math.log(mass))
    cap, average = math.exp(log_cap), mass / tail.count

    def entropies(fractions: FloatArray) -> FloatArray:
        # u = average * fraction^3: the function turns fastest near u = 0
        values = average * np.minimum(fractions, 1 - 1e-12) ** 3
        at_cap = np.clip((mass - tail.count * values) / (cap - values), 0, tail.count)
        with np.errstate(divide="ignore"):
            log_values = np.log(values)
        return _two_valued_entropies(
            known, logs, (tail.count - at_cap, log_values), (at_cap, log_cap), temperature
        )

    if cap <= average * (1 + 1e-12):
        return _packed_entropy(known, logs, tail, mass, temperature)
    return max(0.0, _refined_extreme(entropies, 0.0, 1.0, 1.0))
