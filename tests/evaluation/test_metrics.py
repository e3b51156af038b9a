"""Errors and their summaries, compared with numbers computed by hand."""

import numpy as np
import pytest

from keypoints.core.landmarks import IBUG_68
from keypoints.evaluation.metrics import (
    area_under_ced,
    ced_curve,
    failure_rate,
    inter_ocular,
    mean_absolute_error,
    normalized_mean_error,
)

TARGET = np.zeros((2, 2, 2))
# errors of the first face: (3, 4) and (0, 0); of the second: (-6, 8) and (0, -5)
PREDICTED = np.array([[(3.0, 4.0), (0.0, 0.0)], [(-6.0, 8.0), (0.0, -5.0)]])


def test_mean_absolute_error_averages_coordinates_of_each_face():
    assert mean_absolute_error(PREDICTED, TARGET).tolist() == [7 / 4, 19 / 4]


def test_normalized_mean_error_averages_distances_of_each_face():
    # distances 5 and 0, 10 and 5; eyes 50 and 100 px apart
    nme = normalized_mean_error(PREDICTED, TARGET, norm=np.array([50.0, 100.0]))
    assert nme.tolist() == pytest.approx([2.5 / 50, 7.5 / 100])


def test_inter_ocular_distance_is_between_the_outer_eye_corners():
    landmarks_photo = np.full((1, 68, 2), 99.0)
    landmarks_photo[0, 36], landmarks_photo[0, 45] = (10, 20), (40, 60)
    assert inter_ocular(landmarks_photo, IBUG_68.eye_corners).tolist() == [50]


def test_normalized_mean_error_does_not_depend_on_the_size_of_the_photo():
    norm = np.array([50.0, 100.0])
    nme = normalized_mean_error(PREDICTED, TARGET, norm=norm)
    larger = normalized_mean_error(3 * PREDICTED, 3 * TARGET, norm=3 * norm)
    np.testing.assert_allclose(nme, larger)


@pytest.mark.parametrize("norm", [0.0, -1.0])
def test_norm_must_be_positive(norm: float):
    with pytest.raises(ValueError, match="a norm should be positive"):
        normalized_mean_error(PREDICTED, TARGET, norm=np.array([50.0, norm]))


def test_unknown_landmarks_do_not_count():
    target = TARGET.copy()
    target[0, 1] = target[1] = np.nan
    errors = mean_absolute_error(PREDICTED, target)
    assert errors[0] == mean_absolute_error(PREDICTED[:1, :1], TARGET[:1, :1])[0]
    assert np.isnan(errors[1])


def test_shapes_must_be_equal():
    with pytest.raises(ValueError, match=r"predicted has shape \(2, 1, 2\), target \(2, 2, 2\)"):
        mean_absolute_error(PREDICTED[:, :1], TARGET)
    with pytest.raises(ValueError, match="has shape"):
        normalized_mean_error(PREDICTED[:, :1], TARGET, norm=np.ones(2))


def test_an_nme_at_the_threshold_is_no_failure():
    assert failure_rate(np.array([0.01, 0.08, 0.080001, 0.5])) == 0.5
    assert failure_rate(np.array([0.01, 0.08])) == 0
    assert failure_rate(np.array([0.2, 0.3, 0.4]), threshold=0.25) == pytest.approx(2 / 3)


def test_ced_curve_is_the_fraction_of_faces_up_to_each_level():
    nme = np.array([0.05, 0.01, 0.2, 0.05])
    curve = ced_curve(nme, np.array([0, 0.01, 0.049, 0.05, 0.15, 0.2]))
    assert curve.tolist() == [0, 0.25, 0.25, 0.75, 0.75, 1]


def test_area_under_the_ced_by_hand():
    # nothing below 0.02, half the faces up to 0.06, all of them from there: 0.02 + 0.02 of 0.08
    assert area_under_ced(np.array([0.02, 0.06])) == pytest.approx(0.5)
    assert area_under_ced(np.array([0.0, 0.0])) == 1
    assert area_under_ced(np.array([0.08, 0.5])) == 0


def test_area_equals_the_mean_of_the_curve():
    nme = np.random.default_rng(1).uniform(0, 0.12, 50)
    levels = np.linspace(0, 0.08, 100_001)
    assert area_under_ced(nme) == pytest.approx(ced_curve(nme, levels).mean(), abs=1e-4)


def test_better_faces_have_better_scores():
    better, worse = np.array([0.02, 0.05, 0.09]), np.array([0.03, 0.09, 0.2])
    assert failure_rate(better) < failure_rate(worse)
    assert area_under_ced(better) > area_under_ced(worse)
