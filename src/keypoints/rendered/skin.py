"""The colour of the skin and of what is painted on it, texel by texel."""

from functools import lru_cache

import cv2
import numpy as np

from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.eyes_and_mouth import paint_eyes, paint_mouth
from keypoints.rendered.parts import (
    DEGREES,
    SIZE,
    TEXEL_HEIGHTS,
    Patch,
    filled,
    landmark_texels,
    parts,
    rounded,
)
from keypoints.rendered.scene import Person, Scene


def paint_skin(look: Scene, grid: np.ndarray) -> np.ndarray:
    """Albedo of every texel, linear, (height, width, 3).

    Args:
        look: Whose skin.
        grid: The upright head as deformed, (n_rows, n_columns, 3): eyes are round on it.
    """
    person = look.person
    rng = generator(person.texture_seed, Stream.SKIN, 0)
    tone = _tone(person, rng)
    albedo = tone[..., None] * person.skin.astype(np.float32)
    part = parts()
    redder = person.skin * (0.7, 0.65, 1.1)
    _cover(albedo, part["blush"], redder, rng.uniform(0, 0.6))
    _cover(albedo, part["nose_tip"], redder, rng.uniform(0, 0.4))
    _cover(albedo, part["ears"], redder * 0.7, 0.6)
    if person.beard > 0:
        _grow_beard(albedo, person, rng)
    _grow_scalp(albedo, person)
    _cover(albedo, part["lips"], person.lips, rng.uniform(0.6, 0.95))
    _cover(albedo, part["lower_lip_shine"], person.lips * 1.6, rng.uniform(0, 0.5))
    _cover(albedo, part["lip_line"], person.lips * 0.25, 0.8)
    _cover(albedo, part["mouth_corners"], person.skin * 0.3, 0.5)
    _cover(albedo, _brows(rng), person.hair * 0.7, person.brow_density, fine_hairs(rng))
    _dress(albedo, person.cloth, rng)
    paint_eyes(albedo, look, grid)
    paint_mouth(albedo, look, grid)
    dark = np.full(3, 0.01)
    _cover(albedo, part["lashes"], dark, 0.95 if person.is_female else 0.75)
    _cover(albedo, part["lower_lashes"], dark, 0.45 if person.is_female else 0.25)
    return albedo


@lru_cache(maxsize=4)
def _noise_sheet(cells: int) -> np.ndarray:
    """Smooth noise with about `cells` bumps per texture, larger than the texture, to cut from."""
    rng = generator(0, Stream.NOISE_SHEET, cells)
    coarse = rng.standard_normal((2 * cells, 2 * cells)).astype(np.float32)
    return cv2.resize(coarse, (2 * SIZE[1], 2 * SIZE[0]), interpolation=cv2.INTER_CUBIC)


