"""One whole photo: backdrop, hair, head, accessories, and what a camera does to them."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from keypoints.landmarks import Scheme
from keypoints.sources.rendered import accessories, hair, parts
from keypoints.sources.rendered.backdrop import paint_backdrop
from keypoints.sources.rendered.head import HEIGHTS, mean_head, sample_grid
from keypoints.sources.rendered.lighting import light_up
from keypoints.sources.rendered.look import Look, Pose
from keypoints.sources.rendered.markup import landmarks_in_photo
from keypoints.sources.rendered.raster import Camera, draw_places, grid_normals, rotation_matrix
from keypoints.sources.rendered.skin import paint_skin
from keypoints.sources.rendered.shape import expression_shift, identity_shift

_OVERSAMPLING = 1.6  # drawn this much larger, then averaged: smooth edges


@dataclass(frozen=True)
class Framing:
    """Where the head stands in the photo.

    Attributes:
        size: Height and width of the photo.
        origin: Photo pixel between the outer eye corners, (x, y).
        scale: Photo pixels of one inter-ocular distance.
    """

    size: tuple[int, int]
    origin: tuple[float, float]
    scale: float


@dataclass(frozen=True)
class PosedHead:
    """A head before the camera.

    Attributes:
        grid: Upright, (n_rows, n_columns, 3), inter-ocular distances.
        turned: The same in the camera frame.
        projected: As the camera sees it, with the depth as z; the origin lies between the outer eye
            corners and the unit is the inter-ocular distance, until `framed`.
        camera: What projected it.
    """

    grid: np.ndarray
    turned: np.ndarray
    projected: np.ndarray
    camera: Camera

    def framed(self, framing: Framing) -> "PosedHead":
        """The head at its place in a photo: `projected` in photo pixels."""
        stretch = np.array([framing.scale, framing.scale, 1], np.float32)
        projected = self.projected * stretch + np.array([*framing.origin, 0], np.float32)
        camera = replace(self.camera, origin=framing.origin, scale=framing.scale)
        return replace(self, projected=projected, camera=camera)


def pose_head(look: Look) -> PosedHead:
    """Shape the head, turn it, and let the chest follow the turn only a little."""
    head = mean_head()
    shift = identity_shift(head, look.person.identity) + expression_shift(head, look.expression)
    grid = head.deformed(shift)
    camera = _camera(look.pose)
    chest = _camera(Pose(0.25 * look.pose.yaw, 0.0, 0.2 * look.pose.roll, look.pose.distance))
    # The head turns about the top of the spine, so the chest is placed under that point.
    spine = np.array([0.0, 0.6, -0.8], np.float32)
    drift = camera.project(spine)[:2] - chest.project(spine)[:2]
    follow = np.interp(HEIGHTS, [1.3, 2.1], [0, 1]).astype(np.float32)[:, None, None]
    follow = follow * follow * (3 - 2 * follow)
    chest_seen = chest.project(grid) + np.append(drift, 0).astype(np.float32)
    projected = camera.project(grid) * (1 - follow) + chest_seen * follow
    turned = grid @ camera.rotation.T.astype(np.float32)
    return PosedHead(grid, turned, projected, camera)


def _camera(pose: Pose) -> Camera:
    rotation = rotation_matrix(pose.yaw, pose.pitch, pose.roll)
    return Camera(rotation, (0.0, 0.0), 1.0, pose.distance)


def find_landmarks(scheme: Scheme, look: Look, posed: PosedHead) -> np.ndarray:
    """Landmarks of a posed head, (n_points, 2), in the unit of its `projected`."""
    return landmarks_in_photo(scheme, posed.projected, look.pose.roll)


def draw_photo(
    look: Look,
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
    shell = hair.hair_grid(look)
    turned = shell @ posed.camera.rotation.T.astype(np.float32)
    arriving, shining = light_up(grid_normals(turned), turned, look.light)
    hair_texture = _to_photo_colours(hair.hair_texture(look, arriving, shining))
    shell_seen = posed.camera.project(shell)
    if look.person.hair_style.cover == "long":
        inside = hair_texture // np.array([3, 3, 3, 1], np.uint8)  # little light gets there
        _paste(canvas, shell_seen, inside, hair.ZOOM, facing=-1)
    _paste(canvas, posed.projected, _skin_texture(look, posed), parts.ZOOM)
    _paste(canvas, shell_seen, hair_texture, hair.ZOOM)
    landmarks = sample_grid(posed.grid, mean_head().ibug_places)
    accessories.put_on_glasses(canvas, look, landmarks, posed.camera, rng)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)


def _skin_texture(look: Look, posed: PosedHead) -> np.ndarray:
    normals = grid_normals(posed.turned)
    arriving, shining = light_up(normals, posed.turned, look.light)
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
    places, drawn = draw_places(local, (high[1] - low[1], high[0] - low[0]), facing=facing)
    at = (places + 0.5) * zoom - 0.5
    seen = cv2.remap(
        skin, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if skin.shape[-1] == 3:
        np.copyto(canvas[window], seen, where=drawn[..., None])
        return
    cover = seen[..., 3].astype(np.float32) / 255
    cover[~drawn] = 0
    colours = np.ascontiguousarray(seen[..., :3])
    behind = np.ascontiguousarray(canvas[window])
    canvas[window] = cv2.blendLinear(colours, behind, cover, 1 - cover)
