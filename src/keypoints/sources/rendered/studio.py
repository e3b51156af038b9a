"""A person's six photos in a studio: one person of the IMM set."""

from dataclasses import replace

import numpy as np

from keypoints.landmarks import IMM_58
from keypoints.sources.rendered.backdrop import paint_wall
from keypoints.sources.rendered.camera_flaws import add_grain, without_colour
from keypoints.sources.rendered.look import (
    Look,
    Person,
    Pose,
    draw_expression,
    draw_light,
    draw_person,
    linear,
)
from keypoints.sources.rendered.photo import Framing, draw_photo, find_landmarks, pose_head
from keypoints.sources.rendered.shape import Expression

SIZE = (480, 640)
VIEWS = (1, 2, 3, 4, 5, 6)
NEUTRAL, HAPPY, TURNED_RIGHT, TURNED_LEFT, SPOT, FREE = VIEWS

# Measured on the 240 public photos: inter-ocular distance of frontal faces, mean of their
# landmarks, and its spread, in photo pixels; the turn from how much closer the eye corners get.
EYE_DISTANCE, EYE_DISTANCE_STD = 130.0, 10.0
CENTRE, CENTRE_STD = np.array([325.0, 280.0]), np.array([20.0, 14.0])
TURN, TURN_STD = 28.0, 5.0


def draw_sitter(rng: np.random.Generator) -> Person:
    """A person as they come to a studio: without sunglasses; a sixth are women."""
    person = draw_person(rng, is_female=bool(rng.random() < 0.175))
    return replace(person, glasses="none")


def draw_view(
    person: Person, view: int, rng: np.random.Generator, *, grey: bool
) -> tuple[np.ndarray, np.ndarray]:
    """One of the six photos and its 58 landmarks in photo pixels, (58, 2)."""
    look = Look(
        person=person,
        expression=_expression(rng, view),
        pose=_pose(rng, view),
        light=draw_light(rng, side_spot=view == SPOT),
        cloth=linear(rng.uniform(20, 170, 3)),
    )
    scale = rng.normal(EYE_DISTANCE, EYE_DISTANCE_STD)
    posed = pose_head(look)
    unit = find_landmarks(IMM_58, look, posed)
    centre = rng.normal(CENTRE, CENTRE_STD)
    # A turned head sits where the frontal one did: its landmarks move to the side.
    origin = centre - (0.0, unit[:, 1].mean() * scale)
    low = 2 - unit.min(axis=0) * scale
    high = np.array([SIZE[1], SIZE[0]]) - 3 - unit.max(axis=0) * scale
    origin = np.clip(origin, low, high)
    framing = Framing(SIZE, (float(origin[0]), float(origin[1])), float(scale))
    photo = draw_photo(look, posed, framing, rng, paint_wall(rng, SIZE))
    photo = add_grain(photo, rng, rng.uniform(0, 4))
    return without_colour(photo) if grey else photo, unit * scale + origin


def _expression(rng: np.random.Generator, view: int) -> Expression:
    if view == HAPPY:
        jaw = float(rng.uniform(0.0, 0.35))
        return Expression(smile=float(rng.uniform(0.7, 1.3)), jaw_open=jaw, upper_lip_raise=jaw)
    if view == FREE:
        return draw_expression(rng)
    lids = float(rng.normal(0, 0.15))
    return Expression(smile=float(rng.normal(0, 0.1)), lids=(lids, lids))


def _pose(rng: np.random.Generator, view: int) -> Pose:
    yaw = rng.normal(0, 3)
    if view in (TURNED_RIGHT, TURNED_LEFT):
        yaw = rng.normal(TURN, TURN_STD) * (-1 if view == TURNED_RIGHT else 1)
    if view == FREE:
        yaw = rng.normal(0, 8)
    return Pose(float(yaw), float(rng.normal(9, 4)), float(rng.normal(0, 2)), 14.0)
