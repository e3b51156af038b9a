"""Cut the faces of a task into its crop store: `python src/prepare.py TASK`."""

import shutil
from collections import Counter
from pathlib import Path

from keypoints import layout
from keypoints.command import run_stage
from keypoints.crops.cutting import write_store
from keypoints.faces import FormatError
from keypoints.settings.params import Params, read_params
from keypoints.sources.datasets import crop_format, read_set
from keypoints.sources.kaggle15 import lookup_table
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
    found = read_set(task.dataset, root, params.validation)
    if task.dataset == "kaggle15":  # which numbers of the test faces are asked for
        folder.mkdir()
        shutil.copy(lookup_table(root), folder)
    # its last file makes the store whole
    write_store(folder, root, found.faces, found.split, crop_format(task, found.scheme))
    counts = Counter(found.split(face) for face in found.faces)
    sides = ", ".join(f"{count} {side}" for side, count in counts.items())
    print(f"{name}: {len(found.faces)} faces of {task.dataset}: {sides}")


if __name__ == "__main__":
    run_stage(recorded("prepare", prepare), __doc__)
