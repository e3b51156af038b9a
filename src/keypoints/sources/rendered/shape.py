"""Identity and expression: how far each control point of the head moves.

Each field is a size with a plain meaning; 0 is the mean head with a resting face.
"""

from dataclasses import dataclass

import numpy as np

from keypoints.sources.rendered.head import Head

_JAW, _BROWS, _NOSE = slice(0, 17), slice(17, 27), slice(27, 36)
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)
_UPPER_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))  # (upper, lower) lid points
_LOWER_LIP = (55, 56, 57, 58, 59, 65, 66, 67)
_UPPER_LIP = (49, 50, 51, 52, 53, 61, 62, 63)
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))
# The landmarks of the mean head have their lips this far apart: the mean photo smiles a little.
_MEAN_GAP = 0.065


@dataclass(frozen=True)
class Identity:
    """Who it is. Every field is in standard deviations over people, 0 for the mean."""

    face_width: float = 0.0
    face_length: float = 0.0
    face_depth: float = 0.0
    jaw_width: float = 0.0
    chin_length: float = 0.0
    chin_forward: float = 0.0
    cheek_fullness: float = 0.0
    forehead_slope: float = 0.0
    eye_opening: float = 0.0
    eye_width: float = 0.0
    eye_spacing: float = 0.0
    eye_tilt: float = 0.0
    brow_height: float = 0.0
    brow_arch: float = 0.0
    brow_tilt: float = 0.0
    brow_length: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_height: float = 0.0
    nose_bridge: float = 0.0
    mouth_width: float = 0.0
    mouth_height: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    irregular: tuple[float, ...] = ()


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


