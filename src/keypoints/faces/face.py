"""An annotated face as the readers of the data sets return it, and splits by its group."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.splits import in_hash_fraction

Box = tuple[float, float, float, float]


class FormatError(PipelineError):
    """A file of a data set breaks its format; the message names the file and the rule."""


@dataclass(frozen=True, eq=False)
class Face:
    """One annotated face of one photo.

    Attributes:
        name: Path of the photo without its extension, unique in the data set.
        photo: Path of the photo relative to the folder of the data set.
        group: Person or photo; faces of a group are always in the same split.
        box: x0, y0, x1, y1 in photo pixels, the ends exclusive; None: the whole frame.
        landmarks_photo: Annotated landmarks, (n_points, 2); None for test faces.
        view: IMM's number of the pose and expression, 1..6; 0 in other data sets.
        is_test: Whether the face is of the test list, to be predicted only.
    """

    name: str
    photo: str
    group: str
    box: Box | None
    landmarks_photo: NDArray[np.float64] | None
    view: int = 0
    is_test: bool = False


SplitFunction = Callable[[Face], str]
"""Maps a face to its split: `train`, `validation` or `test`."""


def split_by_group(is_held_out: Callable[[str], bool]) -> SplitFunction:
    """A split whose validation faces are those of the held-out groups."""

    def split(face: Face) -> str:
        if face.is_test:
            return "test"
        return "validation" if is_held_out(face.group) else "train"

    return split


def split_by_hash(faces: Iterable[Face], val_fraction: float) -> SplitFunction:
    """Hold out groups by the hashes of their names.

    Args:
        faces: Faces of the data set; unused, because the hash of a group decides alone.
        val_fraction: Fraction of the groups that is held out.
    """
    return split_by_group(lambda group: in_hash_fraction(group, val_fraction))
