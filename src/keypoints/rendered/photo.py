"""One whole photo: backdrop, hair, head, accessories, and what a camera does to them."""

import cv2
import numpy as np

from keypoints.rendered import hair, parts
from keypoints.rendered.backdrop import paint_backdrop
from keypoints.rendered.glasses import put_on_glasses
from keypoints.rendered.head import mean_head, sample_grid
from keypoints.rendered.lighting import shade
from keypoints.rendered.occluders import put_in_front
from keypoints.rendered.posing import Framing, PosedHead
from keypoints.rendered.raster import Camera, grid_normals, rasterize
from keypoints.rendered.scene import Hat, Light, Scene
from keypoints.rendered.skin import paint_skin

_OVERSAMPLING = 1.4  # drawn this much larger, then averaged: smooth edges


def draw_photo(
    look: Scene,
    posed: PosedHead,
    framing: Framing,
    rng: np.random.Generator,
    backdrop: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a photo of one face, uint8 (height, width, 3), (blue, green, red).

    Args:
        look: What to draw.
        posed: Its head, from `pose_head`.
        framing: Where.
        rng: Draws the backdrop and the accessories.
        backdrop: Photo to draw on; None paints one.
    """
    height, width = framing.size
    if backdrop is None:
        backdrop = paint_backdrop(rng, framing.size)
    zoom = _OVERSAMPLING
    large = (round(height * zoom), round(width * zoom))
    x, y = ((coordinate + 0.5) * zoom - 0.5 for coordinate in framing.origin)
    posed = posed.framed(Framing(large, (x, y), framing.scale * zoom))
    canvas = cv2.resize(backdrop, large[::-1])
    _draw_head_and_hair(canvas, look, posed)
    if look.hat and look.hat.peak > 0:
        _draw_peak(canvas, look.hat, look.light, posed.camera)
    if look.person.glasses:
        landmarks = sample_grid(posed.grid, mean_head().ibug_places)
        put_on_glasses(canvas, look.person.glasses, landmarks, posed.camera)
    if look.is_occluded:
        put_in_front(canvas, look, posed.camera, rng)
    return cv2.resize(canvas, (width, height))  # a pixel's four neighbours are its area


def _draw_head_and_hair(canvas: np.ndarray, look: Scene, posed: PosedHead) -> None:
    shell = hair.hair_grid(look)
    turned = shell @ posed.camera.rotation.T.astype(np.float32)
    arriving, shining = shade(grid_normals(turned), turned, look.light)
    hair_texture = _to_photo_colours(hair.hair_texture(look, arriving, shining))
    shell_seen = posed.camera.project(shell)
    if look.person.hair_style.cover == "long":
        inside = hair_texture // np.array([3, 3, 3, 1], np.uint8)  # little light gets there
        _paste(canvas, shell_seen, inside, hair.ZOOM, facing=-1)
    _paste(canvas, posed.projected, _skin_texture(look, posed), parts.ZOOM)
    _paste(canvas, shell_seen, hair_texture, hair.ZOOM)


def _draw_peak(canvas: np.ndarray, hat: Hat, light: Light, camera: Camera) -> None:
    seen = camera.project(hair.peak_grid(hat))
    bright = light.ambient + 0.4 * light.colours.sum(axis=0)
    for facing, share in ((1, 1.0), (-1, 0.4)):  # its upper side, then the dark one below
        _paste(canvas, seen, _to_photo_colours(hair.peak_texture(hat, share * bright)), 1, facing)


def _skin_texture(look: Scene, posed: PosedHead) -> np.ndarray:
    normals = grid_normals(posed.turned)
    arriving, shining = shade(normals, posed.turned, look.light)
    lit = paint_skin(look, posed.grid) * parts.enlarged(arriving)
    lit += parts.enlarged(shining)
    return _to_photo_colours(lit)


def _to_photo_colours(linear: np.ndarray) -> np.ndarray:
    """Linear light to uint8; a fourth channel, the cover, stays linear."""
    colours = np.sqrt(linear.clip(0, 1))
    if linear.shape[-1] == 4:
        colours[..., 3] = linear[..., 3]
    return (colours * 255 + 0.5).astype(np.uint8)


def _paste(
    canvas: np.ndarray, projected: np.ndarray, skin: np.ndarray, zoom: int, facing: int = 1
) -> None:
    """Draw a textured grid on the canvas, in place, within its bounding box."""
    height, width = canvas.shape[:2]
    flat = projected[..., :2].reshape(-1, 2)
    low = np.floor(flat.min(axis=0)).astype(int).clip(0, None)
    high = np.minimum(np.ceil(flat.max(axis=0)).astype(int) + 1, (width, height))
    if (high <= low).any():
        return
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    local = projected - np.append(low, 0).astype(np.float32)
    places, drawn = rasterize(local, (high[1] - low[1], high[0] - low[0]), facing=facing)
    places *= zoom
    places += (zoom - 1) / 2
    x, y = places
    seen = cv2.remap(skin, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if skin.shape[-1] == 3:
        cv2.copyTo(seen, drawn.view(np.uint8), canvas[window])
        return
    cover = seen[..., 3].astype(np.float32) / 255
    cover[~drawn] = 0
    colours = np.ascontiguousarray(seen[..., :3])
    behind = np.ascontiguousarray(canvas[window])
    canvas[window] = cv2.blendLinear(colours, behind, cover, 1 - cover)
