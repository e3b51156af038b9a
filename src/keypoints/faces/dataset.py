"""What belongs to each data set: its reader, its scheme, how it is split, and how it is cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keypoints.config.data import Task, Validation
from keypoints.core.landmarks import IBUG_68, IMM_58, KAGGLE_15, Scheme
from keypoints.crops.store import CropFormat
from keypoints.datasets.ibug import read_ibug
from keypoints.datasets.imm import read_imm
from keypoints.datasets.kaggle15 import read_kaggle15, split_kaggle15
from keypoints.faces.face import Face, SplitFunction, split_by_person, split_by_photo


@dataclass(frozen=True)
class Dataset:
    """The faces of a set, the scheme of their landmarks, and the side of each."""

    faces: Sequence[Face]
    scheme: Scheme
    split: SplitFunction


def load_dataset(dataset: str, root: Path, validation: Validation) -> Dataset:
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
        return Dataset(faces, IMM_58, split_by_person(faces, validation.imm))
    if dataset == "ibug":
        return Dataset(read_ibug(root), IBUG_68, split_by_photo(validation.ibug))
    faces = read_kaggle15(root)
    return Dataset(faces, KAGGLE_15, split_kaggle15(faces, validation.kaggle15))


def crop_format(task: Task, scheme: Scheme) -> CropFormat:
    """How a task wants its faces to be cut."""
    return CropFormat(
        height=task.height,
        width=task.width,
        margin=task.margin,
        colour=task.colour,
        box_scale=task.box_scale,
        scheme=scheme.name,
    )
