"""Means of units drawn anew, and the interval that covers what it says."""

import numpy as np
import pytest

from keypoints.statistics.bootstrap import N_RESAMPLES, bootstrap_means, confidence_interval


def test_draws_of_equal_units_have_their_mean():
    means = bootstrap_means(np.full(5, 6.0), np.full(5, 2))
    assert means.shape == (N_RESAMPLES,)
    assert set(means) == {3.0}


def test_draws_scatter_as_a_mean_does_and_are_the_same_each_time():
    values = np.random.default_rng(1).normal(size=400)
    means = bootstrap_means(values, np.ones(400, int))
    assert means.mean() == pytest.approx(values.mean(), abs=0.002)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.03)
    assert (bootstrap_means(values, np.ones(400, int)) == means).all()


def test_interval_of_many_units_is_the_middle_of_the_draws():
    low, high = confidence_interval(np.arange(100_001.0), 100_000)
    assert (low, high) == pytest.approx((2500, 97_500), abs=5)


def test_one_unit_tells_nothing():
    assert confidence_interval(np.ones(3), 1) == (-np.inf, np.inf)


@pytest.mark.parametrize("n_units", [6, 40])
def test_nineteen_of_twenty_intervals_cover_the_truth_even_of_few_units(n_units: int):
    rng, covered = np.random.default_rng(3), 0
    for _ in range(200):
        drawn = bootstrap_means(rng.normal(size=n_units), np.ones(n_units, int))
        low, high = confidence_interval(drawn, n_units)
        covered += low <= 0 <= high
    assert 0.91 <= covered / 200 <= 0.98
