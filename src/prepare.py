"""Cut the faces of a task into its crop store: `python src/prepare.py TASK`."""

import shutil
from collections import Counter
from pathlib import Path

from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.timing import timed
from keypoints.crops.cropping import write_crops
from keypoints.datasets.kaggle15 import lookup_table
from keypoints.faces.dataset import crop_format, load_dataset
from keypoints.faces.face import FormatError


def prepare(name: str) -> None:
    """Read the task's data set, split it, and cut its faces."""
    params = read_params()
    task = params.task(name)
    try:
        with paths.atomic_folder(paths.CROPS / name) as folder:
            _cut(name, params, folder)
    except FormatError as error:
        raise FormatError(
            f"{error}\nRun fetch@{task.dataset} again: it brings the set anew."
        ) from error


def _cut(name: str, params: Params, folder: Path) -> None:
    task = params.task(name)
    root = params.raw(task.dataset)
    found = load_dataset(task.dataset, root, params.validation)
    if task.dataset == "kaggle15":  # which numbers of the test faces are asked for
        folder.mkdir()
        shutil.copy(lookup_table(root), folder)
    # its last file makes the store whole
    write_crops(folder, root, found.faces, found.split, crop_format(task, found.scheme))
    counts = Counter(found.split(face) for face in found.faces)
    sides = ", ".join(f"{count} {side}" for side, count in counts.items())
    print(f"{name}: {len(found.faces)} faces of {task.dataset}: {sides}")


if __name__ == "__main__":
    run_stage(timed("prepare", prepare), __doc__)
