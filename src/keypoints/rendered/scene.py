"""Contents of a photo: person, expression, pose, hair, headgear and light."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from keypoints.core import rng
from keypoints.rendered.expression import Expression
from keypoints.rendered.identity import Identity


class Stream(IntEnum):
    """Purpose of random numbers; the numbers of two streams are independent."""

    IMM_PERSON = 1
    IMM_VIEW = 2
    IBUG_TRAIN = 3
    IBUG_TEST = 4
    IBUG_ORDER = 5
    SKIN = 6
    TEETH = 7
    HAIR_SHAPE = 8
    HAIR_STRANDS = 9
    NOISE = 10
    KAGGLE15_TRAIN = 11
    KAGGLE15_TEST = 12


def generator(seed: int, stream: Stream, index: int) -> np.random.Generator:
    """Generator of item `index`; its numbers depend on the three arguments only."""
    return rng.generator(seed, stream, face=index)


@dataclass(frozen=True)
class HairStyle:
    """Shape of the hair. Heights are those of the upright head (see `anatomy`).

    Attributes:
        length: none, short or long.
        front: Height of the hairline at the forehead.
        parting: Height difference of the hairline between both sides.
        opening: Azimuth in degrees from which long hair frames the face.
        bottom: Height of the lower end at the back.
        volume: Thickness in inter-ocular distances.
        curl: 0 straight to 1 curly.
    """

    length: str
    front: float
    parting: float
    opening: float
    bottom: float
    volume: float
    curl: float


@dataclass(frozen=True)
class Glasses:
    """Glasses. Lengths are in inter-ocular distances, colours in 0..255 (blue, green, red).

    Attributes:
        half_size: Half width and half height of a lens.
        roundness: Exponent of the outline: 2 for an ellipse, more for a rounded box.
        rim: Thickness of the rim.
        rim_colour: Colour of rim, bridge and temples.
        lens_colour: Colour of the lenses.
        opacity: Opacity of the lenses, 0 clear to 1 opaque.
    """

    half_size: tuple[float, float]
    roundness: float
    rim: float
    rim_colour: np.ndarray
    lens_colour: np.ndarray
    opacity: float


@dataclass(frozen=True)
class Colours:
    """Colours of a person in linear light, (blue, green, red), 0..1."""

    skin: np.ndarray
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    cloth: np.ndarray


@dataclass(frozen=True)
class Person:
    """Properties of a person that are the same in all of their photos.

    Attributes:
        age: 0 young to 1 old.
        brow_density: 0 to 1.
        beard: 0 shaven to 1 full.
        texture_seed: Seed of moles, blotches and strands.
    """

    identity: Identity
    is_female: bool
    age: float
    colours: Colours
    brow_density: float
    beard: float
    hair_style: HairStyle
    glasses: Glasses | None
    texture_seed: int

    def generator(self, stream: Stream) -> np.random.Generator:
        """Generator for a texture of this person."""
        return generator(self.texture_seed, stream, 0)


@dataclass(frozen=True)
class Hat:
    """A beanie, or a cap if it has a peak.

    Attributes:
        edge: Height of its rim, in heights of the upright head.
        peak: Length of the peak in inter-ocular distances; 0 for a beanie.
        cloth: Colour in linear light, (blue, green, red).
        ribs: Contrast of the knitting; 0 for plain cloth.
    """

    edge: float
    peak: float
    cloth: np.ndarray
    ribs: float


@dataclass(frozen=True)
class Light:
    """Light of the scene, linear, (blue, green, red).

    Attributes:
        ambient: Ambient light, (3,).
        lamps: Unit vectors towards the lamps in the camera frame, (n_lamps, 3).
        colours: Colours of the lamps, (n_lamps, 3).
        glossiness: Strength of the specular reflection of the skin, 0 to 1.
    """

    ambient: np.ndarray
    lamps: np.ndarray
    colours: np.ndarray
    glossiness: float


@dataclass(frozen=True)
class Pose:
    """Rotation in degrees (`raster.rotation_matrix`), camera distance in inter-ocular distances."""

    yaw: float
    pitch: float
    roll: float
    distance: float


@dataclass(frozen=True)
class Scene:
    """Contents of one photo.

    Attributes:
        gaze: Offset of the irises from the middle of the eyes, (x, y), in inter-ocular distances.
        is_occluded: Whether a hand or an object is in front of the face.
        in_studio: Whether the photo shows crown, ears and shoulders in full.
    """

    person: Person
    expression: Expression
    pose: Pose
    light: Light
    gaze: tuple[float, float] = (0.0, 0.0)
    hat: Hat | None = None
    is_occluded: bool = False
    in_studio: bool = False


def srgb_to_linear(rgb: np.ndarray) -> np.ndarray:
    """Map sRGB 0..255 (red, green, blue) to linear light 0..1 (blue, green, red)."""
    return (np.asarray(rgb, float)[..., ::-1] / 255.0) ** 2
