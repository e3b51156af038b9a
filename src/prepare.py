"""Cut the faces of a task into its crop store: `python src/prepare.py TASK`."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from keypoints.config.base import Fraction
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.timing import timed
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat, Task
from keypoints.faces.dataset import find_dataset, find_file
from keypoints.faces.face import Face, FormatError, SplitFunction


def prepare(name: str) -> None:
    """Write data/crops/NAME from the data set of the task."""
    params = read_params()
    task: Task = params.entry("tasks", name, Task)
    dataset = find_dataset(task.dataset, f"tasks.{name}.dataset")
    if task.box_scale is not None and not dataset.has_boxes:
        raise params.error(
            f"tasks.{name}.box_scale",
            f"must be null for data set {task.dataset}, whose faces have no boxes; "
            f"got {task.box_scale}",
        )
    val_fraction: float = params.read(f"datasets.{task.dataset}.val_fraction", Fraction)
    root = paths.RAW / task.dataset
    try:
        faces = dataset.read(root)
        split = dataset.split(faces, val_fraction)
        with paths.atomic_folder(paths.CROPS / name) as folder:
            _copy_files(root, dataset.store_files, folder)
            write_crops(folder, root, faces, split, CropFormat.of(task, dataset.scheme))
    except FormatError as error:
        raise FormatError(f"{error}\nRun fetch@{task.dataset} again.") from error
    print(f"{name}: {len(faces)} faces of {task.dataset}: {_count_splits(faces, split)}")


def _copy_files(root: Path, names: Sequence[str], folder: Path) -> None:
    """Copy files of the data set before the crops: store.json, written last, marks completeness."""
    folder.mkdir()
    for name in names:
        shutil.copy(find_file(root, name), folder)


def _count_splits(faces: Sequence[Face], split: SplitFunction) -> str:
    counts = Counter(map(split, faces))
    return ", ".join(f"{count} {name}" for name, count in counts.items())


if __name__ == "__main__":
    run_stage(timed("prepare", prepare), __doc__)
