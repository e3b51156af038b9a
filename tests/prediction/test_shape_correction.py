"""Shape correction: it removes linear errors, moves with the face, and leaves noise alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.core.geometry import apply_map, compose, rotation, scaling, translation
from keypoints.prediction.correction_settings import CorrectionSettings
from keypoints.prediction.shape_correction import ShapeCorrection, fit_correction

N_POINTS = 12


def make_shapes(seed: int, n_faces: int = 300) -> np.ndarray:
    """Different shapes of about 60 px."""
    rng = np.random.default_rng(seed)
    return 60 * rng.normal(size=(N_POINTS, 2)) + 6 * rng.normal(size=(n_faces, N_POINTS, 2))


def place(faces: np.ndarray, seed: int) -> np.ndarray:
    """Rotate, scale and move each face in its photo."""
    rng, n_faces = np.random.default_rng(seed), len(faces)
    maps = compose(
        translation(*rng.uniform(100, 500, (2, n_faces))),
        compose(
            scaling(rng.uniform(0.5, 3, n_faces), (0, 0)),
            rotation(rng.uniform(-40, 40, n_faces), (0, 0)),
        ),
    )
    return apply_map(maps, faces)


def make_groups(n_faces: int) -> list[str]:
    return [f"photo{face // 2}" for face in range(n_faces)]


def error(predicted: np.ndarray, target: np.ndarray) -> float:
    """Mean distance relative to the size of the face."""
    size = np.ptp(target, axis=1).max(axis=-1)
    return float((np.linalg.norm(predicted - target, axis=-1).mean(axis=1) / size).mean())


def add_errors(target: np.ndarray) -> np.ndarray:
    """Predictions with errors that depend linearly on the shape, before it is placed."""
    predicted = target.copy()
    predicted[:, 0] *= 0.7  # the first point is too close to the centre
    predicted[:, 5] -= 0.4 * target[:, 1, ::-1]  # one point depends on another
    predicted[:, 3] += 3
    return predicted


def predicted_and_target(n_faces: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    target = make_shapes(1, n_faces)
    return place(add_errors(target), seed), place(target, seed)


@pytest.fixture(scope="module")
def fitted() -> ShapeCorrection:
    predicted, target = predicted_and_target(300, 2)
    return fit_correction(predicted, target, make_groups(300))


def test_a_linear_error_is_removed(fitted: ShapeCorrection):
    predicted, target = predicted_and_target(400, 3)
    unseen = slice(300, 400)
    assert error(fitted.predict(predicted[unseen]), target[unseen]) < 0.1 * error(
        predicted[unseen], target[unseen]
    )


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(-900, 900), st.floats(-900, 900))
def test_the_correction_moves_with_the_face(
    fitted: ShapeCorrection, degrees: float, factor: float, x: float, y: float
):
    faces = place(make_shapes(1, n_faces=3), 4)
    moved = compose(translation(x, y), compose(scaling(factor, (0, 0)), rotation(degrees, (9, 7))))
    np.testing.assert_allclose(
        fitted.predict(apply_map(moved, faces)), apply_map(moved, fitted.predict(faces)), atol=1e-6
    )


def test_random_errors_are_left_alone():
    target, noise = (
        make_shapes(1, n_faces=400),
        np.random.default_rng(5).normal(size=(400, 12, 2)),
    )
    predicted, target = place(target + noise, 6), place(target, 6)
    correction = fit_correction(predicted[:300], target[:300], make_groups(300))
    before, after = (
        error(predicted[300:], target[300:]),
        error(correction.predict(predicted[300:]), target[300:]),
    )
    assert correction.alpha > 1
    assert after < 1.03 * before


def test_unknown_points_and_different_shapes_are_errors():
    faces = make_shapes(1, n_faces=20)
    unknown = faces.copy()
    unknown[3, 4] = np.nan
    with pytest.raises(ValueError, match="faces with known points only"):
        fit_correction(faces, unknown, make_groups(20))
    with pytest.raises(ValueError, match=r"\(20, 12, 2\), target \(19, 12, 2\)"):
        fit_correction(faces, faces[:19], make_groups(20))


def test_settings_name_the_predictions_to_learn_from():
    path = "data/predictions/net_folds/train.npz"
    assert CorrectionSettings(task="wild", learn_from=path).source == "net_folds"
    with pytest.raises(ValueError, match=r"must be data/predictions/NAME/train\.npz"):
        CorrectionSettings(task="wild", learn_from="data/predictions/net/test.npz")
