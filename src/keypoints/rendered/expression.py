"""Expression: displacement of the control points from a neutral face."""

from dataclasses import dataclass

import numpy as np

from keypoints.rendered.head import Head, bump_kernel, ramp

_BROWS = slice(17, 27)
_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))  # (upper, lower)
_LOWER_LIP = (55, 56, 57, 58, 59, 65, 66, 67)
_UPPER_LIP = (49, 50, 51, 52, 53, 61, 62, 63)
_CORNERS = [48, 54, 60, 64]
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))  # (upper, lower)
# Gap between the lips of the mean head, whose landmarks come from photos of smiling people.
_MEAN_GAP = 0.065


@dataclass(frozen=True)
class Expression:
    """Expression parameters; 0 is neutral, and 1 is the full movement unless noted otherwise.

    Attributes:
        jaw_open: Rotation of the lower jaw.
        smile: Corners of the mouth out and up, cheeks up; below 0, corners down.
        pucker: Mouth narrow and forward.
        upper_lip_raise: Upper lip up, so that the upper teeth show.
        brow_raise: Brows up; below 0, a frown.
        lids: Closure of the left and the right eye; below 0, wide open.
        mouth_shift: Sideways shift of the mouth, in inter-ocular distances.
        tongue: Whether the tongue is out.
    """

    jaw_open: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    upper_lip_raise: float = 0.0
    brow_raise: float = 0.0
    lids: tuple[float, float] = (0.0, 0.0)
    mouth_shift: float = 0.0
    tongue: bool = False


def expression_shift(head: Head, expression: Expression) -> np.ndarray:
    """Displacement of each control point, (n_controls, 3), to add to that of the identity."""
    rest = head.controls
    shift = np.zeros_like(rest)
    _close_mouth(shift, rest)
    _move_jaw(shift, rest, expression.jaw_open)
    _move_mouth(shift, rest, expression)
    _move_brows_and_lids(shift, rest, expression)
    return shift


def _close_mouth(shift: np.ndarray, rest: np.ndarray) -> None:
    """Undo the parted lips and the slight smile of the mean head."""
    for upper, lower in _INNER_LIPS:
        shift[upper, 1] += 0.33 * _MEAN_GAP
        shift[lower, 1] -= 0.67 * _MEAN_GAP
    shift[[55, 56, 57, 58, 59], 1] -= np.array([0.3, 0.6, 0.6, 0.6, 0.3]) * _MEAN_GAP
    shift[[49, 50, 51, 52, 53], 1] += 0.15 * _MEAN_GAP
    shift[_CORNERS, 0] -= 0.05 * rest[_CORNERS, 0]
    shift[:, 1] -= 0.6 * _MEAN_GAP * ramp(rest[:, 1], 0.1, 1.1) * _is_jaw(rest)


def _is_jaw(rest: np.ndarray) -> np.ndarray:
    """True for control points of jaw and chin, (n_controls,)."""
    chin = (np.arange(len(rest)) >= 68) & (rest[:, 1] > 0.95) & (rest[:, 1] < 1.5)
    return (chin & (rest[:, 2] > -0.3)) | (np.arange(len(rest)) < 17)


def _move_jaw(shift: np.ndarray, rest: np.ndarray, amount: float) -> None:
    """Rotate the lower jaw about an axis in front of the ears."""
    influence = ramp(rest[:, 1], 0.45, 1.15) * (rest[:, 1] < 1.5) * ramp(rest[:, 2], -0.8, -0.2)
    influence[list(_LOWER_LIP)] = 1.0
    influence[list(_UPPER_LIP)] = 0.0
    influence[_CORNERS] = 0.4
    angle = np.radians(22 * amount) * influence
    y, z = rest[:, 1] - 0.25, rest[:, 2] + 0.65
    shift[:, 1] += y * np.cos(angle) + z * np.sin(angle) - y
    shift[:, 2] += z * np.cos(angle) - y * np.sin(angle) - z
    shift[_CORNERS, 0] -= 0.15 * amount * rest[_CORNERS, 0]


def _move_mouth(shift: np.ndarray, rest: np.ndarray, expression: Expression) -> None:
    smile, side = expression.smile, np.sign(rest[:, 0])
    corner = bump_kernel(rest, 0.31, 0.72, 0.38)
    corner[:17] *= 0.3
    shift[:, 0] += 0.07 * smile * corner * side
    shift[:, 1] -= 0.05 * smile * corner
    shift[:, 2] -= 0.06 * smile * corner
    cheeks = bump_kernel(rest, 0.42, 0.4, 0.35) * (np.arange(len(rest)) >= 68)
    shift[:, 2] += 0.05 * max(smile, 0) * cheeks
    shift[:, 1] -= 0.04 * smile * cheeks
    shift[list(_UPPER_LIP), 1] -= 0.06 * expression.upper_lip_raise
    mouth = slice(48, 68)
    shift[mouth, 0] -= 0.4 * expression.pucker * rest[mouth, 0]
    shift[mouth, 2] += 0.07 * expression.pucker
    shift[mouth, 0] += expression.mouth_shift


def _move_brows_and_lids(shift: np.ndarray, rest: np.ndarray, expression: Expression) -> None:
    lift = expression.brow_raise
    inner = np.clip(1.2 - np.abs(rest[_BROWS, 0]) / 0.6, 0, 1)
    shift[_BROWS, 1] -= 0.07 * lift * (1.0 if lift > 0 else inner)
    if lift < 0:
        shift[_BROWS, 0] += 0.04 * lift * inner * np.sign(rest[_BROWS, 0])
    for upper, lower in _LIDS:
        closed = expression.lids[0 if upper < 42 else 1] + 0.25 * max(expression.smile, 0)
        opening = rest[lower, 1] - rest[upper, 1]
        shift[upper, 1] += 0.72 * min(closed, 1.0) * opening
        shift[lower, 1] -= 0.2 * min(closed, 1.0) * opening
