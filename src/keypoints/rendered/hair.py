"""Hair and hats: a textured shell over the skull, rendered behind and in front of the head."""

from functools import lru_cache

import cv2
import numpy as np

from keypoints.rendered.head import skull_surface, to_studio
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
_LENGTHS = ([0, 42, 62, 80, 88, 112, 120, 180], [0.0, 0.05, 0.2, 0.62, 0.45, 0.45, 1.2, 1.25])
# Thickness of the hair relative to its volume, by height.
_PROFILE = ([-1.4, -0.9, -0.3, 0.3, 2.4], [1.2, 1.0, 0.75, 0.8, 1.0])
# The same in the studio, where temples and ears are free.
_STUDIO_LENGTHS = ([0, 42, 62, 74, 84, 90, 112, 120, 180],
                   [0.0, -0.04, 0.1, 0.8, 1.0, 0.6, 0.6, 1.4, 1.6])  # fmt: skip
_TRIMMED_PROFILE = ([-1.4, -0.9, -0.4, 0.2, 2.4], [1.0, 1.0, 0.5, 0.3, 0.3])
# Degrees from the top of the head back to the whorl, at which the hair of the studio starts.
_WHORL = 55.0


@lru_cache(maxsize=2)
def _shell(*, in_studio: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skull with straight sides below the ears, (n_rows, n_columns, 3), its degrees and heights.

    The columns run down from the top of the head or, in the studio, from the whorl behind it.
    """
    azimuths, heights = np.meshgrid(_AZIMUTHS, _HEIGHTS)
    if in_studio:
        down = np.linspace(0, np.pi, len(heights))[:, None]
        tilt = np.radians(_WHORL) * np.cos(down / 2) ** 2
        up, forward = np.cos(down), np.cos(azimuths) * np.sin(down)
        side = np.sin(azimuths) * np.sin(down)
        azimuths = np.arctan2(side, forward * np.cos(tilt) - up * np.sin(tilt))
        up = up * np.cos(tilt) + forward * np.sin(tilt)
        heights = np.interp(-up, [-1, 0, 0.6, 1], [-1.4, -0.2, 0.8, 2.5])
    shell = skull_surface(azimuths, np.minimum(heights, _STRAIGHT_BELOW))
    if in_studio:
        shell = to_studio(shell)
    shell[..., 1] += np.maximum(heights - _STRAIGHT_BELOW, 0)
    return shell.astype(np.float32), np.degrees(azimuths), heights


def hair_grid(scene: Scene) -> np.ndarray:
    """Surface of the hair or hat on the upright head, (n_rows, n_columns, 3)."""
    person, style = scene.person, scene.person.hair_style
    shell, degrees, heights = _shell(in_studio=scene.in_studio)
    is_trimmed = scene.in_studio and style.length == "short"
    profile = _TRIMMED_PROFILE if is_trimmed else _PROFILE
    thickness = style.volume * np.interp(heights, *profile)
    if scene.in_studio:  # thin at the hairline
        is_hair = (hairline(style, degrees) > heights).astype(np.float32)
        thickness *= (2 * cv2.GaussianBlur(is_hair, (0, 0), 2.5) - 0.9).clip(0.1, 1)
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
    strands = _strands(rng, style.curl, in_studio=scene.in_studio)
    tone = (1 + 0.3 * strands + 0.2 * _noise(rng, (12, 12))).clip(0.15, 2.5)
    light = cv2.resize(diffuse, _SIZE[::-1])
    colour = light * hair.astype(np.float32)
    gloss = cv2.resize(specular, _SIZE[::-1]) * (0.15 + 0.6 * np.sqrt(hair.mean()))
    colour = (colour + gloss.astype(np.float32)) * tone[..., None]
    alpha = _hair_alpha(scene, rng, strands)
    if scene.hat:
        _paint_hat(scene.hat, colour, alpha, light)
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def _noise(
    rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int] = _SIZE
) -> np.ndarray:
    """Smooth noise with mean 0 and a standard deviation of about 1, (height, width)."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def _strands(rng: np.random.Generator, curl: float, *, in_studio: bool) -> np.ndarray:
    """Noise stretched along the hair; curly hair swings sideways."""
    y, x = np.indices(_SIZE, np.float32)
    if in_studio:
        strands = _noise(rng, (16, 330)) + 0.4 * _noise(rng, (6, 60))
        swing = rng.normal(0, 0.2) * y + (2 + 4 * curl) * _noise(rng, (12, 30))
    else:
        strands = _noise(rng, (4 + int(10 * curl), 330))
        strands += 0.7 * _noise(rng, (3, 110))
        if curl < 0.2:
            return strands
        swing = 9 * curl * np.sin(y / rng.uniform(3, 9) + 2 * _noise(rng, (6, 24)))
    return cv2.remap(strands, x + swing, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _hair_alpha(scene: Scene, rng: np.random.Generator, strands: np.ndarray) -> np.ndarray:
    """Opacity of the hair, (height, width), 0..1."""
    style = scene.person.hair_style
    if style.length == "none":
        return np.zeros(_SIZE, np.float32)
    raggedness, softness = 0.03 + 0.05 * style.curl, np.float32(0.2 if scene.in_studio else 0.09)
    if scene.in_studio:
        _, degrees, heights = _shell(in_studio=True)
        low = cv2.resize(hairline(style, degrees) - heights, _SIZE[::-1])
        heights = np.zeros(1, np.float32)
    else:
        low, heights = hairline(style, _TEXEL_DEGREES, in_studio=False), _TEXEL_HEIGHTS
    low = low + raggedness * _noise(rng, (1, 60), (1, _SIZE[1]))[0]
    edge = (low.astype(np.float32) - heights) + np.float32(raggedness) * strands
    return np.clip(edge / softness + 0.5, 0, 1)


def hairline(style: HairStyle, degrees: np.ndarray, *, in_studio: bool = True) -> np.ndarray:
    """Height of the lower end of the hair at azimuths in degrees."""
    side, lengths = np.abs(degrees), _STUDIO_LENGTHS if in_studio else _LENGTHS
    front = style.front + style.parting * np.sin(np.radians(degrees))
    if style.length == "long":
        return front + (style.bottom - front) * np.clip((side - style.opening + 10) / 14, 0, 1)
    return front + np.interp(side, *lengths) * (style.bottom + 0.75) / 1.3


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
