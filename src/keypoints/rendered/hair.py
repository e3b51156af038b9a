"""Hair and hats: a shell over the skull, drawn behind and in front of the head."""

from functools import lru_cache

import cv2
import numpy as np

from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.head import skull_surface
from keypoints.rendered.identity import LENGTH_STD, WIDTH_STD
from keypoints.rendered.raster import grid_normals
from keypoints.rendered.scene import HairStyle, Hat, Scene

_AZIMUTHS = np.radians(np.arange(-180, 181, 6.0))
_HEIGHTS = np.concatenate([np.linspace(-1.4, -0.2, 19), np.linspace(-0.1, 2.4, 22)])
ZOOM = 6  # texels per cell of the shell's grid
_SIZE = (len(_HEIGHTS) * ZOOM, len(_AZIMUTHS) * ZOOM)
_TEXEL_DEGREES = np.degrees(
    np.interp(np.arange(_SIZE[1]) / ZOOM, np.arange(len(_AZIMUTHS)), _AZIMUTHS)
).astype(np.float32)
_TEXEL_HEIGHTS = np.interp(np.arange(_SIZE[0]) / ZOOM, np.arange(len(_HEIGHTS)), _HEIGHTS)
_TEXEL_HEIGHTS = _TEXEL_HEIGHTS.astype(np.float32)[:, None]
# Below the ears hair hangs straight: the section of the neck is not followed.
_HANGS_FROM = 0.15
# How far below the fringe short hair reaches at these degrees around the head.
_SHORT_AT_DEGREES = [0, 42, 62, 80, 88, 112, 120, 180]
_SHORT_REACH = [0.0, 0.05, 0.2, 0.62, 0.45, 0.45, 1.2, 1.25]


@lru_cache(maxsize=1)
def _shell() -> np.ndarray:
    """The skull with straight sides below the ears, (n_rows, n_columns, 3)."""
    azimuths, heights = np.meshgrid(_AZIMUTHS, _HEIGHTS)
    shell = skull_surface(azimuths, np.minimum(heights, _HANGS_FROM))
    shell[..., 1] += np.maximum(heights - _HANGS_FROM, 0)
    return shell.astype(np.float32)


def hair_grid(look: Scene) -> np.ndarray:
    """Surface of the hair or hat, upright head frame, (n_rows, n_columns, 3)."""
    person, style = look.person, look.person.hair_style
    shell = _shell()
    profile = np.interp(_HEIGHTS, [-1.4, -0.9, -0.3, 0.3, 2.4], [1.2, 1.0, 0.75, 0.8, 1.0])
    thickness = style.volume * np.repeat(profile[:, None], len(_AZIMUTHS), axis=1)
    rng = generator(person.texture_seed, Stream.HAIR_SHAPE, 0)
    waves = (0.15 + 0.3 * style.curl) * _noise(rng, (9, 13), thickness.shape)
    # The crown is one point and the back one line: without a seam there, both stay even.
    waves *= np.minimum(np.arange(len(_HEIGHTS)) / 6, 1)[:, None]
    waves *= np.clip((180 - np.abs(np.degrees(_AZIMUTHS))) / 40, 0, 1)
    thickness *= 1 + waves
    if look.hat:
        thickness = np.minimum(thickness, 0.12)
    identity = person.identity
    stretch = 1 + np.array(
        [WIDTH_STD * identity.face_width, LENGTH_STD * identity.face_length, 0.0]
    )
    normals = grid_normals(shell)
    normals[0] = (0, -1, 0)
    return ((shell + thickness[..., None] * normals) * stretch).astype(np.float32)


