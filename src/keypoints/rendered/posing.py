"""The head before the camera: its shape, its turn, its place in the photo and its landmarks."""

from dataclasses import dataclass, replace

import numpy as np

from keypoints.core.landmarks import Scheme
from keypoints.rendered.expression import expression_shift
from keypoints.rendered.falloff import ramp
from keypoints.rendered.head import HEIGHTS, mean_head
from keypoints.rendered.identity import identity_shift
from keypoints.rendered.markup import landmarks_in_photo
from keypoints.rendered.raster import Camera, rotation_matrix
from keypoints.rendered.scene import Pose, Scene


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


def pose_head(look: Scene) -> PosedHead:
    """Shape the head, turn it, and let the chest follow the turn only a little."""
    head = mean_head()
    shift = identity_shift(head, look.person.identity) + expression_shift(head, look.expression)
    grid = head.deformed(shift)
    camera = _camera(look.pose)
    chest = _camera(Pose(0.25 * look.pose.yaw, 0.0, 0.2 * look.pose.roll, look.pose.distance))
    # The head turns about the top of the spine, so the chest is placed under that point.
    spine = np.array([0.0, 0.6, -0.8], np.float32)
    drift = camera.project(spine)[:2] - chest.project(spine)[:2]
    follow = ramp(HEIGHTS, 1.3, 2.1).astype(np.float32)[:, None, None]
    chest_seen = chest.project(grid) + np.append(drift, 0).astype(np.float32)
    projected = camera.project(grid) * (1 - follow) + chest_seen * follow
    turned = grid @ camera.rotation.T.astype(np.float32)
    return PosedHead(grid, turned, projected, camera)


def _camera(pose: Pose) -> Camera:
    rotation = rotation_matrix(pose.yaw, pose.pitch, pose.roll)
    return Camera(rotation, (0.0, 0.0), 1.0, pose.distance)


def find_landmarks(scheme: Scheme, look: Scene, posed: PosedHead) -> np.ndarray:
    """Landmarks of a posed head, (n_points, 2), in the unit of its `projected`."""
    return landmarks_in_photo(scheme, posed.projected, look.pose.roll)
