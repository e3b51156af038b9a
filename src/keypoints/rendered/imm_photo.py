"""Photos of the IMM layout: six views of each person in a studio."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from keypoints.core.landmarks import IMM_58
from keypoints.rendered.background import render_wall
from keypoints.rendered.degradation import add_noise, to_grayscale
from keypoints.rendered.expression import Expression
from keypoints.rendered.landmarks import find_landmarks
from keypoints.rendered.photo import render_photo
from keypoints.rendered.posing import Framing, PosedHead, pose_head
from keypoints.rendered.sampling import (
    REALISTIC,
    Difficulty,
    sample_expression,
    sample_light,
    sample_person,
)
from keypoints.rendered.scene import Light, Person, Pose, Scene

PHOTO_SIZE = (480, 640)  # height, width
VIEWS = (1, 2, 3, 4, 5, 6)
NEUTRAL, HAPPY, TURNED_RIGHT, TURNED_LEFT, SPOT, FREE = VIEWS

# Measured on the 240 public photos, in photo pixels.
# Inter-ocular distance of frontal faces. Rendered ones are smaller, because the nose is nearer.
EYE_DISTANCE, EYE_DISTANCE_STD = 133.0, 8.0
# Mean of the landmarks, (x, y), and its standard deviation along x in each view, and along y.
CENTRE = np.array([325.0, 280.0])
CENTRE_STD = dict(zip(VIEWS, (16.0, 21.0, 28.0, 28.0, 22.0, 38.0), strict=True))
HEIGHT_STD = 14.0
# Shift of the landmarks along x in a turned view.
TURN_SHIFT = 56.0
# Yaw of a turned view in degrees, from the apparent distance of the eye corners.
TURN, TURN_STD = 28.0, 6.0
# Colour cast of the skin, (blue, green, red), linear.
TINT = 0.62 * np.array([1.2, 0.95, 1.25])


def sample_sitter(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> Person:
    """Sample a person for the studio: without glasses, and female with a probability of 17.5 %."""
    person = sample_person(rng, difficulty.occlusion, is_female=bool(rng.random() < 0.175))
    style, cloth = person.hair_style, person.colours.cloth
    return replace(
        person,
        glasses=None,
        colours=replace(person.colours, cloth=0.2 * cloth + 0.3 * cloth.mean()),
        hair_style=replace(
            style,
            front=style.front - 0.15,
            opening=0.5 * style.opening + 35,
            volume=0.65 * style.volume,
            curl=0.6 * style.curl**2,
        ),
    )


@dataclass(frozen=True)
class ImmScene:
    """Everything about a photo that is determined before it is rendered.

    Attributes:
        scene: Contents of the photo.
        head: Result of `pose_head(scene)`.
        framing: Position of the head in the photo.
        landmarks_photo: (58, 2).
    """

    scene: Scene
    head: PosedHead
    framing: Framing
    landmarks_photo: np.ndarray


def render_imm_photo(
    person: Person,
    view: int,
    rng: np.random.Generator,
    difficulty: Difficulty = REALISTIC,
    *,
    grayscale: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Render one of the six photos of a person.

    Args:
        person: Result of `sample_sitter`.
        view: One of `VIEWS`.
        rng: Random numbers.
        difficulty: Scale of the variation; it includes the yaw of the turned views, the smile of
            the happy one and the lamp of the spot light. At 0, all views are alike.
        grayscale: Whether to convert the photo to grayscale.

    Returns:
        Photo, uint8 (height, width, 3), and its landmarks in photo pixels, (58, 2).
    """
    imm = sample_imm_scene(person, view, rng, difficulty)
    (x, y), unit = imm.framing.origin, imm.framing.scale
    x -= 2 * unit * imm.scene.light.lamps[0, 0]
    shadow = (x, y + 0.6 * unit, 1.1 * unit, 1.9 * unit)
    has_spot = view == SPOT and difficulty.light > 0
    wall = render_wall(rng, PHOTO_SIZE, shadow if has_spot else None)
    photo = render_photo(imm.scene, imm.head, imm.framing, rng, wall)
    photo = cv2.GaussianBlur(photo, (0, 0), 0.7)
    photo = add_noise(photo, rng, rng.uniform(0, 4 * difficulty.camera))
    return to_grayscale(photo) if grayscale else photo, imm.landmarks_photo


