"""Texture of the skin: tone, facial hair, lips, brows, eyes, mouth and clothes."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from keypoints.rendered.eyes_and_mouth import paint_eyes, paint_mouth
from keypoints.rendered.face_parts import (
    DEGREES,
    SIZE,
    TEXEL_HEIGHTS,
    Patch,
    face_parts,
    fill_polygons,
    landmark_texels,
    smooth_curve,
)
from keypoints.rendered.hair import hairline
from keypoints.rendered.scene import Person, Scene, Stream, generator


def paint_skin(scene: Scene, grid: np.ndarray) -> np.ndarray:
    """Paint the skin texture.

    Args:
        scene: Scene with the person, the expression and the gaze.
        grid: Deformed upright head, (n_rows, n_columns, 3); irises are painted round on it.

    Returns:
        Albedo of every texel, linear, (height, width, 3).
    """
    person, colours = scene.person, scene.person.colours
    rng = person.generator(Stream.SKIN)
    tone = _sample_tone(person, rng, 0.5 if scene.in_studio else 1.0)
    albedo = tone[..., None] * colours.skin.astype(np.float32)
    part = face_parts()
    if scene.in_studio:
        _paint_patch(albedo, part["ear_folds"], colours.skin * (0.2, 0.2, 0.3), 0.5)
    redder = colours.skin * (0.7, 0.65, 1.1)
    _paint_patch(albedo, part["blush"], redder, rng.uniform(0, 0.6))
    _paint_patch(albedo, part["nose_tip"], redder, rng.uniform(0, 0.4))
    _paint_patch(albedo, part["ears"], redder * 0.7, 0.6)
    if person.beard > 0:
        _paint_beard(albedo, person, rng)
    _paint_scalp(albedo, scene)
    _paint_patch(albedo, part["lips"], colours.lips, rng.uniform(0.6, 0.95))
    _paint_patch(albedo, part["lower_lip_shine"], colours.lips * 1.6, rng.uniform(0, 0.5))
    _paint_patch(albedo, part["lip_line"], colours.lips * 0.25, 0.8)
    _paint_patch(albedo, part["mouth_corners"], colours.skin * 0.3, 0.5)
    _paint_patch(albedo, _brows(rng), colours.hair * 0.7, person.brow_density, _fine_hairs(rng))
    _paint_clothes(albedo, scene, rng)
    paint_eyes(albedo, scene, grid)
    paint_mouth(albedo, scene, grid)
    dark = np.full(3, 0.01)
    _paint_patch(albedo, part["lashes"], dark, 0.95 if person.is_female else 0.75)
    _paint_patch(albedo, part["lower_lashes"], dark, 0.45 if person.is_female else 0.25)
    return albedo


@lru_cache(maxsize=4)
def _noise_sheet(cells: int) -> np.ndarray:
    """Smooth noise of twice the texture's size, with about `cells` bumps per texture."""
    rng = generator(0, Stream.NOISE, cells)
    coarse = rng.standard_normal((2 * cells, 2 * cells)).astype(np.float32)
    return cv2.resize(coarse, (2 * SIZE[1], 2 * SIZE[0]), interpolation=cv2.INTER_CUBIC)


def _noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise of the texture's size, with mean 0 and a standard deviation of about 0.8."""
    row, column = rng.integers(0, SIZE[0]), rng.integers(0, SIZE[1])
    return _noise_sheet(cells)[row : row + SIZE[0], column : column + SIZE[1]]


def _fine_hairs(rng: np.random.Generator) -> np.ndarray:
    """Density of short hairs in each texel, 0..1."""
    return (0.88 + 0.22 * _noise(rng, 150)).clip(0, 1)


def _sample_tone(person: Person, rng: np.random.Generator, contrast: float) -> np.ndarray:
    """Brightness of the skin relative to its mean, with blotches, folds and hollows."""
    blotches = contrast * rng.uniform(0.02, 0.07, 3).astype(np.float32)
    tone = 1 + blotches[0] * _noise(rng, 6) + blotches[1] * _noise(rng, 40)
    tone += blotches[2] * _noise(rng, 160)
    darker = {
        "folds": rng.uniform(0.05, 0.2) + 0.35 * person.age,
        "sockets": rng.uniform(0.0, 0.3),
        "lid_crease": rng.uniform(0.3, 0.65),
        "eye_bags": rng.uniform(0.0, 0.1) + 0.3 * person.age,
        "wings": rng.uniform(0.25, 0.5),
        "nostrils": rng.uniform(0.75, 0.92),
        "under_nose": rng.uniform(0.1, 0.35),
        "under_lip": rng.uniform(0.05, 0.3),
        "wrinkles": 0.45 * person.age**2,
    }
    for name, strength in darker.items():
        patch = face_parts()[name]
        tone[patch.window] *= 1 - np.float32(strength) * patch.alpha
    for _ in range(int(rng.integers(0, 6))):  # moles
        centre = (int(rng.uniform(0.25, 0.75) * SIZE[1]), int(rng.uniform(0.2, 0.8) * SIZE[0]))
        cv2.circle(tone, centre, int(rng.integers(1, 3)), 0.45, -1, cv2.LINE_AA)
    return tone.clip(0.04, 1.6)