def _noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise about 0 with standard deviation about 0.8, the size of the texture."""
    row, column = rng.integers(0, SIZE[0]), rng.integers(0, SIZE[1])
    return _noise_sheet(cells)[row : row + SIZE[0], column : column + SIZE[1]]


def fine_hairs(rng: np.random.Generator) -> np.ndarray:
    """How densely hairs cover each texel of a hairy place, 0..1."""
    return (0.88 + 0.22 * _noise(rng, 150)).clip(0, 1)


def _tone(person: Person, rng: np.random.Generator) -> np.ndarray:
    """How light the skin is against its mean: blotches, folds and hollows."""
    blotches = rng.uniform(0.02, 0.07, 3).astype(np.float32)
    tone = 1 + blotches[0] * _noise(rng, 6) + blotches[1] * _noise(rng, 40)
    tone += blotches[2] * _noise(rng, 160)
    old = person.age
    darker = {
        "folds": rng.uniform(0.05, 0.2) + 0.35 * old,
        "sockets": rng.uniform(0.0, 0.3),
        "lid_crease": rng.uniform(0.3, 0.65),
        "eye_bags": rng.uniform(0.0, 0.1) + 0.3 * old,
        "wings": rng.uniform(0.25, 0.5),
        "nostrils": rng.uniform(0.75, 0.92),
        "under_nose": rng.uniform(0.1, 0.35),
        "under_lip": rng.uniform(0.05, 0.3),
        "wrinkles": 0.45 * old**2,
    }
    for name, strength in darker.items():
        patch = parts()[name]
        tone[patch.window] *= 1 - np.float32(strength) * patch.cover
    for _ in range(int(rng.integers(0, 6))):  # moles
        centre = (int(rng.uniform(0.25, 0.75) * SIZE[1]), int(rng.uniform(0.2, 0.8) * SIZE[0]))
        cv2.circle(tone, centre, int(rng.integers(1, 3)), 0.45, -1, cv2.LINE_AA)
    return tone.clip(0.04, 1.6)


def _cover(
    albedo: np.ndarray,
    patch: Patch,
    colour: np.ndarray,
    strength: float,
    hairs: np.ndarray | None = None,
) -> None:
    """Paint a patch over the albedo, in place; `hairs` lets the skin through."""
    cover = patch.cover * np.float32(strength)
    if hairs is not None:
        cover = cover * hairs[patch.window]
    window = albedo[patch.window]
    window += (np.asarray(colour, np.float32) - window) * cover[..., None]


def _grow_beard(albedo: np.ndarray, person: Person, rng: np.random.Generator) -> None:
    hairs = fine_hairs(rng)
    colour = person.hair * rng.uniform(0.7, 1.2)
    kind = rng.choice(["full", "stubble", "moustache"], p=[0.45, 0.4, 0.15])
    strength = 0.4 * person.beard if kind == "stubble" else 0.4 + 0.6 * person.beard
    if kind != "moustache":
        _cover(albedo, parts()["beard"], colour, strength, hairs)
    _cover(albedo, parts()["moustache"], colour, strength, hairs)


def _grow_scalp(albedo: np.ndarray, person: Person) -> None:
    """Colour the skin under the hair, or the shaven head, like the hair."""
    style = person.hair_style
    line = np.interp(
        np.abs(DEGREES), [0, 40, 60, 80, 88, 112, 120, 180],
        [style.front - 0.08, style.front - 0.05, -0.5, -0.1, -0.3, -0.3, 0.5, 0.7],
    )  # fmt: skip
    bottom = int(np.searchsorted(TEXEL_HEIGHTS, 0.8))
    heights = TEXEL_HEIGHTS[:bottom, None].astype(np.float32)
    cover = np.clip((line[None].astype(np.float32) - heights) / np.float32(0.12), 0, 1)
    cover *= np.float32(0.85 if style.cover != "none" else 0.35)
    albedo[:bottom] += (person.hair.astype(np.float32) - albedo[:bottom]) * cover[..., None]


def _brows(rng: np.random.Generator) -> Patch:
    """Brows along their landmarks, which annotators put on the upper edge."""
    at = landmark_texels()
    widths = np.array([0.3, 0.75, 1.0, 1.0, 0.8])[:, None] * rng.uniform(6, 15)
    outlines = []
    for points in (at[17:22], at[26:21:-1]):  # both from the outer to the inner end
        upper, lower = points - widths * (0, 0.3), points + widths * (0, 0.7)
        outlines.append(np.concatenate([rounded(upper), rounded(lower)[::-1]]))
    return filled(*outlines, blur=1.3)


def _dress(albedo: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> None:
    """Clothes from a collar down: round or with a V, plain or striped, a jacket at the sides."""
    collar = rng.uniform(1.75, 2.15) + rng.choice([0.0, 0.5]) * np.cos(np.radians(DEGREES)).clip(0)
    top = int(np.searchsorted(TEXEL_HEIGHTS, 1.7))
    heights = TEXEL_HEIGHTS[top:, None]
    cover = np.clip((heights - collar[None]) / 0.04, 0, 1).astype(np.float32)[..., None]
    pattern = 1 + rng.choice([0.0, 0.0, 0.4]) * np.sign(np.sin(heights * rng.uniform(8, 40)))
    cloth = (colour * pattern[..., None]).astype(np.float32)  # (n_rows, 1, 3)
    if rng.random() < 0.3:
        jacket = np.abs(DEGREES) > rng.uniform(15, 40)
        cloth = np.where(
            jacket[None, :, None], rng.uniform(0.005, 0.2, 3).astype(np.float32), cloth
        )
    albedo[top:] += (cloth - albedo[top:]) * cover
