"""Rendered landmarks and boxes beside those of the public faces, whose statistics are noted here.

The numbers were measured on the 2,481 training faces of 300-W that we hold and on all 240 of IMM.
"""

import numpy as np
import pytest

from keypoints.core.landmarks import IBUG_68, IMM_58, Scheme
from keypoints.rendered import studio, wild
from keypoints.rendered.chance import Stream, generator

# How far each point of the public 300-W faces spreads about the mean shape: see `spreads`.
IBUG_SPREADS = np.array(
    [0.199, 0.185, 0.182, 0.180, 0.162, 0.132, 0.097, 0.071, 0.067, 0.071, 0.095, 0.128, 0.158]
    + [0.177, 0.180, 0.185, 0.200, 0.093, 0.071, 0.068, 0.078, 0.093, 0.092, 0.079, 0.069, 0.073]
    + [0.093, 0.080, 0.098, 0.123, 0.151, 0.084, 0.092, 0.099, 0.093, 0.086, 0.057, 0.052, 0.047]
    + [0.041, 0.046, 0.051, 0.042, 0.049, 0.053, 0.057, 0.052, 0.047, 0.073, 0.072, 0.086, 0.087]
    + [0.086, 0.073, 0.074, 0.066, 0.079, 0.080, 0.080, 0.067, 0.070, 0.081, 0.082, 0.081, 0.070]
    + [0.076, 0.077, 0.076]
)
# Fraction of the public boxes that each point of the jaw leaves.
JAW_OUTSIDE = np.array(
    [0.34, 0.30, 0.25, 0.19, 0.08, 0.11, 0.41, 0.76, 0.82, 0.74, 0.37, 0.12, 0.15, 0.29, 0.35]
    + [0.41, 0.43]
)
IMM_SPREADS = {"jaw": 0.131, "eyes": 0.047, "brows": 0.067, "mouth": 0.084, "nose": 0.078}
# Median distance of the outer eye corners in a view of IMM, px.
IMM_EYES = {1: 130.0, 2: 131.2, 3: 117.2, 4: 114.1, 5: 127.8, 6: 127.5}


@pytest.fixture(scope="module")
def draws() -> list[wild.IbugScene]:
    """What is known of many wild photos before they are drawn."""
    return [wild.draw_setting(generator(3, Stream.TRAIN_PHOTO, k)) for k in range(300)]


@pytest.fixture(scope="module")
def sittings() -> dict[int, np.ndarray]:
    """Landmarks of 40 drawn people in each view, (40, 58, 2)."""
    people = [studio.sample_sitter(generator(1, Stream.IMM_PERSON, k)) for k in range(40)]
    return {
        view: np.array(
            [
                studio.draw_sitting(
                    person, view, generator(1, Stream.IMM_VIEW, 6 * k + view)
                ).landmarks_photo
                for k, person in enumerate(people)
            ]
        )
        for view in studio.VIEWS
    }


