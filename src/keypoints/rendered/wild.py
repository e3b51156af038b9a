"""A photo in the wild with the box of a face detector: one entry of the iBUG lists."""

from dataclasses import dataclass

import numpy as np

from keypoints.core.landmarks import IBUG_68
from keypoints.rendered.degradation import degrade
from keypoints.rendered.difficulty import REALISTIC, Difficulty
from keypoints.rendered.photo import draw_photo
from keypoints.rendered.posing import Framing, PosedHead, find_landmarks, pose_head
from keypoints.rendered.sampling import draw_look, draw_person
from keypoints.rendered.scene import Scene

# Measured on the 2,481 training faces of the public set that we hold. Lengths in box widths.
#
# The box width against the geometric mean of the landmarks' width and height:
BOX_TO_EXTENT, BOX_TO_EXTENT_LOG_STD = 1.056, 0.086
# The centre of the box against the mean of the landmarks, (x, y):
BOX_CENTRE_OFFSET, BOX_CENTRE_STD = np.array([-0.015, -0.064]), np.array([0.037, 0.045])
# Photo width against box width; a tenth of the photos is cut nearer on some side.
PHOTO_TO_BOX = 1.9
# The detector searches a pyramid: its boxes have few widths. The public ones reach 384 pixels,
# half of them over 310; small ones hold as much as a network's input and are drawn faster.
_BOX_WIDTHS = np.array([105, 125, 150, 180, 216, 259, 310])
_BOX_SHARES = np.array([0.08, 0.12, 0.2, 0.25, 0.2, 0.1, 0.05])


@dataclass(frozen=True)
class IbugScene:
    """All that is known of a photo before it is drawn.

    Attributes:
        look: What it shows.
        posed: The head, with inter-ocular distances as its unit.
        framing: Where the head stands in the photo.
        box: Left, top, width and height in whole photo pixels.
        landmarks_photo: Whole pixels, (68, 2).
    """

    look: Scene
    posed: PosedHead
    framing: Framing
    box: tuple[int, int, int, int]
    landmarks_photo: np.ndarray


@dataclass(frozen=True)
class WildPhoto:
    """A drawn photo with its box and landmarks (see `IbugScene`) and the quality of its JPEG."""

    pixels: np.ndarray
    box: tuple[int, int, int, int]
    landmarks_photo: np.ndarray
    quality: int


def draw_wild_photo(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> WildPhoto:
    """Draw everything about one photo, and the photo."""
    draw = draw_setting(rng, difficulty)
    pixels = degrade(draw_photo(draw.look, draw.posed, draw.framing, rng), rng, difficulty.camera)
    quality = int(rng.integers(round(95 - 35 * difficulty.camera), 96))
    return WildPhoto(pixels, draw.box, draw.landmarks_photo, quality)


def draw_setting(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> IbugScene:
    """Draw who is in the photo, where, and what a detector finds there.

    Args:
        rng: Draws everything.
        difficulty: Of each kind.
    """
    look = draw_look(rng, draw_person(rng, difficulty.occlusion), difficulty)
    posed = pose_head(look)
    landmarks = find_landmarks(IBUG_68, look, posed)  # in inter-ocular distances
    box_width = int(rng.choice(_BOX_WIDTHS, p=_BOX_SHARES))
    extent = np.sqrt(np.ptp(landmarks, axis=0).prod())
    scale = box_width / (extent * BOX_TO_EXTENT * np.exp(rng.normal(0, BOX_TO_EXTENT_LOG_STD)))
    offset = rng.normal(BOX_CENTRE_OFFSET, BOX_CENTRE_STD) * box_width
    box_centre = landmarks.mean(axis=0) * scale + offset  # from the head's origin
    low, high = _photo_edges(rng, landmarks * scale - box_centre, box_width)
    origin = -low - box_centre
    left, top = np.round(-low - box_width / 2).astype(int).tolist()
    box_height = box_width + int(rng.choice([-1, 0, 1], p=[0.12, 0.76, 0.12]))
    size = (int(high[1] - low[1]), int(high[0] - low[0]))
    return IbugScene(
        look=look,
        posed=posed,
        framing=Framing(size, (float(origin[0]), float(origin[1])), float(scale)),
        box=(left, top, box_width, box_height),
        landmarks_photo=np.round(landmarks * scale + origin).astype(int),
    )


def _photo_edges(
    rng: np.random.Generator, landmarks: np.ndarray, box_width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Left-top and right-bottom of the photo, whole pixels from the middle of the box, (2,) each.

    A person near the edge of a photo is cut, but every landmark stays in it.
    """
    reach = np.full((2, 2), PHOTO_TO_BOX / 2 * box_width)  # (edge, axis)
    for edge, axis in np.ndindex(2, 2):
        if rng.random() < 0.08:
            reach[edge, axis] *= rng.uniform(0.45, 1.0)
    low = np.minimum(-reach[0], landmarks.min(axis=0) - 2)
    high = np.maximum(reach[1], landmarks.max(axis=0) + 2)
    return np.floor(low), np.ceil(high)
