"""Photos of the iBUG layout: faces in the wild, with the box of a face detector."""

from dataclasses import dataclass

import numpy as np

from keypoints.core.landmarks import IBUG_68
from keypoints.rendered.degradation import degrade
from keypoints.rendered.landmarks import find_landmarks
from keypoints.rendered.photo import render_photo
from keypoints.rendered.posing import Framing, PosedHead, pose_head
from keypoints.rendered.sampling import REALISTIC, Difficulty, sample_person, sample_scene
from keypoints.rendered.scene import Scene

# Measured on 2,481 training faces of the public set. Lengths are in box widths.
# Ratio of the box width to the geometric mean of the landmarks' width and height.
BOX_TO_EXTENT, BOX_TO_EXTENT_LOG_STD = 1.056, 0.086
# Offset of the box's centre from the mean of the landmarks, (x, y).
BOX_CENTRE_OFFSET, BOX_CENTRE_STD = np.array([-0.015, -0.064]), np.array([0.037, 0.045])
# Ratio of the photo's width to the box width.
PHOTO_TO_BOX = 1.9
# Box widths in pixels. The public ones come from an image pyramid, so they take few values, up to
# 384, and half of them exceed 310. Smaller boxes suffice for the networks' inputs, and their photos
# are rendered faster.
_BOX_WIDTHS = np.array([105, 125, 150, 180, 216, 259, 310])
_BOX_PROBABILITIES = np.array([0.08, 0.12, 0.2, 0.25, 0.2, 0.1, 0.05])


@dataclass(frozen=True)
class IbugScene:
    """Everything about a photo that is determined before it is rendered.

    Attributes:
        scene: Contents of the photo.
        head: Result of `pose_head(scene)`.
        framing: Position of the head in the photo.
        box: Left, top, width and height in whole photo pixels.
        landmarks_photo: Whole photo pixels, (68, 2).
    """

    scene: Scene
    head: PosedHead
    framing: Framing
    box: tuple[int, int, int, int]
    landmarks_photo: np.ndarray


@dataclass(frozen=True)
class IbugPhoto:
    """A rendered photo, its box and landmarks as in `IbugScene`, and its JPEG quality."""

    pixels: np.ndarray
    box: tuple[int, int, int, int]
    landmarks_photo: np.ndarray
    quality: int


def render_ibug_photo(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> IbugPhoto:
    """Sample a scene and render it."""
    ibug = sample_ibug_scene(rng, difficulty)
    photo = render_photo(ibug.scene, ibug.head, ibug.framing, rng)
    photo = degrade(photo, rng, difficulty.camera)
    quality = int(rng.integers(round(95 - 35 * difficulty.camera), 96))
    return IbugPhoto(photo, ibug.box, ibug.landmarks_photo, quality)


def sample_ibug_scene(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> IbugScene:
    """Sample person, scene, framing and box of a photo."""
    scene = sample_scene(rng, sample_person(rng, difficulty.occlusion), difficulty)
    head = pose_head(scene)
    landmarks = find_landmarks(IBUG_68, scene, head)  # in inter-ocular distances
    box_width = int(rng.choice(_BOX_WIDTHS, p=_BOX_PROBABILITIES))
    extent = np.sqrt(np.ptp(landmarks, axis=0).prod())
    scale = box_width / (extent * BOX_TO_EXTENT * np.exp(rng.normal(0, BOX_TO_EXTENT_LOG_STD)))
    offset = rng.normal(BOX_CENTRE_OFFSET, BOX_CENTRE_STD) * box_width
    box_centre = landmarks.mean(axis=0) * scale + offset  # relative to the head's origin
    low, high = _sample_photo_edges(rng, landmarks * scale - box_centre, box_width)
    origin = -low - box_centre
    left, top = np.round(-low - box_width / 2).astype(int).tolist()
    box_height = box_width + int(rng.choice([-1, 0, 1], p=[0.12, 0.76, 0.12]))
    size = (int(high[1] - low[1]), int(high[0] - low[0]))
    return IbugScene(
        scene=scene,
        head=head,
        framing=Framing(size, (float(origin[0]), float(origin[1])), float(scale)),
        box=(left, top, box_width, box_height),
        landmarks_photo=np.round(landmarks * scale + origin).astype(int),
    )


def _sample_photo_edges(
    rng: np.random.Generator, landmarks: np.ndarray, box_width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sample the edges of the photo; some are close to the face, but all landmarks are inside.

    Args:
        rng: Random numbers.
        landmarks: Landmarks in pixels, relative to the centre of the box, (68, 2).
        box_width: Width of the box in pixels.

    Returns:
        Left-top and right-bottom corners in whole pixels, relative to the centre of the box,
        (2,) each.
    """
    distance = np.full((2, 2), PHOTO_TO_BOX / 2 * box_width)  # (edge, axis)
    for edge, axis in np.ndindex(2, 2):
        if rng.random() < 0.08:
            distance[edge, axis] *= rng.uniform(0.45, 1.0)
    low = np.minimum(-distance[0], landmarks.min(axis=0) - 2)
    high = np.maximum(distance[1], landmarks.max(axis=0) + 2)
    return np.floor(low), np.ceil(high)
