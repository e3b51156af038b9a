"""Random scenes: the probabilities and standard deviations of everything that varies.

The difficulty scales how far and how often a scene deviates from a frontal, neutral, evenly lit,
unoccluded face: 0 never, 1 as in the public photos, 2 more than in the public photos.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from keypoints.rendered.expression import Expression
from keypoints.rendered.identity import Identity
from keypoints.rendered.scene import (
    Colours,
    Glasses,
    HairStyle,
    Hat,
    Light,
    Person,
    Pose,
    Scene,
    srgb_to_linear,
)

# sRGB colours of human skin from light to dark, one per Fitzpatrick type.
_SKIN_RGB = np.array(
    [(244, 208, 184), (232, 190, 160), (214, 163, 128), (186, 128, 93), (139, 88, 60), (86, 54, 40)]
)
_HAIR_RGB = np.array(
    [(20, 17, 16), (38, 28, 23), (66, 45, 32), (101, 70, 45), (156, 115, 70), (201, 166, 112)]
    + [(122, 60, 33), (150, 148, 145), (214, 212, 208)]
)
_HAIR_PROBABILITIES = np.array([0.26, 0.22, 0.18, 0.11, 0.07, 0.06, 0.03, 0.05, 0.02])
_IRIS_RGB = np.array([(62, 38, 24), (85, 55, 30), (110, 85, 50), (90, 105, 80), (95, 125, 150)])


@dataclass(frozen=True)
class Difficulty:
    """Difficulty of each kind of variation, 0 to 2.

    Attributes:
        pose: Rotation of the head.
        expression: Expression of mouth, brows and lids.
        light: Lamps at the side, and coloured light.
        occlusion: Hair over the face, glasses, hats, hands and objects.
        camera: Blur, exposure, noise and JPEG quality.
    """

    pose: float = 1.0
    expression: float = 1.0
    light: float = 1.0
    occlusion: float = 1.0
    camera: float = 1.0

    @classmethod
    def from_level(cls, level: float, disabled: Collection[str] = ()) -> Self:
        """Set all kinds to `level`, and the disabled ones to 0."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: 0.0 if name in disabled else level for name in names})


REALISTIC = Difficulty()


def sample_person(
    rng: np.random.Generator, difficulty: float = 1.0, *, is_female: bool | None = None
) -> Person:
    """Sample a person; `difficulty` is that of occlusions, and affects hair and glasses."""
    female = bool(rng.random() < 0.5) if is_female is None else is_female
    age = float(rng.beta(1.2, 2.0))
    skin = _interpolate_rows(_SKIN_RGB, rng.beta(0.9, 1.3) * (len(_SKIN_RGB) - 1))
    skin = srgb_to_linear(skin * rng.normal(1, 0.015, 3) * rng.normal(1, 0.06)).clip(0.005, 1)
    redness = np.array([0.5, 0.42, 0.75]) * rng.uniform(0.75, 1.1)
    if female and rng.random() < 0.4:  # lipstick
        redness = np.array([0.4, 0.25, 0.9]) * rng.uniform(0.6, 1.2)
    hair_rgb = _HAIR_RGB[rng.choice(len(_HAIR_RGB), p=_HAIR_PROBABILITIES)]
    hair = srgb_to_linear(hair_rgb * rng.uniform(0.7, 1.25))
    return Person(
        identity=_sample_identity(rng),
        is_female=female,
        age=age,
        colours=Colours(
            skin=skin,
            lips=(skin * redness).clip(0, 1),
            hair=hair.clip(0.002, 0.9),
            iris=srgb_to_linear(_IRIS_RGB[rng.choice(5, p=[0.35, 0.25, 0.15, 0.1, 0.15])]),
            cloth=srgb_to_linear(rng.uniform(10, 230, 3)),
        ),
        brow_density=float(rng.uniform(0.35, 1.0)),
        beard=0.0 if female or rng.random() < 0.55 else float(rng.uniform(0.15, 1.0)),
        hair_style=_sample_hair(rng, female, difficulty),
        glasses=_sample_glasses(rng) if rng.random() < 0.16 * difficulty else None,
        texture_seed=int(rng.integers(2**31)),
    )


def _interpolate_rows(table: np.ndarray, position: float) -> np.ndarray:
    steps = np.arange(len(table))
    return np.array([np.interp(position, steps, column) for column in table.T])


