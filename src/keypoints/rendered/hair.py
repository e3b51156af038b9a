"""Hair and hats: a textured shell over the skull, rendered behind and in front of the head."""

from functools import lru_cache

import cv2
import numpy as np

from keypoints.rendered.head import skull_surface
from keypoints.rendered.identity import LENGTH_STD, WIDTH_STD
from keypoints.rendered.raster import grid_normals
from keypoints.rendered.scene import HairStyle, Hat, Scene, Stream

_AZIMUTHS = np.radians(np.arange(-180, 181, 6.0))
_HEIGHTS = np.concatenate([np.linspace(-1.4, -0.2, 19), np.linspace(-0.1, 2.4, 22)])
ZOOM = 6  # texels per grid cell of the shell
_SIZE = (len(_HEIGHTS) * ZOOM, len(_AZIMUTHS) * ZOOM)
_TEXEL_DEGREES = np.degrees(
    np.interp(np.arange(_SIZE[1]) / ZOOM, np.arange(len(_AZIMUTHS)), _AZIMUTHS)
).astype(np.float32)
_TEXEL_HEIGHTS = np.interp(np.arange(_SIZE[0]) / ZOOM, np.arange(len(_HEIGHTS)), _HEIGHTS)
_TEXEL_HEIGHTS = _TEXEL_HEIGHTS.astype(np.float32)[:, None]
# Below this height the hair hangs straight, instead of following the neck.
_STRAIGHT_BELOW = 0.15
# Length of short hair below the hairline, by azimuth in degrees.
_SHORT_DEGREES = [0, 42, 62, 80, 88, 112, 120, 180]
_SHORT_LENGTH = [0.0, 0.05, 0.2, 0.62, 0.45, 0.45, 1.2, 1.25]


@lru_cache(maxsize=1)
def _shell() -> np.ndarray:
    """Skull with straight sides below the ears, (n_rows, n_columns, 3)."""
    azimuths, heights = np.meshgrid(_AZIMUTHS, _HEIGHTS)
    shell = skull_surface(azimuths, np.minimum(heights, _STRAIGHT_BELOW))
    shell[..., 1] += np.maximum(heights - _STRAIGHT_BELOW, 0)
    return shell.astype(np.float32)


def hair_grid(scene: Scene) -> np.ndarray:
    """Surface of the hair or hat on the upright head, (n_rows, n_columns, 3)."""
    person, style = scene.person, scene.person.hair_style
    shell = _shell()
    profile = np.interp(_HEIGHTS, [-1.4, -0.9, -0.3, 0.3, 2.4], [1.2, 1.0, 0.75, 0.8, 1.0])
    thickness = style.volume * np.repeat(profile[:, None], len(_AZIMUTHS), axis=1)
    rng = person.generator(Stream.HAIR_SHAPE)
    waves = (0.15 + 0.3 * style.curl) * _noise(rng, (9, 13), thickness.shape)
    # All columns meet at the crown, and the outer two at the back: no waves there, so no seam.
    waves *= np.minimum(np.arange(len(_HEIGHTS)) / 6, 1)[:, None]
    waves *= np.clip((180 - np.abs(np.degrees(_AZIMUTHS))) / 40, 0, 1)
    thickness *= 1 + waves
    if scene.hat:
        thickness = np.minimum(thickness, 0.12)
    identity = person.identity
    stretch = 1 + np.array(
        [WIDTH_STD * identity.face_width, LENGTH_STD * identity.face_length, 0.0]
    )
    normals = grid_normals(shell)
    normals[0] = (0, -1, 0)
    return ((shell + thickness[..., None] * normals) * stretch).astype(np.float32)