def sample_imm_scene(
    person: Person, view: int, rng: np.random.Generator, difficulty: Difficulty = REALISTIC
) -> ImmScene:
    """Sample expression, pose, light and framing of one of the six photos of a person."""
    scene = Scene(
        person=person,
        expression=_sample_expression(rng, view, difficulty.expression),
        pose=_sample_pose(rng, view, difficulty.pose),
        light=_sample_light(rng, view, person.colours.skin, difficulty.light),
        in_studio=True,
    )
    head = pose_head(scene)
    landmarks = find_landmarks(IMM_58, scene, head)  # in inter-ocular distances
    framing = _sample_framing(rng, view, landmarks)
    return ImmScene(scene, head, framing, landmarks * framing.scale + framing.origin)


def _sample_framing(rng: np.random.Generator, view: int, landmarks: np.ndarray) -> Framing:
    """Sample the position of the face as in the public photos, with all landmarks in the photo."""
    scale = float(rng.normal(EYE_DISTANCE, EYE_DISTANCE_STD))
    centre = rng.normal(CENTRE, (CENTRE_STD[view], HEIGHT_STD))
    centre[0] += {TURNED_RIGHT: -TURN_SHIFT, TURNED_LEFT: TURN_SHIFT}.get(view, 0.0)
    origin = centre - landmarks.mean(axis=0) * scale
    height, width = PHOTO_SIZE
    low = 2 - landmarks.min(axis=0) * scale
    high = (width - 3, height - 3) - landmarks.max(axis=0) * scale
    x, y = np.clip(origin, low, high)
    return Framing(PHOTO_SIZE, (float(x), float(y)), scale)


def _sample_light(
    rng: np.random.Generator, view: int, skin: np.ndarray, difficulty: float
) -> Light:
    """Sample the light: from the front, except for the spot light."""
    light = sample_light(rng, skin, difficulty, side_spot=view == SPOT)
    light = replace(light, ambient=TINT * light.ambient, colours=TINT * light.colours)
    if view == SPOT and difficulty > 0:
        return replace(light, ambient=1.6 * light.ambient, colours=1.6 * light.colours)
    lamps = light.lamps + (0.0, -0.5, 1.5)
    lamps /= np.linalg.norm(lamps, axis=1, keepdims=True)
    return replace(light, ambient=0.6 * light.ambient, lamps=lamps, colours=1.3 * light.colours)


def _sample_expression(rng: np.random.Generator, view: int, difficulty: float) -> Expression:
    if view == HAPPY:
        strength = min(difficulty, 1.0)  # a stronger smile would not be realistic
        jaw = strength * float(rng.uniform(0.0, 0.35))
        smile = strength * float(rng.uniform(0.7, 1.3))
        return Expression(smile=smile, jaw_open=jaw, upper_lip_raise=jaw)
    if view == FREE:
        return sample_expression(rng, difficulty)
    lids = float(rng.normal(0, 0.15 * difficulty))
    return Expression(smile=float(rng.normal(0, 0.1 * difficulty)), lids=(lids, lids))


def _sample_pose(rng: np.random.Generator, view: int, difficulty: float) -> Pose:
    yaw = rng.normal(0, 3)
    if view in (TURNED_RIGHT, TURNED_LEFT):
        yaw = rng.normal(TURN, TURN_STD) * (-1 if view == TURNED_RIGHT else 1)
    if view == FREE:
        yaw = rng.normal(0, 10)
    yaw = float(np.clip(difficulty * yaw, -65, 65))
    pitch, roll = rng.normal((9, 0), (4 * difficulty, 2 * difficulty)).tolist()
    return Pose(yaw, pitch, roll, 14.0)
