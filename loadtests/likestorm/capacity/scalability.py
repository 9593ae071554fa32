"""The universal scalability law, X(N) = λN / (1 + σ(N−1) + κN(N−1)), fitted to measured points: pure.

N is the number of arrivals in progress, X the throughput in arrivals a second, λ the throughput at N = 1, σ the serial
share of the work (contention), κ the cost of each arrival to every other one (coherency).
Source: N. J. Gunther, Guerrilla Capacity Planning, 2007.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likestorm.results.record.verdict import Estimate, Law
from likestorm.verdict.statistics import TAIL

LEAST_POINTS = 5
RESAMPLES = 1000
ROUNDS = 2

Numbers = NDArray[np.float64]


def throughput(concurrency: float, rate: float, contention: float, coherency: float) -> float:
    """X(N)."""
    n = concurrency
    return rate * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def fit(points: Sequence[tuple[float, float]], seed: int = 1) -> Law | None:
    """The law through points (N, X), with 95 % intervals by bootstrap; None below LEAST_POINTS different N.

    N / X is linear in 1/λ, σ/λ and κ/λ, which are not negative. Errors are relative to X. The bootstrap resamples the
    relative errors, widened for the degrees of freedom of the fit and by the ratio of Student's to the normal quantile;
    with a dozen points, 92 to 94 of 100 intervals contain the true values.
    """
    if len({n for n, _ in points}) < LEAST_POINTS:
        return None
    from scipy.stats import norm, t

    n = np.array([each for each, _ in points])
    y = n / np.array([each for _, each in points])
    terms = np.stack([np.ones_like(n), n - 1, n * (n - 1)], axis=1)
    best = _solve(terms, y)
    fitted = terms @ best
    shares = y / fitted
    free = len(n) - terms.shape[1]
    wider = math.sqrt(len(n) / free) * float(t.ppf(1 - TAIL, free) / norm.ppf(1 - TAIL))
    widened = 1 + (shares - shares.mean()) * wider
    random = np.random.default_rng(seed)
    draws = [_solve(terms, fitted * random.choice(widened, len(n))) for _ in range(RESAMPLES)]
    found = np.array([_parameters(each) for each in (best, *draws) if each[0] > 0])
    bounds = np.quantile(found[1:], (TAIL, 1 - TAIL), axis=0, method="inverted_cdf")  # no NaN from inf
    rate, contention, coherency, peak = (
        Estimate(*(_finite(float(value)) for value in (found[0, k], bounds[0, k], bounds[1, k]))) for k in range(4)
    )
    return Law(rate, contention, coherency, peak, len(n))


def _solve(terms: Numbers, y: Numbers) -> Numbers:
    """Non-negative coefficients with the least relative errors; each round weights by the previous fit."""
    from scipy.optimize import nnls

    weights = y
    for _ in range(ROUNDS):
        coefficients: Numbers = nnls(terms / weights[:, None], y / weights)[0]
        weights = np.maximum(terms @ coefficients, y.min() / 10)
    return coefficients


def _parameters(coefficients: Numbers) -> tuple[float, float, float, float]:
    """λ, σ, κ and the highest X; without coherency X approaches the limit of contention."""
    one, contention, coherency = (float(each) for each in coefficients)
    rate, sigma, kappa = 1 / one, contention / one, coherency / one
    if kappa > 0:
        at = max(1.0, math.sqrt(max(0.0, 1 - sigma) / kappa))
        return rate, sigma, kappa, throughput(at, rate, sigma, kappa)
    return rate, sigma, kappa, rate / sigma if sigma > 0 else math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
