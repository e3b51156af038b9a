"""A correction of predicted shapes: it finds a linear error, turns with the face, harms none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.core.geometry import apply_map, compose, rotation, scaling, translation
from keypoints.prediction.shape_correction import (
    CalibrationError,
    ShapeCorrection,
    fit_calibrator,
    load_calibrator,
)

N_POINTS = 12


def upright_faces(seed: int, n_faces: int = 300) -> np.ndarray:
    """Shapes that differ from each other, about 60 px in size."""
    rng = np.random.default_rng(seed)
    return 60 * rng.normal(size=(N_POINTS, 2)) + 6 * rng.normal(size=(n_faces, N_POINTS, 2))


def placed(faces: np.ndarray, seed: int) -> np.ndarray:
    """Each face turned, scaled and moved in its photo."""
    rng, n_faces = np.random.default_rng(seed), len(faces)
    maps = compose(
        translation(*rng.uniform(100, 500, (2, n_faces))),
        compose(
            scaling(rng.uniform(0.5, 3, n_faces), (0, 0)),
            rotation(rng.uniform(-40, 40, n_faces), (0, 0)),
        ),
    )
    return apply_map(maps, faces)


def groups_of(n_faces: int) -> list[str]:
    return [f"photo{face // 2}" for face in range(n_faces)]


def error(predicted: np.ndarray, target: np.ndarray) -> float:
    """Mean distance over the size of the face."""
    size = np.ptp(target, axis=1).max(axis=-1)
    return float((np.linalg.norm(predicted - target, axis=-1).mean(axis=1) / size).mean())


@pytest.fixture(scope="module")
def truth() -> ShapeCorrection:
    """What is wrong with the predictions: a point that is always off, and three that depend."""
    mean_shape = upright_faces(1, n_faces=1)[0] / 60
    weights = np.zeros((2 * N_POINTS, 2 * N_POINTS))
    weights[0, 0] = weights[1, 1] = 0.6  # the first point should be further out
    weights[10, 3] = weights[11, 2] = -0.4  # one point says where another one is
    return ShapeCorrection(mean_shape - mean_shape.mean(axis=0), weights, np.eye(24)[7] * 0.05, 0.0)


@pytest.fixture(scope="module")
def fitted(truth: ShapeCorrection) -> ShapeCorrection:
    predicted = placed(upright_faces(1), 2)
    return fit_calibrator(predicted, truth.apply(predicted), groups_of(300))


def test_an_error_that_is_linear_in_the_shape_is_taken_away(
    fitted: ShapeCorrection, truth: ShapeCorrection
):
    predicted = placed(upright_faces(1, n_faces=400)[300:], 3)  # faces that it has not seen
    target = truth.apply(predicted)
    assert error(fitted.apply(predicted), target) < 0.1 * error(predicted, target)


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(-900, 900), st.floats(-900, 900))
def test_the_correction_moves_with_the_face(
    fitted: ShapeCorrection, degrees: float, factor: float, x: float, y: float
):
    faces = placed(upright_faces(1, n_faces=3), 4)
    moved = compose(translation(x, y), compose(scaling(factor, (0, 0)), rotation(degrees, (9, 7))))
    np.testing.assert_allclose(
        fitted.apply(apply_map(moved, faces)), apply_map(moved, fitted.apply(faces)), atol=1e-6
    )


def test_errors_that_nobody_can_know_are_left_alone():
    target, noise = (
        upright_faces(1, n_faces=400),
        np.random.default_rng(5).normal(size=(400, 12, 2)),
    )
    predicted, target = placed(target + noise, 6), placed(target, 6)
    calibrator = fit_calibrator(predicted[:300], target[:300], groups_of(300))
    before, after = (
        error(predicted[300:], target[300:]),
        error(calibrator.apply(predicted[300:]), target[300:]),
    )
    assert calibrator.alpha > 1
    assert after < 1.03 * before


def test_what_is_read_is_what_was_saved(fitted: ShapeCorrection, tmp_path: Path):
    fitted.save(tmp_path / "calibrator.safetensors")
    (tmp_path / "ordinary").touch()
    modes = [path.stat().st_mode for path in tmp_path.iterdir()]
    assert modes[0] == modes[1]  # as readable as any file
    loaded = load_calibrator(tmp_path / "calibrator.safetensors")
    faces = placed(upright_faces(1, n_faces=5), 7)
    assert (loaded.apply(faces) == fitted.apply(faces)).all()
    assert loaded.alpha == fitted.alpha


def test_unknown_points_and_other_shapes_are_refused():
    faces = upright_faces(1, n_faces=20)
    unknown = faces.copy()
    unknown[3, 4] = np.nan
    with pytest.raises(ValueError, match="all points are known"):
        fit_calibrator(faces, unknown, groups_of(20))
    with pytest.raises(ValueError, match=r"\(20, 12, 2\), target \(19, 12, 2\)"):
        fit_calibrator(faces, faces[:19], groups_of(20))


def test_a_calibrator_that_is_missing_or_damaged_says_what_makes_it(tmp_path: Path):
    path = tmp_path / "a_calibrator.safetensors"
    with pytest.raises(CalibrationError, match="is missing; calibrate.py makes it"):
        load_calibrator(path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(CalibrationError, match="is damaged; calibrate.py makes it"):
        load_calibrator(path)