def hair_texture(scene: Scene, diffuse: np.ndarray, specular: np.ndarray) -> np.ndarray:
    """Lit texture of the shell.

    Args:
        scene: Scene with the person and the hat.
        diffuse: Diffuse light on the grid of the shell, (n_rows, n_columns, 3).
        specular: Specular reflection of a smooth surface, (n_rows, n_columns, 3).

    Returns:
        Linear colour and alpha, (height, width, 4), alpha in 0..1.
    """
    hair, style = scene.person.colours.hair, scene.person.hair_style
    rng = scene.person.generator(Stream.HAIR_STRANDS)
    strands = _strands(rng, style.curl)
    tone = (1 + 0.3 * strands + 0.2 * _noise(rng, (12, 12))).clip(0.15, 2.5)
    light = cv2.resize(diffuse, _SIZE[::-1])
    colour = light * hair.astype(np.float32)
    gloss = cv2.resize(specular, _SIZE[::-1]) * (0.15 + 0.6 * np.sqrt(hair.mean()))
    colour = (colour + gloss.astype(np.float32)) * tone[..., None]
    alpha = _hair_alpha(style, rng, strands)
    if scene.hat:
        _paint_hat(scene.hat, colour, alpha, light)
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def _noise(
    rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int] = _SIZE
) -> np.ndarray:
    """Smooth noise with mean 0 and a standard deviation of about 1, (height, width)."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def _strands(rng: np.random.Generator, curl: float) -> np.ndarray:
    """Noise stretched along the hair; curly hair swings sideways."""
    strands = _noise(rng, (4 + int(10 * curl), 330))
    strands += 0.7 * _noise(rng, (3, 110))
    if curl < 0.2:
        return strands
    y, x = np.indices(_SIZE, np.float32)
    swing = 9 * curl * np.sin(y / rng.uniform(3, 9) + 2 * _noise(rng, (6, 24)))
    return cv2.remap(strands, x + swing, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _hair_alpha(style: HairStyle, rng: np.random.Generator, strands: np.ndarray) -> np.ndarray:
    """Opacity of the hair, (height, width), 0..1."""
    if style.length == "none":
        return np.zeros(_SIZE, np.float32)
    side = np.abs(_TEXEL_DEGREES)
    hairline = style.front + style.parting * np.sin(np.radians(_TEXEL_DEGREES))
    if style.length == "long":
        edge = np.clip((side - style.opening + 10) / 14, 0, 1)
        low = hairline + (style.bottom - hairline) * edge
    else:
        length = np.interp(side, _SHORT_DEGREES, _SHORT_LENGTH)
        low = hairline + length * (style.bottom + 0.75) / 1.3
    raggedness = 0.03 + 0.05 * style.curl
    low = low + raggedness * _noise(rng, (1, 60), (1, _SIZE[1]))[0]
    edge = (low.astype(np.float32) - _TEXEL_HEIGHTS) + np.float32(raggedness) * strands
    return np.clip(edge / np.float32(0.09) + 0.5, 0, 1)


def _paint_hat(hat: Hat, colour: np.ndarray, alpha: np.ndarray, light: np.ndarray) -> None:
    """Paint cloth over the upper hair, in place."""
    hat_alpha = np.clip((hat.edge - _TEXEL_HEIGHTS) / 0.02 + 0.5, 0, 1)
    knit = 1 + hat.ribs * np.sin(1.3 * _TEXEL_DEGREES)
    cloth = light * (hat.cloth * knit[:, None]).astype(np.float32)
    colour += (cloth - colour) * hat_alpha[..., None]
    np.maximum(alpha, hat_alpha, out=alpha)


def peak_grid(hat: Hat) -> np.ndarray:
    """Surface of a cap's peak on the upright head, (n_rows, n_columns, 3)."""
    azimuths, outward = np.meshgrid(np.radians(np.arange(-66, 67, 6.0)), np.linspace(0, 1, 6))
    rim = skull_surface(azimuths, np.full_like(azimuths, hat.edge))
    rim *= (1.14, 1, 1.14)
    depth = hat.peak * outward * np.cos(azimuths * 90 / 66)
    return (rim + np.stack([0 * depth, 0.25 * depth, depth], axis=-1)).astype(np.float32)


def peak_texture(hat: Hat, light: np.ndarray) -> np.ndarray:
    """Linear colour of the peak in a light, (3,), brighter at its outer edge, (8, 8, 3)."""
    fade = np.linspace(0.5, 1, 8)[:, None, None]
    return np.repeat(fade * hat.cloth * light, 8, axis=1).astype(np.float32)
