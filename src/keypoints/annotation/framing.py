"""Checks that a photo is framed like those that a network of whole photos was trained on.

Such a network does not look for the face: in a photo with another framing, its points are far off.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from keypoints.annotation.face_crops import FaceBox

Range = tuple[float, float]
_MAX_STRETCH = 1.05


@dataclass(frozen=True)
class Framing:
    """Where the face lies in the photos of a data set.

    Attributes:
        aspect: Width of a photo relative to its height.
        sides: Side of the face's box, as a fraction of the height.
        x: Centre of the box, as a fraction of the width.
        y: Centre of the box, as a fraction of the height.
        max_angle: Degrees by which the head may be turned to either side.
    """

    aspect: float
    sides: Range
    x: Range
    y: Range
    max_angle: float


# A little wider than the ranges of detected faces in the real and the rendered photos.
FRAMINGS = {
    "imm": Framing(4 / 3, sides=(0.33, 0.57), x=(0.24, 0.70), y=(0.43, 0.72), max_angle=20),
    "kaggle15": Framing(1, sides=(0.55, 1.15), x=(0.35, 0.65), y=(0.40, 0.75), max_angle=35),
}


def framing_problem(dataset: str, size: tuple[int, int], face: FaceBox) -> str:
    """Name what differs from the photos of a data set; an empty text if nothing does.

    Args:
        dataset: Name of the data set; those without a known framing are not checked.
        size: Height and width of the photo, px.
        face: The largest face in it.
    """
    framing = FRAMINGS.get(dataset)
    return "" if framing is None else "; ".join(_problems(framing, size, face))


def _problems(framing: Framing, size: tuple[int, int], face: FaceBox) -> Iterator[str]:
    height, width = size
    if not 1 / _MAX_STRETCH <= width / height / framing.aspect <= _MAX_STRETCH:
        aspects = f"{width / height:.2f} instead of {framing.aspect:.2f}"
        yield f"the photo is {aspects} times as wide as high"
    side = (face.box[2] - face.box[0]) / height
    if not framing.sides[0] <= side <= framing.sides[1]:
        low, high = (round(100 * value) for value in framing.sides)
        yield f"the face is {100 * side:.0f} % of the height instead of {low} to {high} %"
    x, y = face.centre[0] / width, face.centre[1] / height
    if not (framing.x[0] <= x <= framing.x[1] and framing.y[0] <= y <= framing.y[1]):
        yield "the face is not in the middle"
    if abs((face.rotation + 180) % 360 - 180) > framing.max_angle:
        yield "the head is turned"
