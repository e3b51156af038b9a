"""The local twin of a competition's score: by hand, its interval, and what is noise."""

from dataclasses import replace

import numpy as np
import pytest
from spec import submission_spec_for
from hypothesis import given
from hypothesis import strategies as st

from keypoints.competition.base import RMSE_PX
from keypoints.competition.local_score import compare, difference_text, score, score_text
from keypoints.competition.registry import CS194_26

IN_RMSE = replace(CS194_26, metric=RMSE_PX)


def noise(seed: int, n_faces: int = 60, n_points: int = 68) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_faces, n_points, 2))


def test_score_by_hand():
    truth = np.zeros((2, 2, 2))
    predicted = np.array([[(3.0, -1.0), (0.0, 0.0)], [(2.0, 2.0), (-2.0, 2.0)]])
    by_mae = score(predicted, truth, submission_spec_for(2, 2))
    assert by_mae.score == 1.5
    assert by_mae.faces.tolist() == [1, 2]
    assert by_mae.parts == {"all": 1.5}
    by_rmse = score(predicted, truth, submission_spec_for(2, 2, IN_RMSE))
    assert by_rmse.score == pytest.approx(np.sqrt(26 / 8))
    assert by_rmse.faces.tolist() == pytest.approx([np.sqrt(10 / 4), 2])


def test_only_what_is_asked_for_counts():
    truth = np.full((2, 2, 2), np.nan)
    truth[0, 1, 0] = truth[1, 0, 1] = truth[1, 1, 1] = 0.0
    asked = submission_spec_for(2, 2, values=np.array([2, 5, 7]))
    predicted = np.arange(8.0).reshape(2, 2, 2)
    result = score(predicted, truth, asked)
    assert result.score == pytest.approx((2 + 5 + 7) / 3)
    assert result.faces.tolist() == [2, 6]


def test_parts_are_those_of_the_scheme():
    truth, predicted = np.zeros((3, 68, 2)), np.zeros((3, 68, 2))
    predicted[:, 36:48] = 4.0  # the eyes
    parts = score(predicted, truth, submission_spec_for(3, 68)).parts
    assert parts == {"jaw": 0, "brows": 0, "nose": 0, "eyes": 4, "mouth": 0}


def test_worst_faces_come_with_their_names():
    truth, predicted = np.zeros((12, 2, 2)), np.zeros((12, 2, 2))
    predicted[7], predicted[3] = 5.0, 9.0
    asked = submission_spec_for(12, 2)
    result = score(predicted, truth, asked)
    assert result.worst(2).tolist() == [3, 7]
    lines = score_text(result, asked).splitlines()
    worst = lines[lines.index("the 10 worst faces:") + 1 :]
    assert len(worst) == 10
    assert worst[0].split() == ["helen/face_3", "9.0000"]


def test_interval_has_the_width_of_the_mean_s_error():
    faces = np.random.default_rng(5).exponential(2, size=400)
    predicted = np.ones((400, 3, 2)) * faces[:, None, None]
    result = score(predicted, np.zeros_like(predicted), submission_spec_for(400, 3))
    reach = 1.96 * faces.std() / np.sqrt(400)
    assert result.interval == pytest.approx((result.score - reach, result.score + reach), abs=0.05)
    assert (
        score(predicted, np.zeros_like(predicted), submission_spec_for(400, 3)).interval
        == result.interval
    )


@given(st.floats(0.5, 2), st.floats(-50, 50))
def test_score_is_that_of_the_errors_only(scale: float, offset: float):
    truth, predicted = noise(1, 5, 3), noise(2, 5, 3)
    asked = submission_spec_for(5, 3)
    moved = score(predicted * scale + offset, truth * scale + offset, asked)
    assert moved.score == pytest.approx(scale * score(predicted, truth, asked).score)
    assert moved.interval[0] <= moved.score <= moved.interval[1]


@pytest.mark.parametrize("competition", [CS194_26, IN_RMSE], ids=["mae", "rmse"])
def test_a_difference_is_paired_and_turns_with_its_sides(competition):
    truth, asked = np.zeros((60, 68, 2)), submission_spec_for(60, 68, competition)
    worse = 10 * noise(1)
    better = worse * 0.98  # hardly better on any face, but on every one
    result = compare(better, worse, truth, asked)
    assert result.difference == pytest.approx(-0.02 * score(worse, truth, asked).score)
    assert result.is_significant
    assert "better, by more than noise" in difference_text(result, asked)
    turned = compare(worse, better, truth, asked)
    assert turned.interval == pytest.approx((-result.interval[1], -result.interval[0]))
    assert "worse, by more than noise" in difference_text(turned, asked)


def test_equal_and_random_differences_are_noise():
    truth, asked = np.zeros((60, 68, 2)), submission_spec_for(60, 68)
    same = compare(noise(1), noise(1), truth, asked)
    assert (same.difference, same.interval) == (0, (0, 0))
    assert not same.is_significant
    other = compare(noise(1), noise(2), truth, asked)
    assert "no more than noise" in difference_text(other, asked)
