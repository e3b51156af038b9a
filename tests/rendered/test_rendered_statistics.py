"""Statistics of rendered landmarks and boxes, compared with those of the public faces.

The recorded numbers were measured on 2,481 training faces of 300-W and on all 240 faces of IMM.
"""

import numpy as np
import pytest

from keypoints.core.landmarks import IBUG_68, IMM_58, Scheme
from keypoints.rendered import imm_photo
from keypoints.rendered.ibug_photo import IbugScene, sample_ibug_scene
from keypoints.rendered.scene import Stream, generator

# Spread of each landmark of the public 300-W faces about the mean shape: see `spreads`.
IBUG_SPREADS = np.array(
    [0.199, 0.185, 0.182, 0.180, 0.162, 0.132, 0.097, 0.071, 0.067, 0.071, 0.095, 0.128, 0.158]
    + [0.177, 0.180, 0.185, 0.200, 0.093, 0.071, 0.068, 0.078, 0.093, 0.092, 0.079, 0.069, 0.073]
    + [0.093, 0.080, 0.098, 0.123, 0.151, 0.084, 0.092, 0.099, 0.093, 0.086, 0.057, 0.052, 0.047]
    + [0.041, 0.046, 0.051, 0.042, 0.049, 0.053, 0.057, 0.052, 0.047, 0.073, 0.072, 0.086, 0.087]
    + [0.086, 0.073, 0.074, 0.066, 0.079, 0.080, 0.080, 0.067, 0.070, 0.081, 0.082, 0.081, 0.070]
    + [0.076, 0.077, 0.076]
)
# Fraction of the public faces in which each landmark of the jaw is outside the box.
JAW_OUTSIDE = np.array(
    [0.34, 0.30, 0.25, 0.19, 0.08, 0.11, 0.41, 0.76, 0.82, 0.74, 0.37, 0.12, 0.15, 0.29, 0.35]
    + [0.41, 0.43]
)
IMM_SPREADS = {"jaw": 0.131, "eyes": 0.047, "brows": 0.067, "mouth": 0.084, "nose": 0.078}
# Median inter-ocular distance in each view of the public IMM set, px.
IMM_EYES = {1: 130.0, 2: 131.2, 3: 117.2, 4: 114.1, 5: 127.8, 6: 127.5}


@pytest.fixture(scope="module")
def ibug_scenes() -> list[IbugScene]:
    return [sample_ibug_scene(generator(3, Stream.IBUG_TRAIN, k)) for k in range(300)]


@pytest.fixture(scope="module")
def ibug_landmarks(ibug_scenes: list[IbugScene]) -> np.ndarray:
    """(300, 68, 2)."""
    return np.array([scene.landmarks_photo for scene in ibug_scenes], float)


@pytest.fixture(scope="module")
def imm_landmarks() -> dict[int, np.ndarray]:
    """Landmarks of 40 people in each view, (40, 58, 2)."""
    people = [imm_photo.sample_sitter(generator(1, Stream.IMM_PERSON, k)) for k in range(40)]
    found: dict[int, list[np.ndarray]] = {view: [] for view in imm_photo.VIEWS}
    for view in imm_photo.VIEWS:
        for k, person in enumerate(people):
            rng = generator(1, Stream.IMM_VIEW, 6 * k + view)
            found[view].append(imm_photo.sample_imm_scene(person, view, rng).landmarks_photo)
    return {view: np.array(landmarks) for view, landmarks in found.items()}


