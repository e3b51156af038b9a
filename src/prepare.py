"""Cut the faces of a task into its crop store: `python src/prepare.py TASK`."""

import shutil
from collections import Counter
from pathlib import Path

from keypoints import layout
from keypoints.command import run_stage
from keypoints.crops import CropFormat
from keypoints.cutting import write_store
from keypoints.faces import FormatError, split_by_person, split_by_photo
from keypoints.landmarks import IBUG_68, IMM_58, KAGGLE_15
from keypoints.settings import Params, read_params
from keypoints.sources.ibug import read_ibug
from keypoints.sources.imm import read_imm
from keypoints.sources.kaggle15 import lookup_table, read_kaggle15, split_kaggle15
from keypoints.stopwatch import recorded


def prepare(name: str) -> None:
    """Read the task's data set, split it, and cut its faces."""
    params = read_params()
    task = params.task(name)
    try:
        with layout.whole(layout.CROPS / name) as folder:
            _cut(name, params, folder)
    except FormatError as error:
        raise FormatError(
            f"{error}\nRun fetch@{task.dataset} again: it brings the set anew."
        ) from error


def _cut(name: str, params: Params, folder: Path) -> None:
    task = params.task(name)
    root = params.raw(task.dataset)
    if task.dataset == "imm":
        faces, scheme = read_imm(root), IMM_58
        split = split_by_person(faces, params.validation.imm)
    elif task.dataset == "ibug":
        faces, scheme = read_ibug(root), IBUG_68
        split = split_by_photo(params.validation.ibug)
    else:
        faces, scheme = read_kaggle15(root), KAGGLE_15
        split = split_kaggle15(faces, params.validation.kaggle15)
    format_ = CropFormat(
        height=task.height,
        width=task.width,
        margin=task.margin,
        colour=task.colour,
        enlarge=task.enlarge,
        scheme=scheme.name,
    )
    if task.dataset == "kaggle15":  # which numbers of the test faces are asked for
        folder.mkdir()
        shutil.copy(lookup_table(root), folder)
    write_store(folder, root, faces, split, format_)  # its last file makes the store whole
    counts = Counter(split(face) for face in faces)
    sides = ", ".join(f"{count} {side}" for side, count in counts.items())
    print(f"{name}: {len(faces)} faces of {task.dataset}: {sides}")


if __name__ == "__main__":
    run_stage(recorded("prepare", prepare), __doc__)
