"""What a photo shows: who, in which pose, with which hair, under which light."""

from dataclasses import dataclass

import numpy as np

from keypoints.rendered.expression import Expression
from keypoints.rendered.identity import Identity


@dataclass(frozen=True)
class HairStyle:
    """Where the hair begins and ends, in heights of the upright head (see `anatomy`).

    Attributes:
        cover: none, short or long.
        front: Height of the hairline over the forehead.
        parting: How much lower the hairline is on one side.
        opening: Degrees around the head at which long hair frames the face.
        bottom: Height at which it ends at the back.
        volume: Thickness in inter-ocular distances.
        curl: 0 straight, 1 curly.
    """

    cover: str
    front: float
    parting: float
    opening: float
    bottom: float
    volume: float
    curl: float


@dataclass(frozen=True)
class Glasses:
    """Glasses; lengths in inter-ocular distances, colours uint8 (blue, green, red).

    Attributes:
        half_size: Half width and half height of a lens.
        roundness: 2 for an ellipse, more for a rounded box.
        rim: Thickness of the rim.
        rim_colour: Of rim, bridge and arms.
        lens_colour: Over the eye.
        opacity: Of the lens, 0 clear to 1 black.
    """

    half_size: tuple[float, float]
    roundness: float
    rim: float
    rim_colour: np.ndarray
    lens_colour: np.ndarray
    opacity: float


@dataclass(frozen=True)
class Person:
    """What does not change from photo to photo. Colours are linear light, (blue, green, red).

    Attributes:
        age: 0 young to 1 old.
        brow_density: 0 to 1.
        beard: 0 shaven to 1 full.
        texture_seed: Of moles, blotches, strands.
    """

    identity: Identity
    is_female: bool
    age: float
    skin: np.ndarray
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    cloth: np.ndarray
    brow_density: float
    beard: float
    hair_style: HairStyle
    glasses: Glasses | None
    texture_seed: int


@dataclass(frozen=True)
class Hat:
    """A beanie, or a cap if it has a peak.

    Attributes:
        edge: Height of its rim, in heights of the upright head.
        peak: How far the peak stands out, in inter-ocular distances; 0 for none.
        cloth: Colour, linear, (blue, green, red).
        ribs: How strongly it is knitted, 0 for plain cloth.
    """

    edge: float
    peak: float
    cloth: np.ndarray
    ribs: float


@dataclass(frozen=True)
class Light:
    """Light of the scene, linear, (blue, green, red).

    Attributes:
        ambient: From everywhere.
        lamps: Directions to the lamps in the camera frame, (n_lamps, 3), unit length.
        colours: Their colours, (n_lamps, 3).
        shine: How oily the skin is, 0 to 1.
    """

    ambient: np.ndarray
    lamps: np.ndarray
    colours: np.ndarray
    shine: float


@dataclass(frozen=True)
class Pose:
    """Degrees (see `raster.rotation_matrix`), and the camera's distance in inter-ocular ones."""

    yaw: float
    pitch: float
    roll: float
    distance: float


@dataclass(frozen=True)
class Scene:
    """All that one photo shows of a face.

    Attributes:
        gaze: Where the irises are from the middle of the eyes, (x, y), inter-ocular distances.
        is_occluded: Whether a hand or an object is before the face.
    """

    person: Person
    expression: Expression
    pose: Pose
    light: Light
    gaze: tuple[float, float] = (0.0, 0.0)
    hat: Hat | None = None
    is_occluded: bool = False


def linear(rgb: np.ndarray) -> np.ndarray:
    """Map sRGB 0..255 (red, green, blue), to linear light 0..1 (blue, green, red)."""
    return (np.asarray(rgb, float)[..., ::-1] / 255.0) ** 2
