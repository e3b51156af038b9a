"""Rendering of a photo: background, hair, head and what is in front of the face."""

import cv2
import numpy as np

from keypoints.rendered import face_parts, hair
from keypoints.rendered.background import render_background
from keypoints.rendered.head import mean_head, sample_grid
from keypoints.rendered.lighting import shade
from keypoints.rendered.occluders import render_glasses, render_occluder
from keypoints.rendered.posing import Framing, PosedHead
from keypoints.rendered.raster import Camera, grid_normals, rasterize
from keypoints.rendered.scene import Hat, Light, Scene
from keypoints.rendered.skin import paint_skin

_SUPERSAMPLING = 1.4  # scale at which the photo is rendered before it is averaged


def render_photo(
    scene: Scene,
    head: PosedHead,
    framing: Framing,
    rng: np.random.Generator,
    background: np.ndarray | None = None,
) -> np.ndarray:
    """Render a photo of one face.

    Args:
        scene: Contents of the photo.
        head: Result of `pose_head(scene)`.
        framing: Position of the head in the photo.
        rng: Random numbers for the background and the occluder.
        background: Photo behind the head, uint8 (height, width, 3); None renders a random one.

    Returns:
        uint8 (height, width, 3), (blue, green, red).
    """
    height, width = framing.size
    if background is None:
        background = render_background(rng, framing.size)
    zoom = _SUPERSAMPLING
    large = (round(height * zoom), round(width * zoom))
    x, y = ((coordinate + 0.5) * zoom - 0.5 for coordinate in framing.origin)
    head = head.place(Framing(large, (x, y), framing.scale * zoom))
    canvas = cv2.resize(background, large[::-1])
    _render_head_and_hair(canvas, scene, head)
    if scene.hat and scene.hat.peak > 0:
        _render_peak(canvas, scene.hat, scene.light, head.camera)
    if scene.person.glasses:
        landmarks = sample_grid(head.grid, mean_head().ibug_uv)
        render_glasses(canvas, scene.person.glasses, landmarks, head.camera)
    if scene.is_occluded:
        render_occluder(canvas, scene, head.camera, rng)
    return cv2.resize(canvas, (width, height))  # bilinear: averages four neighbours


def _render_head_and_hair(canvas: np.ndarray, scene: Scene, head: PosedHead) -> None:
    shell = hair.hair_grid(scene)
    shell_camera = shell @ head.camera.rotation.T.astype(np.float32)
    normals = grid_normals(shell_camera)
    diffuse, specular = shade(normals, shell_camera, scene.light)
    texture = hair.hair_texture(scene, diffuse, specular)
    if scene.in_studio:  # single hairs stand out from the outline
        texture[..., 3] *= cv2.resize(np.abs(5 * normals[..., 2]).clip(0, 1), texture.shape[1::-1])
    hair_texture = _to_uint8(texture)
    shell_photo = head.camera.project(shell)
    if scene.in_studio or scene.person.hair_style.length == "long":
        inside = hair_texture // np.array([3, 3, 3, 1], np.uint8)  # the inner side is darker
        _render_grid(canvas, shell_photo, inside, hair.ZOOM, facing=-1)
    _render_grid(canvas, head.grid_photo, _skin_texture(scene, head), face_parts.ZOOM)
    _render_grid(canvas, shell_photo, hair_texture, hair.ZOOM)


def _render_peak(canvas: np.ndarray, hat: Hat, light: Light, camera: Camera) -> None:
    grid_photo = camera.project(hair.peak_grid(hat))
    bright = light.ambient + 0.4 * light.colours.sum(axis=0)
    for facing, brightness in ((1, 1.0), (-1, 0.4)):  # the upper side, then the darker lower one
        texture = _to_uint8(hair.peak_texture(hat, brightness * bright))
        _render_grid(canvas, grid_photo, texture, 1, facing)


def _skin_texture(scene: Scene, head: PosedHead) -> np.ndarray:
    normals = grid_normals(head.grid_camera)
    diffuse, specular = shade(normals, head.grid_camera, scene.light)
    if scene.in_studio:
        diffuse = cv2.GaussianBlur(diffuse, (0, 0), 1.2)
    lit = paint_skin(scene, head.grid) * face_parts.upsample(diffuse)
    lit += face_parts.upsample(specular)
    return _to_uint8(lit)


def _to_uint8(linear: np.ndarray) -> np.ndarray:
    """Linear light to gamma-encoded uint8; a fourth channel, alpha, stays linear."""
    colours = np.sqrt(linear.clip(0, 1))
    if linear.shape[-1] == 4:
        colours[..., 3] = linear[..., 3]
    return (colours * 255 + 0.5).astype(np.uint8)


def _render_grid(
    canvas: np.ndarray, grid_photo: np.ndarray, texture: np.ndarray, zoom: int, facing: int = 1
) -> None:
    """Render a textured grid onto the canvas, in place, within its bounding box."""
    height, width = canvas.shape[:2]
    flat = grid_photo[..., :2].reshape(-1, 2)
    low = np.floor(flat.min(axis=0)).astype(int).clip(0, None)
    high = np.minimum(np.ceil(flat.max(axis=0)).astype(int) + 1, (width, height))
    if (high <= low).any():
        return
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    local = grid_photo - np.append(low, 0).astype(np.float32)
    uv, visible = rasterize(local, (high[1] - low[1], high[0] - low[0]), facing=facing)
    uv *= zoom
    uv += (zoom - 1) / 2
    x, y = uv
    pixels = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if texture.shape[-1] == 3:
        cv2.copyTo(pixels, visible.view(np.uint8), canvas[window])
        return
    alpha = pixels[..., 3].astype(np.float32) / 255
    alpha[~visible] = 0
    colours = np.ascontiguousarray(pixels[..., :3])
    behind = np.ascontiguousarray(canvas[window])
    canvas[window] = cv2.blendLinear(colours, behind, alpha, 1 - alpha)
