"""Identity: displacement of the control points from the mean head to that of a person."""

from dataclasses import dataclass

import numpy as np

from keypoints.rendered.head import Head, bump_kernel, ramp

_BROWS = slice(17, 27)
_EYES = (slice(36, 42), slice(42, 48))
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))  # (upper, lower)
# One standard deviation over people, as a fraction of the size; the hair is scaled too.
WIDTH_STD, LENGTH_STD = 0.033, 0.022


@dataclass(frozen=True)
class Identity:
    """Shape parameters of a person, in standard deviations over people; 0 is the mean.

    The factors in this module were chosen so that rendered landmarks have the variance of the
    public ones along each of the first principal components. `irregular` moves each landmark
    individually: 68 triples (x, y, z), flattened.
    """

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


def identity_shift(head: Head, identity: Identity) -> np.ndarray:
    """Displacement of each control point, (n_controls, 3)."""
    rest = head.controls
    shift = np.zeros_like(rest)
    in_face = rest[:, 2] > -0.75
    _shape_outline(shift, rest, identity, in_face)
    _shape_eyes(shift, rest, identity)
    _shape_nose_and_mouth(shift, rest, identity)
    if identity.irregular:
        irregular = 0.019 * np.reshape(identity.irregular, (-1, 3))
        for upper, lower in _INNER_LIPS:  # a closed mouth stays closed
            irregular[lower] = irregular[upper]
        shift[: len(irregular)] += irregular
    return shift


def _shape_outline(
    shift: np.ndarray, rest: np.ndarray, identity: Identity, in_face: np.ndarray
) -> None:
    x, y = rest[:, 0], rest[:, 1]
    lower = ramp(y, 0.3, 1.2) * (y < 1.5) * in_face
    shift[:, 0] += x * (WIDTH_STD * identity.face_width + 0.08 * identity.jaw_width * lower)
    shift[:, 1] += LENGTH_STD * identity.face_length * y
    shift[:, 1] += 0.045 * identity.chin_length * lower
    shift[:, 2] += 0.05 * identity.face_depth * (rest[:, 2] + 0.4)
    shift[:, 2] += 0.06 * identity.chin_forward * lower
    cheeks = bump_kernel(rest, 0.5, 0.6, 0.5) * in_face
    shift[:, 0] += 0.05 * identity.cheek_fullness * cheeks * np.sign(x)
    shift[:, 2] += 0.05 * identity.cheek_fullness * cheeks
    shift[:, 2] += 0.05 * identity.forehead_slope * ramp(-y, 0.3, 0.9) * in_face


def _shape_eyes(shift: np.ndarray, rest: np.ndarray, identity: Identity) -> None:
    for eye in _EYES:
        centre = rest[eye].mean(axis=0)
        offset = rest[eye] - centre
        side = np.sign(centre[0])
        shift[eye, 1] += 0.13 * identity.eye_opening * offset[:, 1]
        shift[eye, 0] += 0.05 * identity.eye_width * offset[:, 0]
        shift[eye, 0] += side * 0.015 * identity.eye_spacing
        shift[eye, 1] -= side * 0.08 * identity.eye_tilt * offset[:, 0]
    brows = rest[_BROWS]
    outward = np.abs(brows[:, 0]) - 0.42
    shift[_BROWS, 1] -= 0.04 * identity.brow_height
    shift[_BROWS, 1] -= 0.03 * identity.brow_arch * (1 - (outward / 0.26) ** 2)
    shift[_BROWS, 1] -= 0.08 * identity.brow_tilt * outward
    shift[_BROWS, 0] += 0.08 * identity.brow_length * outward * np.sign(brows[:, 0])


def _shape_nose_and_mouth(shift: np.ndarray, rest: np.ndarray, identity: Identity) -> None:
    x, y = rest[:, 0], rest[:, 1]
    centre = np.abs(x) < 0.24
    nose = centre & (y > -0.1) & (y < 0.5)
    down = ramp(y, -0.1, 0.45) * nose
    shift[:, 1] += 0.022 * identity.nose_length * down
    shift[:, 0] += 0.1 * identity.nose_width * x * down
    ridge = np.clip(1 - np.abs(x) / 0.2, 0, 1) * nose
    shift[:, 2] += 0.04 * identity.nose_height * ridge * down
    shift[:, 2] += 0.04 * identity.nose_bridge * ridge * bump_kernel(rest, 0, 0.05, 0.3)
    mouth = slice(48, 68)
    shift[mouth, 0] += 0.06 * identity.mouth_width * x[mouth]
    shift[mouth, 1] += 0.025 * identity.mouth_height
    for points, sign, size in (((49, 50, 51, 52, 53), -1, identity.upper_lip),
                               ((55, 56, 57, 58, 59), 1, identity.lower_lip)):  # fmt: skip
        shift[list(points), 1] += sign * 0.02 * size
        shift[list(points), 2] += 0.012 * size