def _ramp(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def _bump(points: np.ndarray, x: float, y: float, radius: float) -> np.ndarray:
    """1 at (+-x, y) and 0 from `radius` on, (n_points,)."""
    distance = np.hypot(np.abs(points[:, 0]) - x, points[:, 1] - y) / radius
    return np.clip(1 - distance**2, 0, 1) ** 2


def identity_shift(head: Head, identity: Identity) -> np.ndarray:
    """Shift of each control point, (n_controls, 3)."""
    rest = head.controls
    shift = np.zeros_like(rest)
    in_face = rest[:, 2] > -0.75
    _shape_outline(shift, rest, identity, in_face)
    _shape_eyes(shift, rest, identity)
    _shape_nose_and_mouth(shift, rest, identity)
    if identity.irregular:
        n = len(identity.irregular)
        shift[: n // 3] += 0.016 * np.reshape(identity.irregular, (-1, 3))
    return shift


def _shape_outline(
    shift: np.ndarray, rest: np.ndarray, identity: Identity, in_face: np.ndarray
) -> None:
    x, y = rest[:, 0], rest[:, 1]
    lower = _ramp(y, 0.3, 1.2) * (y < 1.5) * in_face
    shift[:, 0] += x * (0.045 * identity.face_width + 0.06 * identity.jaw_width * lower)
    shift[:, 1] += 0.03 * identity.face_length * y
    shift[:, 1] += 0.045 * identity.chin_length * lower
    shift[:, 2] += 0.05 * identity.face_depth * (rest[:, 2] + 0.4)
    shift[:, 2] += 0.06 * identity.chin_forward * lower
    cheeks = _bump(rest, 0.5, 0.6, 0.5) * in_face
    shift[:, 0] += 0.05 * identity.cheek_fullness * cheeks * np.sign(x)
    shift[:, 2] += 0.05 * identity.cheek_fullness * cheeks
    shift[:, 2] += 0.05 * identity.forehead_slope * _ramp(-y, 0.3, 0.9) * in_face


def _shape_eyes(shift: np.ndarray, rest: np.ndarray, identity: Identity) -> None:
    for eye in (_LEFT_EYE, _RIGHT_EYE):
        centre = rest[eye].mean(axis=0)
        offset = rest[eye] - centre
        side = np.sign(centre[0])
        shift[eye, 1] += 0.13 * identity.eye_opening * offset[:, 1]
        shift[eye, 0] += 0.05 * identity.eye_width * offset[:, 0]
        shift[eye, 0] += side * 0.015 * identity.eye_spacing
        shift[eye, 1] -= side * 0.08 * identity.eye_tilt * offset[:, 0]
    brows = rest[_BROWS]
    outward = np.abs(brows[:, 0]) - 0.42
    shift[_BROWS, 1] -= 0.035 * identity.brow_height
    shift[_BROWS, 1] -= 0.03 * identity.brow_arch * (1 - (outward / 0.26) ** 2)
    shift[_BROWS, 1] -= 0.08 * identity.brow_tilt * outward
    shift[_BROWS, 0] += 0.08 * identity.brow_length * outward * np.sign(brows[:, 0])


def _shape_nose_and_mouth(shift: np.ndarray, rest: np.ndarray, identity: Identity) -> None:
    x, y = rest[:, 0], rest[:, 1]
    centre = np.abs(x) < 0.24
    nose = centre & (y > -0.1) & (y < 0.5)
    down = _ramp(y, -0.1, 0.45) * nose
    shift[:, 1] += 0.022 * identity.nose_length * down
    shift[:, 0] += 0.1 * identity.nose_width * x * down
    ridge = np.clip(1 - np.abs(x) / 0.2, 0, 1) * nose
    shift[:, 2] += 0.04 * identity.nose_height * ridge * down
    shift[:, 2] += 0.04 * identity.nose_bridge * ridge * _bump(rest, 0, 0.05, 0.3)
    mouth = slice(48, 68)
    shift[mouth, 0] += 0.06 * identity.mouth_width * x[mouth]
    shift[mouth, 1] += 0.025 * identity.mouth_height
    for points, sign, size in (((49, 50, 51, 52, 53), -1, identity.upper_lip),
                               ((55, 56, 57, 58, 59), 1, identity.lower_lip)):  # fmt: skip
        shift[list(points), 1] += sign * 0.02 * size
        shift[list(points), 2] += 0.012 * size


def expression_shift(head: Head, expression: Expression) -> np.ndarray:
    """Shift of each control point, (n_controls, 3); add it to that of the identity."""
    rest = head.controls
    shift = np.zeros_like(rest)
    _close_lips(shift)
    _move_jaw(shift, rest, expression.jaw_open)
    _move_mouth(shift, rest, expression)
    _move_brows_and_lids(shift, rest, expression)
    return shift


def _close_lips(shift: np.ndarray) -> None:
    """From the parted lips of the mean photo to the closed lips of a resting face."""
    for upper, lower in _INNER_LIPS:
        shift[upper, 1] += 0.33 * _MEAN_GAP
        shift[lower, 1] -= 0.67 * _MEAN_GAP
    shift[[55, 56, 57, 58, 59], 1] -= np.array([0.3, 0.6, 0.6, 0.6, 0.3]) * _MEAN_GAP
    shift[[49, 50, 51, 52, 53], 1] += 0.15 * _MEAN_GAP


def _move_jaw(shift: np.ndarray, rest: np.ndarray, amount: float) -> None:
    """Swing the lower jaw about an axis before the ears."""
    follows = _ramp(rest[:, 1], 0.45, 1.15) * (rest[:, 1] < 1.5) * _ramp(rest[:, 2], -0.8, -0.2)
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
    corner = _bump(rest, 0.31, 0.72, 0.38)
    corner[:17] *= 0.3
    shift[:, 0] += 0.07 * smile * corner * side
    shift[:, 1] -= 0.05 * smile * corner
    shift[:, 2] -= 0.06 * smile * corner
    cheeks = _bump(rest, 0.42, 0.4, 0.35) * (np.arange(len(rest)) >= 68)
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
    for upper, lower in _UPPER_LIDS:
        closed = expression.lids[0 if upper < 42 else 1] + 0.25 * max(expression.smile, 0)
        opening = rest[lower, 1] - rest[upper, 1]
        shift[upper, 1] += 0.72 * min(closed, 1.0) * opening
        shift[lower, 1] -= 0.2 * min(closed, 1.0) * opening
