"""The learning rate from step to step."""

from functools import partial

import pytest

from keypoints.training.optim import OptimSettings, lr_at

CONSTANT = OptimSettings()


def test_the_learning_rate_is_constant_by_default():
    rate = partial(lr_at, steps_per_epoch=4, epochs=10, lr=0.5, optim=CONSTANT)
    assert {rate(step) for step in range(40)} == {0.5}


def test_the_learning_rate_falls_in_equal_steps_over_the_last_epochs():
    rate = partial(lr_at, steps_per_epoch=2, epochs=10, lr=1.0, decay_fraction=0.3, optim=CONSTANT)
    epochs = [{rate(2 * epoch), rate(2 * epoch + 1)} for epoch in range(10)]
    assert all(len(rates) == 1 for rates in epochs)
    expected = [1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert [rates.pop() for rates in epochs] == pytest.approx(expected)


def test_the_learning_rate_rises_and_then_falls_along_half_a_cosine_to_nearly_zero():
    optim = OptimSettings(warmup=0.25, schedule="cosine")
    rates = [lr_at(step, steps_per_epoch=5, epochs=4, lr=2.0, optim=optim) for step in range(20)]
    assert rates[:6] == pytest.approx([2 / 6, 4 / 6, 6 / 6, 8 / 6, 10 / 6, 2])
    assert rates[5 + 5] == pytest.approx(1.5)  # a third of the way down: 1 + cos 60
    assert 0 < rates[-1] < 0.04
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_both_factors_are_multiplied():
    optim = OptimSettings(warmup=0.5)
    both = lr_at(0, steps_per_epoch=1, epochs=4, lr=1.0, decay_fraction=1.0, optim=optim)
    assert both == pytest.approx(4 / 5 * 1 / 3)
