"""Bootstrap means, and the coverage of their confidence intervals."""

import numpy as np
import pytest

from keypoints.statistics.bootstrap import N_RESAMPLES, bootstrap_means, confidence_interval


def test_resamples_of_equal_units_have_the_same_mean():
    means = bootstrap_means(np.full(5, 6.0), np.full(5, 2))
    assert means.shape == (N_RESAMPLES,)
    assert set(means) == {3.0}


def test_resampled_means_have_the_standard_error_and_are_reproducible():
    values = np.random.default_rng(1).normal(size=400)
    means = bootstrap_means(values, np.ones(400, int))
    assert means.mean() == pytest.approx(values.mean(), abs=0.002)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.03)
    assert (bootstrap_means(values, np.ones(400, int)) == means).all()


def test_interval_of_many_units_is_between_two_percentiles():
    low, high = confidence_interval(np.arange(100_001.0), 100_000)
    assert (low, high) == pytest.approx((2500, 97_500), abs=5)


def test_interval_of_one_unit_is_infinite():
    assert confidence_interval(np.ones(3), 1) == (-np.inf, np.inf)


@pytest.mark.parametrize("n_units", [6, 40])
def test_intervals_of_95_percent_cover_the_truth_in_95_percent_even_for_few_units(n_units: int):
    rng, n_covered = np.random.default_rng(3), 0
    for _ in range(200):
        means = bootstrap_means(rng.normal(size=n_units), np.ones(n_units, int))
        low, high = confidence_interval(means, n_units)
        n_covered += low <= 0 <= high
    assert 0.91 <= n_covered / 200 <= 0.98