def spreads(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """How far each point spreads about the mean shape, in its inter-ocular distances, (n_points,).

    The root of the mean squared distance, after each face was moved, turned and scaled onto the
    mean (generalised Procrustes analysis).
    """
    shapes = landmarks[..., 0] + 1j * landmarks[..., 1]
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    mean = shapes[0]
    for _ in range(5):
        turns = (shapes.conj() * mean).sum(axis=1, keepdims=True)
        shapes *= turns / np.abs(turns)
        mean = shapes.mean(axis=0)
        mean /= np.linalg.norm(mean)
    left, right = mean[list(scheme.eye_corners)]
    return np.sqrt((np.abs(shapes - mean) ** 2).mean(axis=0)) / np.abs(right - left)


def test_each_point_spreads_about_as_far_as_on_public_faces(draws):
    drawn = spreads(np.array([draw.landmarks_photo for draw in draws], float), IBUG_68)
    assert np.corrcoef(drawn, IBUG_SPREADS)[0, 1] > 0.95
    ratio = drawn / IBUG_SPREADS
    assert ratio.min() > 0.6 and ratio.max() < 1.25  # the chin moves least, 0.7 of the public one
    for part, points in IBUG_68.parts.items():
        assert ratio[list(points)].mean() == pytest.approx(0.92, abs=0.15), part


def test_each_part_spreads_about_as_far_as_on_the_public_people(sittings):
    drawn = spreads(np.concatenate(list(sittings.values())), IMM_58)
    for part, public in IMM_SPREADS.items():
        assert 0.7 < drawn[list(IMM_58.parts[part])].mean() / public < 1.1, part


def test_the_eyes_of_each_view_are_as_far_apart_as_in_the_public_one(sittings):
    for view, public in IMM_EYES.items():
        left, right = sittings[view][:, list(IMM_58.eye_corners)].swapaxes(0, 1)
        assert np.median(np.linalg.norm(left - right, axis=1)) == pytest.approx(public, rel=0.06)


def test_each_point_of_the_jaw_leaves_the_box_as_often_as_on_public_faces(draws):
    landmarks = np.array([draw.landmarks_photo for draw in draws], float)[:, IBUG_68.parts["jaw"]]
    left_top, size = np.split(np.array([draw.box for draw in draws], float)[:, None], 2, axis=-1)
    relative = (landmarks - left_top) / size
    outside = ((relative < 0) | (relative > 1)).any(axis=-1).mean(axis=0)
    np.testing.assert_allclose(outside, JAW_OUTSIDE, atol=0.12)


def test_boxes_are_as_tight_as_those_of_the_public_detector(draws):
    boxes = np.array([draw.box for draw in draws], float)
    landmarks = np.array([draw.landmarks_photo for draw in draws], float)
    width = boxes[:, 2]
    eye_distance = np.linalg.norm(landmarks[:, 36] - landmarks[:, 45], axis=1)
    # Public training faces: median 0.574, standard deviation 0.071.
    assert np.median(eye_distance / width) == pytest.approx(0.574, abs=0.03)
    assert np.std(eye_distance / width) == pytest.approx(0.071, abs=0.025)
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    offset = (landmarks - centre[:, None]) / width[:, None, None]
    # The jaw leaves 93 of 100 public boxes; the chin is 0.566 below the middle in the median.
    assert (np.abs(offset[:, :17]) > 0.5).any(axis=(1, 2)).mean() == pytest.approx(0.93, abs=0.05)
    assert np.median(offset[:, 8, 1]) == pytest.approx(0.566, abs=0.04)
    assert (np.abs(boxes[:, 2] - boxes[:, 3]) <= 1).all()


def test_shapes_spread_like_those_of_the_public_faces(draws):
    landmarks = np.array([draw.landmarks_photo for draw in draws], float)
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=(1, 2)) / 68)
    eyes = landmarks[:, 45] - landmarks[:, 36]
    roll = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    # Public training faces: standard deviations of roll, and of where the nose tip lies between
    # the eye corners (the turn); median of mouth width over eye distance.
    assert roll.std() == pytest.approx(7.8, abs=2)
    along = ((landmarks[:, 30] - landmarks[:, 36]) * eyes).sum(axis=1) / (eyes**2).sum(axis=1)
    assert along.std() == pytest.approx(0.15, abs=0.06)
    mouth = np.linalg.norm(landmarks[:, 54] - landmarks[:, 48], axis=1)
    assert np.median(mouth / np.linalg.norm(eyes, axis=1)) == pytest.approx(0.63, abs=0.05)
    assert np.median(np.linalg.norm(eyes, axis=1) / size) == pytest.approx(1.6, abs=0.08)


def test_photos_reach_twice_the_box_and_some_boxes_leave_them(draws):
    boxes = np.array([draw.box for draw in draws])
    sizes = np.array([draw.framing.size for draw in draws])
    assert np.median(sizes[:, 1] / boxes[:, 2]) == pytest.approx(1.9, abs=0.1)
    leaves = (boxes[:, :2] < 0).any(axis=1) | (boxes[:, :2] + boxes[:, 2:] > sizes[:, ::-1]).any(
        axis=1
    )
    assert 0 < leaves.mean() < 0.1
