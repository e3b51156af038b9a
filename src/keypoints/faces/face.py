"""An annotated face, as returned by the data set readers, and splits by its group."""

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
    """One annotated face of one photo."""

    name: str  # path of the photo without its extension, unique in the data set
    photo: str  # path of the photo relative to the folder of the data set
    group: str  # person or photo; faces of a group are always in the same split
    box: Box | None  # x0, y0, x1, y1 in photo pixels, the ends exclusive; None: the whole frame
    landmarks_photo: NDArray[np.float64] | None  # (n_points, 2); None for test faces
    view: int = 0  # IMM's number of the pose and expression, 1..6; 0 in other data sets
    is_test: bool = False  # to be predicted only
    is_mirrored: bool | None = None  # mirror twin of another photo; None: the data set has no twins


SplitFunction = Callable[[Face], str]  # returns train, validation or test


def split_by_group(is_held_out: Callable[[str], bool]) -> SplitFunction:
    """A split whose validation faces are those of the held-out groups."""

    def split(face: Face) -> str:
        if face.is_test:
            return "test"
        return "validation" if is_held_out(face.group) else "train"

    return split


def split_by_hash(faces: Iterable[Face], val_fraction: float) -> SplitFunction:
    """Hold out a fraction of the groups by the hashes of their names alone; `faces` are unused."""
    return split_by_group(lambda group: in_hash_fraction(group, val_fraction))
