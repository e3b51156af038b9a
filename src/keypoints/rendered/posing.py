"""Geometry of the head in a photo: shape, rotation, projection and position."""

from dataclasses import dataclass, replace

import numpy as np

from keypoints.rendered.expression import expression_shift
from keypoints.rendered.head import HEIGHTS, bump_kernel, mean_head, ramp, to_studio
from keypoints.rendered.identity import identity_shift
from keypoints.rendered.raster import Camera, rotation_matrix
from keypoints.rendered.scene import Pose, Scene


@dataclass(frozen=True)
class Framing:
    """Position of the head in the photo.

    Attributes:
        size: Height and width of the photo.
        origin: Photo pixel midway between the outer eye corners, (x, y).
        scale: Photo pixels per inter-ocular distance.
    """

    size: tuple[int, int]
    origin: tuple[float, float]
    scale: float


@dataclass(frozen=True)
class PosedHead:
    """A head in front of the camera.

    Attributes:
        grid: Surface of the upright head, (n_rows, n_columns, 3), in inter-ocular distances.
        grid_camera: Surface in the camera frame, (n_rows, n_columns, 3).
        grid_photo: Projected surface, (n_rows, n_columns, 3), with the depth as z. After `place`, x
            and y are in photo pixels; before, they are in inter-ocular distances from the point
            midway between the outer eye corners.
        camera: Camera of the projection.
    """

    grid: np.ndarray
    grid_camera: np.ndarray
    grid_photo: np.ndarray
    camera: Camera

    def place(self, framing: Framing) -> "PosedHead":
        """Move and scale the projection to its position in a photo."""
        stretch = np.array([framing.scale, framing.scale, 1], np.float32)
        grid_photo = self.grid_photo * stretch + np.array([*framing.origin, 0], np.float32)
        camera = replace(self.camera, origin=framing.origin, scale=framing.scale)
        return replace(self, grid_photo=grid_photo, camera=camera)


def pose_head(scene: Scene) -> PosedHead:
    """Deform, rotate and project the head; the chest follows the rotation only slightly."""
    head, pose = mean_head(), scene.pose
    shift = identity_shift(head, scene.person.identity) + expression_shift(head, scene.expression)
    grid = head.deform(shift)
    if scene.in_studio:
        grid = to_studio(grid)
        full_cheeks = bump_kernel(grid.reshape(-1, 3), 0.42, 0.86, 0.3)
        grid[..., 2] += 0.06 * full_cheeks.reshape(grid.shape[:2])
    camera = _camera(pose)
    chest_camera = _camera(Pose(0.25 * pose.yaw, 0.0, 0.2 * pose.roll, pose.distance))
    # The head rotates about the top of the spine, so the chest is moved below that point.
    spine = np.array([0.0, 0.6, -0.8], np.float32)
    drift = camera.project(spine)[:2] - chest_camera.project(spine)[:2]
    chest_weight = ramp(HEIGHTS, 1.3, 2.1).astype(np.float32)[:, None, None]
    chest = chest_camera.project(grid) + np.append(drift, 0).astype(np.float32)
    grid_photo = camera.project(grid) * (1 - chest_weight) + chest * chest_weight
    grid_camera = grid @ camera.rotation.T.astype(np.float32)
    return PosedHead(grid, grid_camera, grid_photo, camera)


def _camera(pose: Pose) -> Camera:
    rotation = rotation_matrix(pose.yaw, pose.pitch, pose.roll)
    return Camera(rotation, (0.0, 0.0), 1.0, pose.distance)