def _sample_identity(rng: np.random.Generator) -> Identity:
    names = [f.name for f in fields(Identity) if f.name != "irregular"]
    sizes = dict(zip(names, rng.standard_normal(len(names)).clip(-2.5, 2.5).tolist(), strict=True))
    irregular = rng.standard_normal(204).clip(-2.5, 2.5) * np.tile([0.6, 0.6, 0.3], 68)
    return Identity(**sizes, irregular=tuple(irregular.tolist()))


def _sample_glasses(rng: np.random.Generator) -> Glasses:
    are_dark = rng.random() < 0.25
    return Glasses(
        half_size=(float(rng.uniform(0.24, 0.3)), float(rng.uniform(0.15, 0.24))),
        roundness=float(rng.uniform(1.6, 5.0)),
        rim=float(rng.uniform(0.012, 0.045)),
        rim_colour=rng.uniform(0, 70, 3) if rng.random() < 0.7 else rng.uniform(0, 255, 3),
        lens_colour=rng.uniform(0, 40, 3) if are_dark else rng.uniform(150, 255, 3),
        opacity=float(rng.uniform(0.85, 1.0) if are_dark else rng.uniform(0, 0.2)),
    )


def _sample_hair(rng: np.random.Generator, female: bool, difficulty: float) -> HairStyle:
    lengths = ["none", "short", "long"]
    length = str(rng.choice(lengths, p=[0.02, 0.28, 0.7] if female else [0.1, 0.8, 0.1]))
    bangs = rng.random() < difficulty * (0.3 if female else 0.2)
    return HairStyle(
        length=length,
        front=float(rng.uniform(-0.5, -0.28) if bangs else rng.uniform(-0.95, -0.6)),
        parting=float(rng.normal(0, 0.12)),
        opening=float(rng.uniform(max(88 - 40 * difficulty, 28), 88)),
        bottom=float(rng.uniform(0.5, 2.2) if length == "long" else rng.uniform(0.3, 0.8)),
        volume=float(rng.uniform(0.05, 0.22) if length == "short" else rng.uniform(0.08, 0.28)),
        curl=float(rng.beta(0.8, 1.5)),
    )


def sample_expression(rng: np.random.Generator, difficulty: float = 1.0) -> Expression:
    """Sample an expression as in photos in the wild, where many people smile."""
    weights = np.array([0.31, 0.27, 0.24, 0.08, 0.1]) * (1, *[difficulty] * 4)
    kind = rng.choice(["neutral", "smile", "laugh", "open", "odd"], p=weights / weights.sum())
    neutral = Expression(
        smile=float(rng.normal(0.0, 0.15 * difficulty)),
        jaw_open=max(0.0, float(rng.normal(-0.02, 0.03 * difficulty))),
        brow_raise=float(rng.normal(0, 0.4 * difficulty)),
        lids=_sample_lids(rng, difficulty),
        mouth_shift=float(rng.normal(0, 0.012 * difficulty)),
    )
    if kind == "smile":
        return replace(neutral, smile=float(rng.uniform(0.2, 0.9)))
    if kind == "laugh":
        return replace(
            neutral,
            smile=float(rng.uniform(0.6, 1.3)),
            jaw_open=float(rng.uniform(0.05, 0.4)),
            upper_lip_raise=float(rng.uniform(0.2, 0.8)),
        )
    if kind == "open":
        return replace(
            neutral, jaw_open=float(rng.uniform(0.1, 1.0)), smile=float(rng.normal(0, 0.4))
        )
    if kind == "odd":
        odd = replace(
            neutral,
            smile=float(rng.uniform(-0.8, 0.3)),
            pucker=float(rng.uniform(0, 0.6)),
            mouth_shift=float(rng.normal(0, 0.04)),
            tongue=bool(rng.random() < 0.3),
        )
        # The tongue needs an open mouth, and one that is wide enough for it.
        return replace(odd, jaw_open=0.25 + 0.5 * odd.pucker, pucker=0.0) if odd.tongue else odd
    return neutral