def _paint_patch(
    albedo: np.ndarray,
    patch: Patch,
    colour: np.ndarray,
    strength: float,
    hairs: np.ndarray | None = None,
) -> None:
    """Blend a colour over the albedo inside a patch, in place.

    Args:
        albedo: Skin texture, (height, width, 3).
        patch: Region to paint.
        colour: Linear colour, (3,).
        strength: Opacity, 0..1.
        hairs: Density of hairs over the whole texture; None paints a solid colour.
    """
    alpha = patch.alpha * np.float32(strength)
    if hairs is not None:
        alpha = alpha * hairs[patch.window]
    window = albedo[patch.window]
    window += (np.asarray(colour, np.float32) - window) * alpha[..., None]


def _paint_beard(albedo: np.ndarray, person: Person, rng: np.random.Generator) -> None:
    hairs = _fine_hairs(rng)
    colour = person.colours.hair * rng.uniform(0.7, 1.2)
    kind = rng.choice(["full", "stubble", "moustache"], p=[0.45, 0.4, 0.15])
    strength = 0.4 * person.beard if kind == "stubble" else 0.4 + 0.6 * person.beard
    if kind != "moustache":
        _paint_patch(albedo, face_parts()["beard"], colour, strength, hairs)
    _paint_patch(albedo, face_parts()["moustache"], colour, strength, hairs)


def _paint_scalp(albedo: np.ndarray, scene: Scene) -> None:
    """Tint the skin under the hair, or a shaven head, with the colour of the hair."""
    person, style = scene.person, scene.person.hair_style
    if scene.in_studio:
        trimmed = replace(style, length="short", bottom=min(style.bottom, 0.5))
        line = hairline(trimmed, DEGREES) + 0.04
    else:
        line = np.interp(
            np.abs(DEGREES), [0, 40, 60, 80, 88, 112, 120, 180],
            [style.front - 0.08, style.front - 0.05, -0.5, -0.1, -0.3, -0.3, 0.5, 0.7],
        )  # fmt: skip
    bottom = int(np.searchsorted(TEXEL_HEIGHTS, 0.8))
    heights = TEXEL_HEIGHTS[:bottom, None].astype(np.float32)
    alpha = np.clip((line[None].astype(np.float32) - heights) / np.float32(0.12), 0, 1)
    alpha *= np.float32(0.85 if style.length != "none" else 0.35)
    albedo[:bottom] += (person.colours.hair.astype(np.float32) - albedo[:bottom]) * alpha[..., None]


def _brows(rng: np.random.Generator) -> Patch:
    """Patch of the brows; annotators put the landmarks of a brow on its upper edge."""
    at = landmark_texels()
    widths = np.array([0.3, 0.75, 1.0, 1.0, 0.8])[:, None] * rng.uniform(6, 15)
    outlines = []
    for points in (at[17:22], at[26:21:-1]):  # both from the outer to the inner end
        upper, lower = points - widths * (0, 0.3), points + widths * (0, 0.7)
        outlines.append(np.concatenate([smooth_curve(upper), smooth_curve(lower)[::-1]]))
    return fill_polygons(*outlines, blur=1.3)


def _paint_clothes(albedo: np.ndarray, scene: Scene, rng: np.random.Generator) -> None:
    """Paint a shirt with a round or V collar, plain or striped, with a jacket in some scenes."""
    collar, v = rng.uniform(1.75, 2.15), rng.choice([0.0, 0.5])
    if scene.in_studio:  # a polo neck or a round collar
        collar, v = 1.45 + 1.7 * (collar - 1.75), 0
    collar = collar + v * np.cos(np.radians(DEGREES)).clip(0)
    top = int(np.searchsorted(TEXEL_HEIGHTS, 1.4))
    heights = TEXEL_HEIGHTS[top:, None]
    softness = 0.1 if scene.in_studio else 0.04
    alpha = np.clip((heights - collar[None]) / softness, 0, 1).astype(np.float32)[..., None]
    pattern = 1 + rng.choice([0.0, 0.0, 0.4]) * np.sign(np.sin(heights * rng.uniform(8, 40)))
    if scene.in_studio:
        below = heights - collar[None]
        ribs = 0.12 * np.sin(0.8 * DEGREES) * (below < 0.3)
        pattern = pattern * (1 + ribs - 0.5 * np.exp(-((below / 0.08) ** 2)))
    cloth = (scene.person.colours.cloth * pattern[..., None]).astype(np.float32)  # (n_rows, 1, 3)
    if rng.random() < 0.3:
        jacket = np.abs(DEGREES) > rng.uniform(15, 40)
        cloth = np.where(
            jacket[None, :, None], rng.uniform(0.005, 0.2, 3).astype(np.float32), cloth
        )
    albedo[top:] += (cloth - albedo[top:]) * alpha
