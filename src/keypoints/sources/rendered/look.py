"""What a photo shows, as draws: who, in which pose, with which hair, under which light."""

from dataclasses import dataclass, field, fields, replace

import numpy as np

from keypoints.sources.rendered.shape import Expression, Identity

# sRGB colours of human skin from light to dark, in the steps of dermatology's six types.
_SKIN_RGB = np.array(
    [(244, 208, 184), (232, 190, 160), (214, 163, 128), (186, 128, 93), (139, 88, 60), (86, 54, 40)]
)
_HAIR_RGB = np.array(
    [(20, 17, 16), (38, 28, 23), (66, 45, 32), (101, 70, 45), (156, 115, 70), (201, 166, 112)]
    + [(122, 60, 33), (150, 148, 145), (214, 212, 208)]
)
_HAIR_SHARES = np.array([0.26, 0.22, 0.18, 0.11, 0.07, 0.06, 0.03, 0.05, 0.02])
_IRIS_RGB = np.array([(62, 38, 24), (85, 55, 30), (110, 85, 50), (90, 105, 80), (95, 125, 150)])


@dataclass(frozen=True)
class Person:
    """What does not change from photo to photo. Colours are linear light, (blue, green, red)."""

    identity: Identity
    is_female: bool
    age: float  # 0 young, 1 old
    skin: np.ndarray
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    brow_density: float
    beard: float  # 0 shaven, 1 full
    hair_style: "HairStyle"
    glasses: str  # none, clear or dark
    texture_seed: int


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
class Look:
    """All that one photo shows of a face."""

    person: Person
    expression: Expression
    pose: Pose
    light: Light
    gaze: tuple[float, float] = (0.0, 0.0)
    hat: str = "none"
    cloth: np.ndarray = field(default_factory=lambda: np.array([0.2, 0.1, 0.1]))


def linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0..255 (red, green, blue) to linear light 0..1 (blue, green, red)."""
    return (np.asarray(rgb, float)[..., ::-1] / 255.0) ** 2


def draw_person(rng: np.random.Generator, *, is_female: bool | None = None) -> Person:
    """Draw who it is."""
    female = bool(rng.random() < 0.5) if is_female is None else is_female
    age = float(rng.beta(1.2, 2.0))
    skin = _between(rng.beta(0.9, 1.3) * (len(_SKIN_RGB) - 1), _SKIN_RGB)
    skin = linear(skin * rng.normal(1, 0.02, 3) * rng.normal(1, 0.06)).clip(0.005, 1)
    redness = np.array([0.5, 0.42, 0.75]) * rng.uniform(0.75, 1.1)
    if female and rng.random() < 0.4:  # lipstick
        redness = np.array([0.4, 0.25, 0.9]) * rng.uniform(0.6, 1.2)
    hair = linear(_HAIR_RGB[rng.choice(len(_HAIR_RGB), p=_HAIR_SHARES)] * rng.uniform(0.7, 1.25))
    return Person(
        identity=_draw_identity(rng),
        is_female=female,
        age=age,
        skin=skin,
        lips=(skin * redness).clip(0, 1),
        hair=hair.clip(0.002, 0.9),
        iris=linear(_IRIS_RGB[rng.choice(5, p=[0.35, 0.25, 0.15, 0.1, 0.15])]),
        brow_density=float(rng.uniform(0.35, 1.0)),
        beard=0.0 if female or rng.random() < 0.55 else float(rng.uniform(0.15, 1.0)),
        hair_style=_draw_hair(rng, female),
        glasses=str(rng.choice(["none", "clear", "dark"], p=[0.84, 0.12, 0.04])),
        texture_seed=int(rng.integers(2**31)),
    )


def _between(position: float, table: np.ndarray) -> np.ndarray:
    steps = np.arange(len(table))
    return np.array([np.interp(position, steps, column) for column in table.T])


def _draw_identity(rng: np.random.Generator) -> Identity:
    names = [f.name for f in fields(Identity) if f.name != "irregular"]
    sizes = dict(zip(names, rng.standard_normal(len(names)).clip(-2.5, 2.5).tolist(), strict=True))
    irregular = rng.standard_normal(204).clip(-2.5, 2.5) * np.tile([0.6, 0.6, 0.3], 68)
    return Identity(**sizes, irregular=tuple(irregular.tolist()))


def _draw_hair(rng: np.random.Generator, female: bool) -> HairStyle:
    covers = ["none", "short", "long"]
    cover = str(rng.choice(covers, p=[0.02, 0.28, 0.7] if female else [0.1, 0.8, 0.1]))
    bangs = rng.random() < (0.3 if female else 0.2)
    return HairStyle(
        cover=cover,
        front=float(rng.uniform(-0.5, -0.28) if bangs else rng.uniform(-0.95, -0.6)),
        parting=float(rng.normal(0, 0.12)),
        opening=float(rng.uniform(48, 88)),
        bottom=float(rng.uniform(0.5, 2.2) if cover == "long" else rng.uniform(0.3, 0.8)),
        volume=float(rng.uniform(0.05, 0.22) if cover == "short" else rng.uniform(0.08, 0.28)),
        curl=float(rng.beta(0.8, 1.5)),
    )


def draw_expression(rng: np.random.Generator) -> Expression:
    """Draw what a face does in a photo taken in the wild: it often smiles."""
    kind = rng.choice(["rest", "smile", "laugh", "open", "odd"], p=[0.31, 0.27, 0.24, 0.08, 0.1])
    tweak = Expression(
        smile=float(rng.normal(0.0, 0.15)),
        jaw_open=max(0.0, float(rng.normal(-0.02, 0.03))),
        brow_raise=float(rng.normal(0, 0.4)),
        lids=_draw_lids(rng),
        mouth_shift=float(rng.normal(0, 0.012)),
    )
    if kind == "smile":
        return replace(tweak, smile=float(rng.uniform(0.2, 0.9)))
    if kind == "laugh":
        return replace(
            tweak,
            smile=float(rng.uniform(0.6, 1.3)),
            jaw_open=float(rng.uniform(0.05, 0.4)),
            upper_lip_raise=float(rng.uniform(0.2, 0.8)),
        )
    if kind == "open":
        return replace(
            tweak, jaw_open=float(rng.uniform(0.1, 1.0)), smile=float(rng.normal(0, 0.4))
        )
    if kind == "odd":
        return replace(
            tweak,
            smile=float(rng.uniform(-0.8, 0.3)),
            pucker=float(rng.uniform(0, 0.6)),
            mouth_shift=float(rng.normal(0, 0.04)),
            tongue=bool(rng.random() < 0.3),
        )
    return tweak


def _draw_lids(rng: np.random.Generator) -> tuple[float, float]:
    both = float(rng.normal(0.0, 0.15))
    if rng.random() < 0.04:
        both = 1.0
    wink = 1.0 if rng.random() < 0.02 else both
    return (both, wink) if rng.random() < 0.5 else (wink, both)


def draw_light(rng: np.random.Generator, *, side_spot: bool = False) -> Light:
    """Draw soft or hard light from one to three lamps, or one strong lamp at the side."""
    warmth = rng.normal(0.03, 0.07)
    tint = np.array([1 - warmth, 1.0, 1 + warmth])
    n_lamps = int(rng.integers(1, 4))
    azimuth, height = rng.normal(0, 55, n_lamps), rng.normal(35, 25, n_lamps)
    power = rng.uniform(0.2, 1.0, n_lamps)
    if side_spot or rng.random() < 0.08:
        azimuth[0] = rng.choice([-1, 1]) * rng.uniform(55, 90)
        height[0], power[0] = rng.uniform(0, 30), rng.uniform(1.0, 1.8)
    azimuth, height = np.radians(azimuth), np.radians(height)
    lamps = np.stack(
        [np.sin(azimuth) * np.cos(height), -np.sin(height), np.cos(azimuth) * np.cos(height)],
        axis=1,
    )
    colours = power[:, None] * rng.normal(1, 0.04, (n_lamps, 3)) * tint
    return Light(
        ambient=rng.uniform(0.12, 0.6) * tint * rng.normal(1, 0.03, 3),
        lamps=lamps,
        colours=colours / max(1.0, power.sum()) * 1.25,
        shine=float(rng.beta(1.3, 2)),
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose as in the public photos: mostly frontal, up to 60 degrees to a side."""
    yaw = rng.normal(0, 11) if rng.random() < 0.65 else rng.normal(0, 26)
    return Pose(
        yaw=float(np.clip(yaw, -65, 65)),
        pitch=float(np.clip(rng.normal(7.5, 7.5), -20, 40)),
        roll=float(rng.normal(0, 5) if rng.random() < 0.75 else rng.normal(0, 11)),
        distance=float(rng.uniform(6, 25)),
    )


def draw_look(rng: np.random.Generator, person: Person) -> Look:
    """Draw one photo in the wild of a person."""
    return Look(
        person=person,
        expression=draw_expression(rng),
        pose=draw_pose(rng),
        light=draw_light(rng),
        gaze=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.012))),
        hat=str(rng.choice(["none", "beanie", "cap"], p=[0.9, 0.05, 0.05])),
        cloth=linear(rng.uniform(10, 230, 3)),
    )
