"""Expression: how far each control point of the head moves from a resting face."""

from dataclasses import dataclass

import numpy as np

from keypoints.rendered.falloff import bump_kernel, ramp
from keypoints.rendered.head import Head

_BROWS = slice(17, 27)
_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))  # (upper, lower)
_LOWER_LIP = (55, 56, 57, 58, 59, 65, 66, 67)
_UPPER_LIP = (49, 50, 51, 52, 53, 61, 62, 63)
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))  # (upper, lower)
# The landmarks of the mean head have their lips this far apart: the mean photo smiles a little.
_MEAN_GAP = 0.065


@dataclass(frozen=True)
class Expression:
    """What the face does; most fields run from 0 (rest) to 1 (all of it).

    Attributes:
        jaw_open: The jaw swings down.
        smile: Mouth corners out and up, cheeks up; below 0 the corners sink.
        pucker: Mouth narrow and forward.
        upper_lip_raise: Shows the upper teeth.
        brow_raise: Below 0 a frown.
        lids: How far the left and the right eye are closed; below 0 wide open.
        mouth_shift: Mouth pulled aside, in inter-ocular distances.
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
    """Shift of each control point, (n_controls, 3); add it to that of the identity."""
    rest = head.controls
    shift = np.zeros_like(rest)
    _close_mouth(shift, rest)
    _move_jaw(shift, rest, expression.jaw_open)
    _move_mouth(shift, rest, expression)
    _move_brows_and_lids(shift, rest, expression)
    return shift


def _close_mouth(shift: np.ndarray, rest: np.ndarray) -> None:
    """From the parted lips and half a smile of the mean photo to a resting face."""
    for upper, lower in _INNER_LIPS:
        shift[upper, 1] += 0.33 * _MEAN_GAP
        shift[lower, 1] -= 0.67 * _MEAN_GAP
    shift[[55, 56, 57, 58, 59], 1] -= np.array([0.3, 0.6, 0.6, 0.6, 0.3]) * _MEAN_GAP
    shift[[49, 50, 51, 52, 53], 1] += 0.15 * _MEAN_GAP
    corners = [48, 54, 60, 64]
    shift[corners, 0] -= 0.05 * rest[corners, 0]
    shift[:, 1] -= 0.6 * _MEAN_GAP * ramp(rest[:, 1], 0.1, 1.1) * _is_jaw(rest)


def _is_jaw(rest: np.ndarray) -> np.ndarray:
    """1 for the controls of jaw and chin, 0 for lips and all else, (n_controls,)."""
    chin = (np.arange(len(rest)) >= 68) & (rest[:, 1] > 0.95) & (rest[:, 1] < 1.5)
    return (chin & (rest[:, 2] > -0.3)) | (np.arange(len(rest)) < 17)


def _move_jaw(shift: np.ndarray, rest: np.ndarray, amount: float) -> None:
    """Swing the lower jaw about an axis before the ears."""
    follows = ramp(rest[:, 1], 0.45, 1.15) * (rest[:, 1] < 1.5) * ramp(rest[:, 2], -0.8, -0.2)
    follows[list(_LOWER_LIP)] = 1.0
    follows[list(_UPPER_LIP)] = 0.0
    follows[[48, 54, 60, 64]] = 0.4
    angle = np.radians(22 * amount) * follows
    y, z = rest[:, 1] - 0.25, rest[:, 2] + 0.65
    shift[:, 1] += y * np.cos(angle) + z * np.sin(angle) - y
    shift[:, 2] += z * np.cos(angle) - y * np.sin(angle) - z
    corners = [48, 54, 60, 64]
    shift[corners, 0] -= 0.15 * amount * rest[corners, 0]


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
