"""A person's six photos in a studio: one person of the IMM set."""

from dataclasses import dataclass, replace

import numpy as np

from keypoints.core.landmarks import IMM_58
from keypoints.rendered.backdrop import paint_wall
from keypoints.rendered.degradation import add_grain, without_colour
from keypoints.rendered.difficulty import REALISTIC, Difficulty
from keypoints.rendered.expression import Expression
from keypoints.rendered.photo import draw_photo
from keypoints.rendered.posing import Framing, PosedHead, find_landmarks, pose_head
from keypoints.rendered.sampling import draw_expression, draw_light, draw_person
from keypoints.rendered.scene import Person, Pose, Scene

SIZE = (480, 640)
VIEWS = (1, 2, 3, 4, 5, 6)
NEUTRAL, HAPPY, TURNED_RIGHT, TURNED_LEFT, SPOT, FREE = VIEWS

# Measured on the 240 public photos, in photo pixels: inter-ocular distance of frontal faces (the
# nearer nose makes the drawn one smaller), mean of the landmarks with its spread over the photos of
# a view; how far it moves when the head turns; the turn, from how much closer the eye corners get.
EYE_DISTANCE, EYE_DISTANCE_STD = 133.0, 8.0
CENTRE = np.array([325.0, 280.0])
CENTRE_STD = {
    NEUTRAL: 16.0,
    HAPPY: 21.0,
    TURNED_RIGHT: 28.0,
    TURNED_LEFT: 28.0,
    SPOT: 22.0,
    FREE: 38.0,
}
HEIGHT_STD = 14.0
TURN_SHIFT = 56.0
TURN, TURN_STD = 28.0, 6.0


def sample_sitter(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> Person:
    """A person as they come to a studio: without glasses; a sixth are women."""
    person = draw_person(rng, difficulty.occlusion, is_female=bool(rng.random() < 0.175))
    return replace(person, glasses=None)


@dataclass(frozen=True)
class ImmScene:
    """All that is known of a photo before it is drawn.

    Attributes:
        look: What it shows.
        posed: The head, with inter-ocular distances as its unit.
        framing: Where the head stands in the photo.
        landmarks_photo: (58, 2).
    """

    look: Scene
    posed: PosedHead
    framing: Framing
    landmarks_photo: np.ndarray


def draw_view(
    person: Person,
    view: int,
    rng: np.random.Generator,
    difficulty: Difficulty = REALISTIC,
    *,
    grey: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """One of the six photos and its 58 landmarks in photo pixels, (58, 2).

    The difficulty scales turns, expressions and the spot light too: at 0 the views are alike.
    """
    draw = draw_sitting(person, view, rng, difficulty)
    photo = draw_photo(draw.look, draw.posed, draw.framing, rng, paint_wall(rng, SIZE))
    photo = add_grain(photo, rng, rng.uniform(0, 4 * difficulty.camera))
    return without_colour(photo) if grey else photo, draw.landmarks_photo


def draw_sitting(
    person: Person, view: int, rng: np.random.Generator, difficulty: Difficulty = REALISTIC
) -> ImmScene:
    """Draw how the person sits for one of the six photos."""
    look = Scene(
        person=person,
        expression=_expression(rng, view, difficulty.expression),
        pose=_pose(rng, view, difficulty.pose),
        light=draw_light(rng, person.skin, difficulty.light, side_spot=view == SPOT),
    )
    posed = pose_head(look)
    unit = find_landmarks(IMM_58, look, posed)  # inter-ocular distances
    framing = _frame(rng, view, unit)
    return ImmScene(look, posed, framing, unit * framing.scale + framing.origin)


def _frame(rng: np.random.Generator, view: int, unit: np.ndarray) -> Framing:
    """Place the face as the public photographer did, with every landmark in the photo."""
    scale = float(rng.normal(EYE_DISTANCE, EYE_DISTANCE_STD))
    centre = rng.normal(CENTRE, (CENTRE_STD[view], HEIGHT_STD))
    centre[0] += {TURNED_RIGHT: -TURN_SHIFT, TURNED_LEFT: TURN_SHIFT}.get(view, 0.0)
    origin = centre - unit.mean(axis=0) * scale
    height, width = SIZE
    low = 2 - unit.min(axis=0) * scale
    high = (width - 3, height - 3) - unit.max(axis=0) * scale
    x, y = np.clip(origin, low, high)
    return Framing(SIZE, (float(x), float(y)), scale)


def _expression(rng: np.random.Generator, view: int, difficulty: float) -> Expression:
    if view == HAPPY:
        strength = min(difficulty, 1.0)  # nobody smiles more than that
        jaw = strength * float(rng.uniform(0.0, 0.35))
        smile = strength * float(rng.uniform(0.7, 1.3))
        return Expression(smile=smile, jaw_open=jaw, upper_lip_raise=jaw)
    if view == FREE:
        return draw_expression(rng, difficulty)
    lids = float(rng.normal(0, 0.15 * difficulty))
    return Expression(smile=float(rng.normal(0, 0.1 * difficulty)), lids=(lids, lids))


def _pose(rng: np.random.Generator, view: int, difficulty: float) -> Pose:
    yaw = rng.normal(0, 3)
    if view in (TURNED_RIGHT, TURNED_LEFT):
        yaw = rng.normal(TURN, TURN_STD) * (-1 if view == TURNED_RIGHT else 1)
    if view == FREE:
        yaw = rng.normal(0, 10)
    yaw = float(np.clip(difficulty * yaw, -65, 65))
    pitch, roll = rng.normal((9, 0), (4 * difficulty, 2 * difficulty)).tolist()
    return Pose(yaw, pitch, roll, 14.0)