def spreads(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Spread of each landmark about the mean shape, in inter-ocular distances, (n_points,).

    The spread is the root mean squared distance after a generalised Procrustes analysis.
    """
    shapes = landmarks[..., 0] + 1j * landmarks[..., 1]
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    mean = shapes[0]
    for _ in range(5):
        rotations = (shapes.conj() * mean).sum(axis=1, keepdims=True)
        shapes *= rotations / np.abs(rotations)
        mean = shapes.mean(axis=0)
        mean /= np.linalg.norm(mean)
    left, right = mean[list(scheme.eye_corners)]
    return np.sqrt((np.abs(shapes - mean) ** 2).mean(axis=0)) / np.abs(right - left)


def test_each_landmark_spreads_about_as_far_as_on_public_faces(ibug_landmarks):
    rendered = spreads(ibug_landmarks, IBUG_68)
    assert np.corrcoef(rendered, IBUG_SPREADS)[0, 1] > 0.95
    ratio = rendered / IBUG_SPREADS
    assert ratio.min() > 0.6 and ratio.max() < 1.25  # the lowest is that of the chin, 0.7
    for part, points in IBUG_68.parts.items():
        assert ratio[list(points)].mean() == pytest.approx(0.92, abs=0.15), part


def test_each_part_spreads_about_as_far_as_on_the_public_people(imm_landmarks):
    rendered = spreads(np.concatenate(list(imm_landmarks.values())), IMM_58)
    for part, public in IMM_SPREADS.items():
        assert 0.7 < rendered[list(IMM_58.parts[part])].mean() / public < 1.1, part


def test_the_eyes_of_each_view_are_as_far_apart_as_in_the_public_one(imm_landmarks):
    for view, public in IMM_EYES.items():
        left, right = imm_landmarks[view][:, list(IMM_58.eye_corners)].swapaxes(0, 1)
        assert np.median(np.linalg.norm(left - right, axis=1)) == pytest.approx(public, rel=0.06)


def test_each_landmark_of_the_jaw_is_outside_the_box_as_often_as_on_public_faces(
    ibug_scenes, ibug_landmarks
):
    boxes = np.array([scene.box for scene in ibug_scenes], float)
    left_top, size = np.split(boxes[:, None], 2, axis=-1)
    relative = (ibug_landmarks[:, IBUG_68.parts["jaw"]] - left_top) / size
    outside = ((relative < 0) | (relative > 1)).any(axis=-1).mean(axis=0)
    np.testing.assert_allclose(outside, JAW_OUTSIDE, atol=0.12)


def test_boxes_are_as_tight_as_those_of_the_public_detector(ibug_scenes, ibug_landmarks):
    boxes, landmarks = np.array([scene.box for scene in ibug_scenes], float), ibug_landmarks
    width = boxes[:, 2]
    eye_distance = np.linalg.norm(landmarks[:, 36] - landmarks[:, 45], axis=1)
    # Public training faces: median 0.574, standard deviation 0.071.
    assert np.median(eye_distance / width) == pytest.approx(0.574, abs=0.03)
    assert np.std(eye_distance / width) == pytest.approx(0.071, abs=0.025)
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    offset = (landmarks - centre[:, None]) / width[:, None, None]
    # Public training faces: the jaw exceeds 93 % of the boxes, and the chin is 0.566 box widths
    # below the middle in the median.
    assert (np.abs(offset[:, :17]) > 0.5).any(axis=(1, 2)).mean() == pytest.approx(0.93, abs=0.05)
    assert np.median(offset[:, 8, 1]) == pytest.approx(0.566, abs=0.04)
    assert (np.abs(boxes[:, 2] - boxes[:, 3]) <= 1).all()


def test_rolls_yaws_and_proportions_vary_as_on_public_faces(ibug_landmarks):
    landmarks = ibug_landmarks
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=(1, 2)) / 68)
    eyes = landmarks[:, 45] - landmarks[:, 36]
    roll = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    # Public training faces: standard deviations of roll and of the relative position of the nose
    # tip between the eye corners (a proxy of yaw); median ratio of mouth width to eye distance.
    assert roll.std() == pytest.approx(7.8, abs=2)
    along = ((landmarks[:, 30] - landmarks[:, 36]) * eyes).sum(axis=1) / (eyes**2).sum(axis=1)
    assert along.std() == pytest.approx(0.15, abs=0.06)
    mouth = np.linalg.norm(landmarks[:, 54] - landmarks[:, 48], axis=1)
    assert np.median(mouth / np.linalg.norm(eyes, axis=1)) == pytest.approx(0.63, abs=0.05)
    assert np.median(np.linalg.norm(eyes, axis=1) / size) == pytest.approx(1.6, abs=0.08)


def test_photos_are_twice_as_wide_as_the_box_and_some_boxes_exceed_them(ibug_scenes):
    boxes = np.array([scene.box for scene in ibug_scenes])
    sizes = np.array([scene.framing.size for scene in ibug_scenes])
    assert np.median(sizes[:, 1] / boxes[:, 2]) == pytest.approx(1.9, abs=0.1)
    ends = boxes[:, :2] + boxes[:, 2:]
    exceeds = (boxes[:, :2] < 0).any(axis=1) | (ends > sizes[:, ::-1]).any(axis=1)
    assert 0 < exceeds.mean() < 0.1