def _sample_lids(rng: np.random.Generator, difficulty: float) -> tuple[float, float]:
    both = float(rng.normal(0.0, 0.15 * difficulty))
    if rng.random() < 0.04 * difficulty:
        both = 1.0
    wink = 1.0 if rng.random() < 0.02 * difficulty else both
    return (both, wink) if rng.random() < 0.5 else (wink, both)


def sample_light(
    rng: np.random.Generator,
    skin: np.ndarray,
    difficulty: float = 1.0,
    *,
    side_spot: bool = False,
) -> Light:
    """Sample one to three lamps, with a strong one at the side in some scenes.

    Args:
        rng: Random numbers.
        skin: Skin colour, linear, (3,); the exposure partly compensates dark skin.
        difficulty: 0 puts all lamps in front; below 1, the lamp at the side is nearer to the front.
        side_spot: Whether to always put a strong lamp at the side.
    """
    warmth = rng.normal(0.02, 0.08 * difficulty)
    tint = np.array([1 - warmth, 1.0, 1 + warmth])
    n_lamps = int(rng.integers(1, 4))
    azimuth = rng.normal(0, 55 * difficulty, n_lamps)
    height = rng.normal(35, 25 * difficulty, n_lamps)
    power = rng.uniform(0.2, 1.0, n_lamps)
    ambient = rng.uniform(max(0.6 - 0.48 * difficulty, 0.05), 0.6)
    if side_spot or rng.random() < 0.08 * difficulty:
        ambient *= 0.6
        azimuth[0] = rng.choice([-1, 1]) * rng.uniform(55, 90) * min(difficulty, 1.0)
        height[0], power[0] = rng.uniform(0, 30), rng.uniform(1.0, 1.8)
    azimuth, height = np.radians(azimuth), np.radians(height)
    lamps = np.stack(
        [np.sin(azimuth) * np.cos(height), -np.sin(height), np.cos(azimuth) * np.cos(height)],
        axis=1,
    )
    colours = power[:, None] * rng.normal(1, 0.025, (n_lamps, 3)) * tint
    colours *= 1.25 / max(1.0, power.sum())
    brightness = skin.mean() * (ambient + 0.5 * colours.sum(axis=0).mean())
    exposure = np.clip((0.2 / brightness) ** 0.35, 0.7, 2.0)
    return Light(
        ambient=exposure * ambient * tint * rng.normal(1, 0.02, 3),
        lamps=lamps,
        colours=exposure * colours,
        glossiness=float(rng.beta(1.3, 2)),
    )


def sample_pose(rng: np.random.Generator, difficulty: float = 1.0) -> Pose:
    """Sample a pose as in the public photos: mostly frontal, with up to 65 degrees of yaw."""
    yaw = difficulty * (rng.normal(0, 11) if rng.random() < 0.65 else rng.normal(0, 26))
    pitch = rng.normal(7.5, 8.5 * difficulty)
    roll = difficulty * (rng.normal(0, 5) if rng.random() < 0.75 else rng.normal(0, 11))
    return Pose(
        yaw=float(np.clip(yaw, -65, 65)),
        pitch=float(np.clip(pitch, -25, 40)),
        roll=float(roll),
        distance=float(rng.uniform(6, 25)),
    )


def sample_scene(
    rng: np.random.Generator, person: Person, difficulty: Difficulty = REALISTIC
) -> Scene:
    """Sample the scene of a photo in the wild of a person."""
    gaze_scale = difficulty.expression
    return Scene(
        person=person,
        expression=sample_expression(rng, difficulty.expression),
        pose=sample_pose(rng, difficulty.pose),
        light=sample_light(rng, person.colours.skin, difficulty.light),
        gaze=(float(rng.normal(0, 0.03 * gaze_scale)), float(rng.normal(0, 0.012 * gaze_scale))),
        hat=_sample_hat(rng) if rng.random() < 0.1 * difficulty.occlusion else None,
        is_occluded=bool(rng.random() < 0.08 * difficulty.occlusion),
    )


def _sample_hat(rng: np.random.Generator) -> Hat:
    return Hat(
        edge=float(rng.uniform(-0.75, -0.4)),
        peak=float(rng.uniform(0.4, 0.7)) if rng.random() < 0.5 else 0.0,
        cloth=srgb_to_linear(rng.uniform(10, 240) + rng.normal(0, 40, 3)).clip(0.005, 0.9),
        ribs=float(rng.choice([0.0, 0.2])),
    )
