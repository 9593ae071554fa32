"""The universal scalability law, X(N) = λN / (1 + σ(N−1) + κN(N−1)), fitted to measured points: pure.

N is how many arrivals are under way at once, X how many are completed a second; λ is the rate of one alone, σ the
share that is done one after the other (contention), κ what each costs every other one (coherency).
Source: N. J. Gunther, Guerrilla Capacity Planning, 2007.
"""

from __future__ import annotations

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
    """The law through (N, X), with 95 % intervals by bootstrap; None below LEAST_POINTS different N.

    N / X is linear in 1/λ, σ/λ and κ/λ, none of which may be negative. Errors are taken as relative: the same share of
    X everywhere. The bootstrap resamples these shares, widened by the degrees of freedom that the fit has used, and by
    what Student's distribution is wider than the normal one; of a dozen points, 92 to 94 in 100 intervals then hold
    what the points were made of.
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
    bounds = np.quantile(found[1:], (TAIL, 1 - TAIL), axis=0, method="inverted_cdf")  # no mean of bounds and infinity
    rate, contention, coherency, peak = (
        Estimate(*(_finite(float(value)) for value in (found[0, k], bounds[0, k], bounds[1, k]))) for k in range(4)
    )
    return Law(rate, contention, coherency, peak, len(n))


def _solve(terms: Numbers, y: Numbers) -> Numbers:
    """Coefficients from 0 up for which the relative errors are least, weighted anew by what was fitted before."""
    from scipy.optimize import nnls

    weights = y
    for _ in range(ROUNDS):
        coefficients: Numbers = nnls(terms / weights[:, None], y / weights)[0]
        weights = np.maximum(terms @ coefficients, y.min() / 10)
    return coefficients


def _parameters(coefficients: Numbers) -> tuple[float, float, float, float]:
    """λ, σ, κ, and the highest X there is; without coherency it is what contention leaves in the end."""
    one, contention, coherency = (float(each) for each in coefficients)
    rate, sigma, kappa = 1 / one, contention / one, coherency / one
    if kappa > 0:
        at = max(1.0, math.sqrt(max(0.0, 1 - sigma) / kappa))
        return rate, sigma, kappa, throughput(at, rate, sigma, kappa)
    return rate, sigma, kappa, rate / sigma if sigma > 0 else math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
