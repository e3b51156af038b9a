"""Points of one landmark scheme as means of points of another."""

import numpy as np

from keypoints.core.landmarks import IBUG_68, IMM_58, KAGGLE_15
from keypoints.models.landmark_mapping import interpolation_weights

ALL_58, ALL_68 = tuple(range(58)), tuple(range(68))


def imm_from_ibug() -> np.ndarray:
    weights = interpolation_weights(IMM_58, ALL_58, IBUG_68, ALL_68)
    assert weights is not None
    return weights


def test_every_point_of_imm_is_a_mean_of_one_or_two_of_ibug():
    weights = imm_from_ibug()
    assert weights.shape == (58, 68)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    assert set((weights > 0).sum(axis=1)) == {1, 2}


def test_eye_corners_and_parts_of_the_face_correspond():
    weights = imm_from_ibug()
    assert weights[list(IMM_58.eye_corners), list(IBUG_68.eye_corners)].tolist() == [1, 1]
    for part, points in IMM_58.parts.items():
        assert np.isclose(weights[np.ix_(points, IBUG_68.parts[part])].sum(), len(points)), part


def test_the_mapping_is_symmetric_under_a_flip():
    weights = imm_from_ibug()
    flipped = weights[np.ix_(IMM_58.flip_indices, IBUG_68.flip_indices)]
    np.testing.assert_allclose(flipped, weights, atol=1e-6)


def test_the_nose_tip_alone_can_be_mapped():
    weights = interpolation_weights(IMM_58, (IMM_58.nose_tip,), IBUG_68, ALL_68)
    assert weights is not None
    assert np.flatnonzero(weights[0]).tolist() == [33]


def test_an_eye_centre_is_the_mean_of_the_outline_of_the_eye():
    weights = interpolation_weights(KAGGLE_15, tuple(range(19)), IBUG_68, ALL_68)
    assert weights is not None
    assert np.flatnonzero(weights[0]).tolist() == [42, 43, 44, 45, 46, 47]
    assert (weights[15] == weights[0]).all() and weights[10, 30] == weights[17, 33] == 1
    assert np.allclose(weights.sum(axis=1), 1)


def test_points_of_one_scheme_map_to_themselves():
    weights = interpolation_weights(IBUG_68, (3, 8), IBUG_68, ALL_68)
    assert weights is not None
    assert np.argwhere(weights).tolist() == [[0, 3], [1, 8]]


def test_there_is_no_mapping_between_unrelated_schemes_or_from_too_few_points():
    assert interpolation_weights(IBUG_68, ALL_68, KAGGLE_15, tuple(range(19))) is None
    assert interpolation_weights(IMM_58, ALL_58, IBUG_68, (30,)) is None
