"""Everything that rendered faces are said to vary in is among the draws, and can be seen."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from keypoints.core.landmarks import IBUG_68
from keypoints.rendered import studio
from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.degradation import degrade
from keypoints.rendered.photo import draw_photo
from keypoints.rendered.posing import Framing, find_landmarks, pose_head
from keypoints.rendered.sampling import draw_look, draw_person
from keypoints.rendered.scene import Light, Scene


@pytest.fixture(scope="module")
def looks() -> list[Scene]:
    return [draw_one(index) for index in range(400)]


def draw_one(index: int) -> Scene:
    rng = generator(2, Stream.TRAIN_PHOTO, index)
    return draw_look(rng, draw_person(rng))


KINDS = {
    "nearly in profile": lambda look: abs(look.pose.yaw) > 50,
    "smile": lambda look: look.expression.smile > 0.5,
    "open mouth": lambda look: look.expression.jaw_open > 0.5,
    "wink": lambda look: max(look.expression.lids) == 1.0 > min(look.expression.lids),
    "tongue": lambda look: look.expression.tongue,
    "beard": lambda look: look.person.beard > 0.5,
    "glasses": lambda look: look.person.glasses is not None,
    "dark glasses": lambda look: look.person.glasses and look.person.glasses.opacity > 0.8,
    "cap": lambda look: look.hat and look.hat.peak > 0,
    "beanie": lambda look: look.hat and look.hat.peak == 0,
    "hand or object before the face": lambda look: look.is_occluded,
    "hair over the cheeks": lambda look: (
        look.person.hair_style.cover == "long" and look.person.hair_style.opening < 55
    ),
    "bald": lambda look: look.person.hair_style.cover == "none",
    "very dark skin": lambda look: look.person.skin.mean() < 0.06,
    "very light skin": lambda look: look.person.skin.mean() > 0.5,
    "lamp at the side": lambda look: np.abs(look.light.lamps[0, 0]) > 0.9,
}


@pytest.mark.parametrize("is_so", KINDS.values(), ids=KINDS)
def test_each_kind_is_drawn_now_and_then(looks: list[Scene], is_so):
    assert 0 < np.mean([bool(is_so(look)) for look in looks]) < 0.5


def photo_and_landmarks(look: Scene) -> tuple[np.ndarray, np.ndarray]:
    """A photo of the look from the front, as float, and its landmarks, whole pixels."""
    look = replace(look, pose=replace(look.pose, yaw=0.0, roll=0.0))
    posed, framing = pose_head(look), Framing((240, 240), (120.0, 90.0), 80.0)
    wall = np.full((240, 240, 3), 90, np.uint8)
    photo = draw_photo(look, posed, framing, generator(0, Stream.IMM_VIEW, 0), wall)
    landmarks = find_landmarks(IBUG_68, look, posed) * framing.scale + framing.origin
    return photo.astype(float), np.round(landmarks).astype(int)


def bare(look: Scene) -> Scene:
    """The same without anything before the face."""
    return replace(look, person=replace(look.person, glasses=None), hat=None, is_occluded=False)


@pytest.mark.parametrize(
    "part",
    ["glasses", "hat", "is_occluded"],
)
def test_what_is_before_the_face_is_drawn_over_it(looks: list[Scene], part: str):
    look = next(
        look
        for look in looks
        if (look.person.glasses if part == "glasses" else getattr(look, part))
    )
    plain = bare(look)
    wanted = (
        replace(plain, person=look.person)
        if part == "glasses"
        else replace(plain, **{part: getattr(look, part)})
    )
    photo, landmarks = photo_and_landmarks(wanted)
    (x0, y0), (x1, y1) = landmarks.min(axis=0) - 20, landmarks.max(axis=0)
    differs = np.abs(photo - photo_and_landmarks(plain)[0]).max(axis=2) > 20
    assert differs[y0:y1, x0:x1].mean() > 0.01


def test_the_spot_light_of_the_studio_comes_from_a_side():
    for index in range(10):
        person = studio.sample_sitter(generator(1, Stream.IMM_PERSON, index))
        rng = generator(1, Stream.IMM_VIEW, index)
        light = studio.draw_sitting(person, studio.SPOT, rng).look.light
        x, _, z = light.lamps[0]
        assert 54 < np.degrees(np.arctan2(abs(x), z)) < 91


def test_a_lamp_at_the_side_leaves_the_other_cheek_darker(looks: list[Scene]):
    lamp = Light(np.full(3, 0.2), np.array([[0.94, -0.2, 0.28]]), np.full((1, 3), 1.2), 0.0)
    photo, landmarks = photo_and_landmarks(replace(bare(looks[0]), light=lamp))
    left, right = (
        photo[y : y + 20, x - 5 : x + 5].mean() for x, y in landmarks[[41, 46]] + (0, 20)
    )
    assert right > 1.5 * left


def test_some_photos_are_moved_some_blurred_some_grey_and_most_keep_their_edges():
    photo = np.zeros((100, 400, 3), np.uint8)
    cv2.circle(photo, (200, 50), 12, (40, 120, 240), -1)
    widths, n_grey = [], 0
    for index in range(100):
        spoiled = degrade(photo, generator(4, Stream.TRAIN_PHOTO, index)).astype(float)
        n_grey += np.ptp(spoiled[50, 200]) == 0
        light = spoiled.sum(axis=2) - np.median(spoiled.sum(axis=2))
        widths.append((light > 0.2 * light.max()).sum())
    assert 0.05 < n_grey / 100 < 0.25
    assert np.mean(np.array(widths) > 1.25 * np.median(widths)) > 0.02
