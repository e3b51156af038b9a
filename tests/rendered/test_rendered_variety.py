"""Variety of rendered faces: each kind of variation occurs, and is visible in the photos."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from keypoints.core.landmarks import IBUG_68
from keypoints.rendered import imm_photo
from keypoints.rendered.degradation import degrade
from keypoints.rendered.landmarks import find_landmarks
from keypoints.rendered.photo import render_photo
from keypoints.rendered.posing import Framing, pose_head
from keypoints.rendered.sampling import sample_person, sample_scene
from keypoints.rendered.scene import Light, Scene, Stream, generator


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [sample_one(index) for index in range(400)]


def sample_one(index: int) -> Scene:
    rng = generator(2, Stream.IBUG_TRAIN, index)
    return sample_scene(rng, sample_person(rng))


KINDS = {
    "nearly in profile": lambda scene: abs(scene.pose.yaw) > 50,
    "smile": lambda scene: scene.expression.smile > 0.5,
    "open mouth": lambda scene: scene.expression.jaw_open > 0.5,
    "wink": lambda scene: max(scene.expression.lids) == 1.0 > min(scene.expression.lids),
    "tongue": lambda scene: scene.expression.tongue,
    "beard": lambda scene: scene.person.beard > 0.5,
    "glasses": lambda scene: scene.person.glasses is not None,
    "dark glasses": lambda scene: scene.person.glasses and scene.person.glasses.opacity > 0.8,
    "cap": lambda scene: scene.hat and scene.hat.peak > 0,
    "beanie": lambda scene: scene.hat and scene.hat.peak == 0,
    "hand or object in front of the face": lambda scene: scene.is_occluded,
    "hair over the cheeks": lambda scene: (
        scene.person.hair_style.length == "long" and scene.person.hair_style.opening < 55
    ),
    "bald": lambda scene: scene.person.hair_style.length == "none",
    "very dark skin": lambda scene: scene.person.colours.skin.mean() < 0.06,
    "very light skin": lambda scene: scene.person.colours.skin.mean() > 0.5,
    "lamp at the side": lambda scene: np.abs(scene.light.lamps[0, 0]) > 0.9,
}


@pytest.mark.parametrize("is_so", KINDS.values(), ids=KINDS)
def test_each_kind_occurs_in_less_than_half_of_the_scenes(scenes: list[Scene], is_so):
    assert 0 < np.mean([bool(is_so(scene)) for scene in scenes]) < 0.5


def photo_and_landmarks(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Frontal photo of the scene as float, and its landmarks in whole pixels."""
    scene = replace(scene, pose=replace(scene.pose, yaw=0.0, roll=0.0))
    head, framing = pose_head(scene), Framing((240, 240), (120.0, 90.0), 80.0)
    wall = np.full((240, 240, 3), 90, np.uint8)
    photo = render_photo(scene, head, framing, generator(0, Stream.IMM_VIEW, 0), wall)
    landmarks = find_landmarks(IBUG_68, scene, head) * framing.scale + framing.origin
    return photo.astype(float), np.round(landmarks).astype(int)


def unoccluded(scene: Scene) -> Scene:
    """The scene without glasses, hat and occluder."""
    return replace(scene, person=replace(scene.person, glasses=None), hat=None, is_occluded=False)


@pytest.mark.parametrize("part", ["glasses", "hat", "is_occluded"])
def test_occluders_are_rendered_over_the_face(scenes: list[Scene], part: str):
    if part == "glasses":
        scene = next(scene for scene in scenes if scene.person.glasses)
        occluded = replace(unoccluded(scene), person=scene.person)
    else:
        scene = next(scene for scene in scenes if getattr(scene, part))
        occluded = replace(unoccluded(scene), **{part: getattr(scene, part)})
    photo, landmarks = photo_and_landmarks(occluded)
    (x0, y0), (x1, y1) = landmarks.min(axis=0) - 20, landmarks.max(axis=0)
    differs = np.abs(photo - photo_and_landmarks(unoccluded(scene))[0]).max(axis=2) > 20
    assert differs[y0:y1, x0:x1].mean() > 0.01


def test_the_spot_light_of_the_studio_comes_from_the_side():
    for index in range(10):
        person = imm_photo.sample_sitter(generator(1, Stream.IMM_PERSON, index))
        rng = generator(1, Stream.IMM_VIEW, index)
        light = imm_photo.sample_imm_scene(person, imm_photo.SPOT, rng).scene.light
        x, _, z = light.lamps[0]
        assert 54 < np.degrees(np.arctan2(abs(x), z)) < 91


def test_a_lamp_at_the_side_leaves_the_other_cheek_darker(scenes: list[Scene]):
    lamp = Light(np.full(3, 0.2), np.array([[0.94, -0.2, 0.28]]), np.full((1, 3), 1.2), 0.0)
    photo, landmarks = photo_and_landmarks(replace(unoccluded(scenes[0]), light=lamp))
    left, right = (
        photo[y : y + 20, x - 5 : x + 5].mean() for x, y in landmarks[[41, 46]] + (0, 20)
    )
    assert right > 1.5 * left


def test_some_photos_are_blurred_or_grayscale_and_most_edges_stay_sharp():
    photo = np.zeros((100, 400, 3), np.uint8)
    cv2.circle(photo, (200, 50), 12, (40, 120, 240), -1)
    widths, n_grayscale = [], 0
    for index in range(100):
        degraded = degrade(photo, generator(4, Stream.IBUG_TRAIN, index)).astype(float)
        n_grayscale += np.ptp(degraded[50, 200]) == 0
        light = degraded.sum(axis=2) - np.median(degraded.sum(axis=2))
        widths.append((light > 0.2 * light.max()).sum())
    assert 0.05 < n_grayscale / 100 < 0.25
    assert np.mean(np.array(widths) > 1.25 * np.median(widths)) > 0.02