def hair_texture(look: Scene, arriving: np.ndarray, shining: np.ndarray) -> np.ndarray:
    """Lit colour and cover of the shell's texels, (height, width, 4), linear, cover 0..1.

    Args:
        look: Whose hair.
        arriving: Light on the shell's grid, (n_rows, n_columns, 3).
        shining: What a smooth surface there would shine back, the same shape.
    """
    person, style = look.person, look.person.hair_style
    rng = generator(person.texture_seed, Stream.HAIR_STRANDS, 0)
    strands = _strands(rng, style.curl)
    tone = (1 + 0.3 * strands + 0.2 * _noise(rng, (12, 12))).clip(0.15, 2.5)
    light = cv2.resize(arriving, _SIZE[::-1])
    colour = light * person.hair.astype(np.float32)
    gloss = cv2.resize(shining, _SIZE[::-1]) * (0.15 + 0.6 * np.sqrt(person.hair.mean()))
    colour = (colour + gloss.astype(np.float32)) * tone[..., None]
    cover = _cover(style, rng, strands)
    if look.hat:
        _put_on_hat(look.hat, colour, cover, light)
    return np.concatenate([colour, cover[..., None]], axis=-1)


def _noise(
    rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int] = _SIZE
) -> np.ndarray:
    """Smooth noise about 0 with standard deviation about 1, (height, width)."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def _strands(rng: np.random.Generator, curl: float) -> np.ndarray:
    """Noise drawn out along the hair; curls make it swing to and fro."""
    strands = _noise(rng, (4 + int(10 * curl), 330))
    strands += 0.7 * _noise(rng, (3, 110))
    if curl < 0.2:
        return strands
    y, x = np.indices(_SIZE, np.float32)
    swing = 9 * curl * np.sin(y / rng.uniform(3, 9) + 2 * _noise(rng, (6, 24)))
    return cv2.remap(strands, x + swing, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _cover(style: HairStyle, rng: np.random.Generator, strands: np.ndarray) -> np.ndarray:
    """Where there is hair, (height, width), 0..1."""
    if style.cover == "none":
        return np.zeros(_SIZE, np.float32)
    side = np.abs(_TEXEL_DEGREES)
    fringe = style.front + style.parting * np.sin(np.radians(_TEXEL_DEGREES))
    if style.cover == "long":
        edge = np.clip((side - style.opening + 10) / 14, 0, 1)
        low = fringe + (style.bottom - fringe) * edge
    else:
        reach = np.interp(side, _SHORT_AT_DEGREES, _SHORT_REACH)
        low = fringe + reach * (style.bottom + 0.75) / 1.3
    raggedness = 0.03 + 0.05 * style.curl
    low = low + raggedness * _noise(rng, (1, 60), (1, _SIZE[1]))[0]
    edge = (low.astype(np.float32) - _TEXEL_HEIGHTS) + np.float32(raggedness) * strands
    return np.clip(edge / np.float32(0.09) + 0.5, 0, 1)


def _put_on_hat(hat: Hat, colour: np.ndarray, cover: np.ndarray, light: np.ndarray) -> None:
    """Cover the upper hair with cloth, in place."""
    covered = np.clip((hat.edge - _TEXEL_HEIGHTS) / 0.02 + 0.5, 0, 1)
    knit = 1 + hat.ribs * np.sin(1.3 * _TEXEL_DEGREES)
    cloth = light * (hat.cloth * knit[:, None]).astype(np.float32)
    colour += (cloth - colour) * covered[..., None]
    np.maximum(cover, covered, out=cover)


def peak_grid(hat: Hat) -> np.ndarray:
    """Surface of a cap's peak, upright head frame, (n_rows, n_columns, 3)."""
    azimuths, out = np.meshgrid(np.radians(np.arange(-66, 67, 6.0)), np.linspace(0, 1, 6))
    rim = skull_surface(azimuths, np.full_like(azimuths, hat.edge))
    rim *= (1.14, 1, 1.14)
    reach = hat.peak * out * np.cos(azimuths * 90 / 66)
    return (rim + np.stack([0 * reach, 0.25 * reach, reach], axis=-1)).astype(np.float32)


def peak_texture(hat: Hat, light: np.ndarray) -> np.ndarray:
    """Colour of the peak, brighter at its rim, (8, 8, 3), linear; `light` is (3,)."""
    fade = np.linspace(0.5, 1, 8)[:, None, None]
    return np.repeat(fade * hat.cloth * light, 8, axis=1).astype(np.float32)
