"""A face as the readers give it, and the split of a set into training and validation."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError

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


SplitFunction = Callable[[Face], str]
"""From a face to its side: `train`, `validation` or `test`."""


def split_by_person(faces: Iterable[Face], share: float) -> SplitFunction:
    """Hold out the persons with the highest numbers: 33-40 of IMM's 40 for a share of 0.2."""
    persons = sorted({face.group for face in faces if not face.is_test})
    held_out = set(persons[len(persons) - round(share * len(persons)) :])
    return _split(held_out.__contains__)


def split_by_photo(share: float) -> SplitFunction:
    """Hold out photos by a digest of their names: no order of files and no new file moves one."""
    return _split(lambda group: _hash_fraction(group) < share)


def _split(is_held_out: Callable[[str], bool]) -> SplitFunction:
    def side_of(face: Face) -> str:
        if face.is_test:
            return "test"
        return "validation" if is_held_out(face.group) else "train"

    return side_of


def group_k_fold(groups: Sequence[str], n_folds: int) -> NDArray[np.int64]:
    """The fold in which each face is held out, 1..n_folds, with all faces of its group.

    Groups are dealt out like cards, in the order of digests of their names: folds have as many
    groups, give or take one, and the order of the faces does not matter.

    Args:
        groups: The person, or photo, of each face.
        n_folds: To deal to.

    Returns:
        (n_faces,).
    """
    fold_of = {group: 1 + place % n_folds for place, group in enumerate(_shuffled(groups))}
    return np.array([fold_of[group] for group in groups], np.int64)


def take_groups(groups: Sequence[str], count: int) -> NDArray[np.bool_]:
    """Which faces are of the first so many groups that `group_k_fold` deals, (n_faces,)."""
    dealt = set(_shuffled(groups)[:count])
    return np.array([group in dealt for group in groups], bool)


def _shuffled(groups: Sequence[str]) -> list[str]:
    return sorted(set(groups), key=lambda group: (_hash_fraction(f"fold of {group}"), group))


def _hash_fraction(name: str) -> float:
    """A number in 0..1 that is the name's own and looks random."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
