"""Local scores by a competition's metric: by hand, their intervals, and their significance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spec import CS194_26, make_spec

from keypoints.competition.base import RMSE_PX
from keypoints.competition.local_score import compare, difference_text, score, score_text

IN_RMSE = replace(CS194_26, metric=RMSE_PX)


def noise(seed: int, n_faces: int = 60, n_points: int = 68) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_faces, n_points, 2))


def test_score_by_hand():
    target = np.zeros((2, 2, 2))
    predicted = np.array([[(3.0, -1.0), (0.0, 0.0)], [(2.0, 2.0), (-2.0, 2.0)]])
    by_mae = score(predicted, target, make_spec(2, 2))
    assert by_mae.score == 1.5
    assert by_mae.faces.tolist() == [1, 2]
    assert by_mae.parts == {"all": 1.5}
    by_rmse = score(predicted, target, make_spec(2, 2, IN_RMSE))
    assert by_rmse.score == pytest.approx(np.sqrt(26 / 8))
    assert by_rmse.faces.tolist() == pytest.approx([np.sqrt(10 / 4), 2])


def test_only_coordinates_of_the_submission_count():
    target = np.full((2, 2, 2), np.nan)
    target[0, 1, 0] = target[1, 0, 1] = target[1, 1, 1] = 0.0
    spec = make_spec(2, 2, row_indices=np.array([2, 5, 7]))
    predicted = np.arange(8.0).reshape(2, 2, 2)
    result = score(predicted, target, spec)
    assert result.score == pytest.approx((2 + 5 + 7) / 3)
    assert result.faces.tolist() == [2, 6]


def test_parts_are_the_parts_of_the_scheme():
    target, predicted = np.zeros((3, 68, 2)), np.zeros((3, 68, 2))
    predicted[:, 36:48] = 4.0  # the eyes
    parts = score(predicted, target, make_spec(3, 68)).parts
    assert parts == {"jaw": 0, "brows": 0, "nose": 0, "eyes": 4, "mouth": 0}


def test_worst_faces_are_listed_by_name():
    target, predicted = np.zeros((12, 2, 2)), np.zeros((12, 2, 2))
    predicted[7], predicted[3] = 5.0, 9.0
    spec = make_spec(12, 2)
    result = score(predicted, target, spec)
    assert result.worst(2).tolist() == [3, 7]
    lines = score_text(result, spec).splitlines()
    worst = lines[lines.index("the 10 worst faces:") + 1 :]
    assert len(worst) == 10
    assert worst[0].split() == ["helen/face_3", "9.0000"]


def test_interval_has_the_width_of_the_standard_error():
    faces = np.random.default_rng(5).exponential(2, size=400)
    predicted = np.ones((400, 3, 2)) * faces[:, None, None]
    result = score(predicted, np.zeros_like(predicted), make_spec(400, 3))
    half_width = 1.96 * faces.std() / np.sqrt(400)
    assert result.interval == pytest.approx(
        (result.score - half_width, result.score + half_width), abs=0.05
    )
    assert score(predicted, np.zeros_like(predicted), make_spec(400, 3)).interval == result.interval


@given(st.floats(0.5, 2), st.floats(-50, 50))
def test_score_depends_on_the_errors_only(scale: float, offset: float):
    target, predicted = noise(1, 5, 3), noise(2, 5, 3)
    spec = make_spec(5, 3)
    transformed = score(predicted * scale + offset, target * scale + offset, spec)
    assert transformed.score == pytest.approx(scale * score(predicted, target, spec).score)
    assert transformed.interval[0] <= transformed.score <= transformed.interval[1]


@pytest.mark.parametrize("competition", [CS194_26, IN_RMSE], ids=["mae", "rmse"])
def test_a_difference_is_paired_and_changes_its_sign_with_its_sides(competition):
    target, spec = np.zeros((60, 68, 2)), make_spec(60, 68, competition)
    worse = 10 * noise(1)
    better = worse * 0.98  # slightly better on every face
    result = compare(better, worse, target, spec)
    assert result.difference == pytest.approx(-0.02 * score(worse, target, spec).score)
    assert result.is_significant
    assert "significantly better" in difference_text(result, spec)
    swapped = compare(worse, better, target, spec)
    assert swapped.interval == pytest.approx((-result.interval[1], -result.interval[0]))
    assert "significantly worse" in difference_text(swapped, spec)


def test_equal_and_random_predictions_do_not_differ_significantly():
    target, spec = np.zeros((60, 68, 2)), make_spec(60, 68)
    same = compare(noise(1), noise(1), target, spec)
    assert (same.difference, same.interval) == (0, (0, 0))
    assert not same.is_significant
    other = compare(noise(1), noise(2), target, spec)
    assert "not significant" in difference_text(other, spec)
