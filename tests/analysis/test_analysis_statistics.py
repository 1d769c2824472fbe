"""Intervals and comparisons: against known values, and by how often they are right."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.statistics import bootstrap, difference, iqm, paired, pooled_deviation, student, wilson


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0, 0.277533), (10, 10, 0.722467, 1), (97, 100, 0.915481, 0.989745), (9912, 10000, 0.989172, 0.992851)],
)
def test_wilson_interval_is_that_of_scipy(hits: int, count: int, low: float, high: float) -> None:
    assert [float(end) for end in wilson(hits / count, count)] == pytest.approx([low, high], abs=1e-6)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (1000, 1.9623)]
)
def test_student_quantile_is_that_of_the_tables(degrees: int, quantile: float) -> None:
    assert student(degrees) == pytest.approx(quantile, rel=2e-3 if degrees == 3 else 5e-4)


def test_interquartile_mean_is_the_trimmed_mean_and_ignores_one_bad_seed() -> None:
    values = [0.91, 0.92, 0.93, 0.94, 0.1]
    assert iqm(values) == pytest.approx(0.92)


def test_bootstrap_interval_holds_the_mean_as_often_as_it_says_it_does() -> None:
    rng = np.random.default_rng(1)
    held = {3: 0, 10: 0}
    for count in held:
        for _ in range(300):
            interval = bootstrap(rng.normal(size=count), resamples=500)
            held[count] += interval.low <= 0 <= interval.high
    assert 0.68 < held[3] / 300 < 0.82  # Too narrow, as the docstring warns.
    assert 0.86 < held[10] / 300 < 0.95


def test_bootstrap_is_seeded_and_one_value_has_no_interval() -> None:
    assert bootstrap([1.0, 2.0, 4.0]) == bootstrap([1.0, 2.0, 4.0])
    assert math.isnan(bootstrap([1.0]).low)
    assert bootstrap([0.5, 0.5]).low == 0.5


def test_paired_comparison_cancels_what_the_seeds_share() -> None:
    rng = np.random.default_rng(0)
    shared = pd.Series(rng.normal(0.9, 0.02, 5))
    left, right = shared + 0.004 + rng.normal(0, 0.0005, 5), shared
    compared = paired(left, right)
    half = 2.7764 * (left - right).std() / 5**0.5
    assert compared.high - compared.low == pytest.approx(2 * half, rel=1e-3)
    assert compared.high - compared.low < 0.5 * left.std()
    assert not compared.inside_noise
    assert "a is better" in compared.verdict("a", "b")
    assert "b is better" in compared.verdict("a", "b", "min")


def test_paired_interval_holds_the_difference_in_95_of_100_with_three_seeds() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        compared = paired(pd.Series(rng.normal(0.3, 1, 3)), pd.Series(rng.normal(0, 1, 3)))
        held += compared.low <= 0.3 <= compared.high
    assert 0.93 < held / 1000 < 0.97


def test_comparison_without_a_shared_seed_says_so() -> None:
    compared = paired(pd.Series([0.9], index=[0]), pd.Series([0.8], index=[1]))
    assert compared.inside_noise
    assert "share no seed" in compared.verdict("a", "b")


def test_single_runs_are_judged_by_the_larger_of_seed_and_image_noise() -> None:
    one, other = np.array([0.9922]), np.array([0.9920])
    assert difference(one, other, (math.nan, 0), 10_000).inside_noise
    assert difference(one, other, (0.0005, 8), None).inside_noise
    assert difference(one, np.array([0.93]), (0.0005, 8), 10_000).low > 0
    assert "10000 images" in difference(one, other, (0.0000001, 8), 10_000).basis
    unknown = difference(one, other, (math.nan, 0), None)
    assert unknown.inside_noise
    assert "not known" in unknown.verdict("a", "b")


def test_pooled_deviation_is_the_root_of_the_mean_variance() -> None:
    groups = [np.array([1.0, 3.0]), np.array([5.0]), np.array([2.0, 2.0])]
    deviation, degrees = pooled_deviation(groups)
    assert (deviation, degrees) == (1.0, 2)
    assert pooled_deviation([np.array([1.0])])[1] == 0
