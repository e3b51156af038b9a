"""A face as the readers give it, and the split of a set into training and validation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.errors import PipelineError

Box = tuple[float, float, float, float]


class FormatError(PipelineError):
    """A file of a data set that is not what its format says; the message names file and rule."""


@dataclass(frozen=True, eq=False)
class Face:
    """One annotated face of one photo.

    Attributes:
        name: Unique in its set, and the photo's path without its extension.
        photo: Path of the photo, relative to the folder of the set.
        group: What must never be on both sides of a split: the person, or the photo.
        box: x0, y0, x1, y1 in photo pixels, the ends exclusive; None: the whole frame.
        landmarks_photo: (n_points, 2); None for faces of the test list.
        view: IMM's number of the pose and expression, 1..6; 0 where a set has none.
        is_test: Whether the face belongs to the test list, to be predicted only.
    """

    name: str
    photo: str
    group: str
    box: Box | None
    landmarks_photo: NDArray[np.float64] | None
    view: int = 0
    is_test: bool = False


def split_by_person(faces: Sequence[Face], share: float) -> list[str]:
    """Hold out the persons with the highest numbers: 33-40 of IMM's 40 for a share of 0.2.

    Returns:
        `train`, `validation` or `test` for each face.
    """
    persons = sorted({face.group for face in faces if not face.is_test})
    held_out = set(persons[len(persons) - round(share * len(persons)) :])
    return _sides(faces, held_out)


def split_by_photo(faces: Sequence[Face], share: float) -> list[str]:
    """Hold out photos by a digest of their names: no order of files and no new file moves one.

    Returns:
        `train`, `validation` or `test` for each face.
    """
    held_out = {face.group for face in faces if _fraction_of(face.group) < share}
    return _sides(faces, held_out)


def _fraction_of(name: str) -> float:
    """A number in 0..1 that is the name's own and looks random."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def _sides(faces: Sequence[Face], held_out: set[str]) -> list[str]:
    return [
        "test" if face.is_test else "validation" if face.group in held_out else "train"
        for face in faces
    ]
