"""What belongs to each data set: its reader, its scheme, how it is split, and how it is cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keypoints.crops.store import CropFormat
from keypoints.faces import Face, Split, split_by_person, split_by_photo
from keypoints.landmarks import IBUG_68, IMM_58, KAGGLE_15, Scheme
from keypoints.settings.data import Task, Validation
from keypoints.sources.ibug import read_ibug
from keypoints.sources.imm import read_imm
from keypoints.sources.kaggle15 import read_kaggle15, split_kaggle15


@dataclass(frozen=True)
class FaceSet:
    """The faces of a set, the scheme of their landmarks, and the side of each."""

    faces: Sequence[Face]
    scheme: Scheme
    split: Split


def read_set(dataset: str, root: Path, validation: Validation) -> FaceSet:
    """Read a set from its folder and split it.

    Args:
        dataset: imm, ibug or kaggle15.
        root: Folder of the set.
        validation: The share of each set that is held out.

    Raises:
        FormatError: If the folder does not hold that set.
    """
    if dataset == "imm":
        faces = read_imm(root)
        return FaceSet(faces, IMM_58, split_by_person(faces, validation.imm))
    if dataset == "ibug":
        return FaceSet(read_ibug(root), IBUG_68, split_by_photo(validation.ibug))
    faces = read_kaggle15(root)
    return FaceSet(faces, KAGGLE_15, split_kaggle15(faces, validation.kaggle15))


def crop_format(task: Task, scheme: Scheme) -> CropFormat:
    """How a task wants its faces to be cut."""
    return CropFormat(
        height=task.height,
        width=task.width,
        margin=task.margin,
        colour=task.colour,
        enlarge=task.enlarge,
        scheme=scheme.name,
    )
