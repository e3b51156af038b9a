"""Landmark schemes: the parts and contours of a face, and the points that swap under a flip.

"Left" and "right" are those of the image, not of the person. Points are 0-indexed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Contour:
    """Points in sequence along a line of the face."""

    points: tuple[int, ...]
    closed: bool = False


@dataclass(frozen=True)
class Kind:
    """Faces that are labelled by one convention."""

    points: tuple[int, ...]  # all points that these faces may have
    eyes: tuple[int, int]  # points whose distance divides the errors


@dataclass(frozen=True)
class Scheme:
    """A landmark scheme, called markup in the literature.

    Every point belongs to exactly one part and one contour. If faces are labelled by several
    conventions, each has its own points.
    """

    name: str
    n_points: int
    parts: dict[str, tuple[int, ...]]
    flip_pairs: tuple[tuple[int, int], ...]  # swapped by a horizontal flip; others keep their index
    eye_corners: tuple[int, int]  # outer corners of the left and right eye
    nose_tip: int  # at or just below the tip
    contours: tuple[Contour, ...]
    kinds: Mapping[str, Kind] = field(default_factory=dict)  # by name; empty: one convention

    @property
    def norm_name(self) -> str:
        """Distance that divides the errors: of the outer eye corners, or of the eye centres."""
        return "inter-pupil distance" if self.kinds else "inter-ocular distance"

    @property
    def convention_points(self) -> list[tuple[int, ...]]:
        """Points of each convention."""
        kinds = [kind.points for kind in self.kinds.values()]
        return kinds or [tuple(range(self.n_points))]

    @property
    def flip_indices(self) -> np.ndarray:
        """Index that reorders the points of a flipped image, (n_points,)."""
        order = np.arange(self.n_points)
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return order

    def subset_parts(self, points: tuple[int, ...]) -> dict[str, list[int]]:
        """Parts of a face that has only some points, as positions in `points`."""
        positions = {
            part: [points.index(point) for point in members if point in points]
            for part, members in self.parts.items()
        }
        return {part: found for part, found in positions.items() if found}


def _range(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


def _pairs(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(zip(left, right, strict=True))


IMM_58 = Scheme(
    name="imm58",
    n_points=58,
    parts={
        "jaw": _range(0, 12),
        "eyes": _range(13, 28),
        "brows": _range(29, 38),
        "mouth": _range(39, 46),
        "nose": _range(47, 57),
    },
    flip_pairs=(
        _pairs(_range(0, 5), _range(7, 12)[::-1])
        + _pairs(_range(21, 28), _range(13, 20))
        + _pairs(_range(34, 38), _range(29, 33))
        + ((39, 43), (40, 42), (46, 44))
        + _pairs(_range(47, 51), _range(53, 57)[::-1])
    ),
    eye_corners=(21, 13),
    nose_tip=52,
    contours=(
        Contour(_range(0, 12)),
        Contour(_range(13, 20), closed=True),
        Contour(_range(21, 28), closed=True),
        Contour(_range(29, 33)),
        Contour(_range(34, 38)),
        Contour(_range(39, 46), closed=True),
        Contour(_range(47, 57)),
    ),
)

IBUG_68 = Scheme(
    name="ibug68",
    n_points=68,
    parts={
        "jaw": _range(0, 16),
        "brows": _range(17, 26),
        "nose": _range(27, 35),
        "eyes": _range(36, 47),
        "mouth": _range(48, 67),
    },
    flip_pairs=(
        _pairs(_range(0, 7), _range(9, 16)[::-1])
        + _pairs(_range(17, 21), _range(22, 26)[::-1])
        + ((31, 35), (32, 34))
        + _pairs(_range(36, 39), _range(42, 45)[::-1])
        + ((40, 47), (41, 46))
        + _pairs(_range(48, 50), _range(52, 54)[::-1])
        + _pairs(_range(55, 56), _range(58, 59)[::-1])
        + ((60, 64), (61, 63), (67, 65))
    ),
    eye_corners=(36, 45),
    nose_tip=30,
    contours=(
        Contour(_range(0, 16)),
        Contour(_range(17, 21)),
        Contour(_range(22, 26)),
        Contour(_range(27, 30)),
        Contour(_range(31, 35)),
        Contour(_range(36, 41), closed=True),
        Contour(_range(42, 47), closed=True),
        Contour(_range(48, 59), closed=True),
        Contour(_range(60, 67), closed=True),
    ),
)

# Names in the columns of Kaggle's files; here, left and right are those of the person.
KAGGLE_15_POINTS = (
    "left_eye_center",
    "right_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "right_eye_inner_corner",
    "right_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
    "right_eyebrow_inner_end",
    "right_eyebrow_outer_end",
    "nose_tip",
    "mouth_left_corner",
    "mouth_right_corner",
    "mouth_center_top_lip",
    "mouth_center_bottom_lip",
)
KAGGLE_15_COLUMNS = tuple(f"{point}_{axis}" for point in KAGGLE_15_POINTS for axis in "xy")

# The points that faces of the second kind have. They follow another convention: the nose point is
# at the base of the nose and the lip point between the lips.
FOUR_POINTS = (0, 1, 10, 14)

# Points 15 to 18 are FOUR_POINTS of the second kind of faces.
KAGGLE_15 = Scheme(
    name="kaggle15",
    n_points=19,
    parts={
        "eyes": (*_range(0, 5), 15, 16),
        "brows": _range(6, 9),
        "nose": (10, 17),
        "mouth": (*_range(11, 14), 18),
    },
    flip_pairs=_pairs((1, 4, 5, 8, 9, 12, 16), (0, 2, 3, 6, 7, 11, 15)),
    eye_corners=(5, 3),
    nose_tip=10,
    contours=(
        Contour((5, 1, 4)),
        Contour((2, 0, 3)),
        Contour((9, 8)),
        Contour((6, 7)),
        Contour((10,)),
        Contour((12, 13, 11, 14), closed=True),
        *(Contour((point,)) for point in _range(15, 18)),
    ),
    kinds={
        "15 points": Kind(_range(0, 14), eyes=(1, 0)),
        "4 points": Kind(_range(15, 18), eyes=(16, 15)),
    },
)

# Points of iBUG-68 whose mean is each point: an eye centre is the mean of the eye's outline.
_EYE_CENTRES = (_range(42, 47), _range(36, 41))
KAGGLE_15_FROM_IBUG = (
    *_EYE_CENTRES,
    *((point,) for point in (42, 45, 39, 36, 22, 26, 21, 17, 30, 54, 48, 51, 57)),
    *_EYE_CENTRES,
    (33,),
    (62, 66),
)

SCHEMES = {scheme.name: scheme for scheme in (IMM_58, IBUG_68, KAGGLE_15)}


def flip_indices_of(points: tuple[int, ...], scheme: Scheme) -> list[int]:
    """Positions of the flip partners of `points` among `points`; ValueError if one is missing."""
    return [points.index(int(twin)) for twin in scheme.flip_indices[list(points)]]


def contour_neighbours(points: tuple[int, ...], scheme: Scheme) -> list[tuple[int, int]]:
    """Positions, among `points`, of the points before and after each one on its contour.

    A point without a neighbour, for example at an end of an open contour, is its own neighbour.
    """
    found = {point: (number, number) for number, point in enumerate(points)}
    for contour in scheme.contours:
        line = [point for point in contour.points if point in found]
        for number, point in enumerate(line):
            before, after = number - 1, number + 1
            if not contour.closed:
                before, after = max(before, 0), min(after, len(line) - 1)
            found[point] = points.index(line[before]), points.index(line[after % len(line)])
    return list(found.values())
