"""Points of one markup among those of another."""

import numpy as np

from keypoints.core.landmarks import IBUG_68, IMM_58, KAGGLE_15
from keypoints.models.landmark_mapping import interpolation_weights

ALL_58, ALL_68 = tuple(range(58)), tuple(range(68))


def test_every_point_of_imm_is_a_mean_of_one_or_two_of_ibug():
    shares = interpolation_weights(IMM_58, ALL_58, IBUG_68, ALL_68)
    assert shares is not None
    assert shares.shape == (58, 68)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert set((shares > 0).sum(axis=1)) == {1, 2}


def test_eye_corners_and_parts_agree():
    shares = interpolation_weights(IMM_58, ALL_58, IBUG_68, ALL_68)
    assert shares is not None
    assert shares[list(IMM_58.eye_corners), list(IBUG_68.eye_corners)].tolist() == [1, 1]
    for part, points in IMM_58.parts.items():
        assert np.isclose(shares[np.ix_(points, IBUG_68.parts[part])].sum(), len(points)), part


def test_a_mirrored_face_has_the_mirrored_shares():
    shares = interpolation_weights(IMM_58, ALL_58, IBUG_68, ALL_68)
    assert shares is not None
    mirrored = shares[np.ix_(IMM_58.flip_indices, IBUG_68.flip_indices)]
    np.testing.assert_allclose(mirrored, shares, atol=1e-6)


def test_the_nose_tip_alone_is_found_too():
    shares = interpolation_weights(IMM_58, (IMM_58.nose_tip,), IBUG_68, ALL_68)
    assert shares is not None
    assert np.flatnonzero(shares[0]).tolist() == [33]


def test_the_same_markup_is_itself():
    shares = interpolation_weights(IBUG_68, (3, 8), IBUG_68, ALL_68)
    assert shares is not None
    assert np.argwhere(shares).tolist() == [[0, 3], [1, 8]]


def test_nothing_is_said_of_markups_or_points_without_counterpart():
    assert interpolation_weights(KAGGLE_15, tuple(range(15)), IBUG_68, ALL_68) is None
    assert interpolation_weights(IMM_58, ALL_58, IBUG_68, (30,)) is None
