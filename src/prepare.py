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
from keypoints.crops.store import MISSING_TEST_FACES
from keypoints.faces.dataset import find_dataset, is_rendered
from keypoints.faces.face import Face, FormatError
from keypoints.faces.face_list import DiskBackedFaces
from keypoints.faces.files import find_file


def prepare(name: str) -> None:
    """Write data/crops/NAME from the data set of the task."""
    params = read_params()
    task: Task = params.entry("tasks", name, Task)
    dataset = find_dataset(task.dataset, f"tasks.{name}.dataset")
    if task.box_scale is not None and not dataset.has_boxes:
        rule = f"must be null for data set {task.dataset}, whose faces have no boxes"
        raise params.error(f"tasks.{name}.box_scale", f"{rule}; got {task.box_scale}")
    if task.symmetric_labels and not dataset.label_offset:
        rule = f"must be false for data set {task.dataset}, whose labels have no known offset"
        raise params.error(f"tasks.{name}.symmetric_labels", f"{rule}; got true")
    val_fraction: float = params.read(f"datasets.{task.dataset}.val_fraction", Fraction)
    root = paths.RAW / task.dataset
    try:
        faces = dataset.read(root)
        split = dataset.split(faces, val_fraction)
        counts = Counter(map(split, faces))
        if not counts["train"] or not counts["validation"]:
            raise params.error(
                f"datasets.{task.dataset}.val_fraction",
                f"divides the faces into {counts['train']} for training and "
                f"{counts['validation']} for validation; both need some: change it, or render more",
            )
        with paths.atomic_folder(paths.CROPS / name) as folder:
            folder.mkdir()
            for file in dataset.store_files:  # before store.json, which marks completeness
                shutil.copy(find_file(root, file), folder)
            _record_missing_test_faces(folder, faces)
            format_, offset = CropFormat.of(task, dataset.scheme), None
            if task.symmetric_labels and not is_rendered(root):
                offset = dataset.label_offset
            write_crops(folder, root, faces, split, format_, label_offset=offset)
    except FormatError as error:
        raise FormatError(f"{error}\nRun fetch@{task.dataset} again.") from error
    found = ", ".join(f"{n_faces} {kind}" for kind, n_faces in counts.items())
    print(f"{name}: {len(faces)} faces of {task.dataset}: {found}")


def _record_missing_test_faces(folder: Path, faces: Sequence[Face]) -> None:
    """List the test faces that were left out, without which there is no submission."""
    entries = faces.left_out if isinstance(faces, DiskBackedFaces) else []
    if names := [entry.name for entry in entries if entry.is_test]:
        (folder / MISSING_TEST_FACES).write_text(
            "".join(f"{name}\n" for name in names), encoding="utf-8"
        )


if __name__ == "__main__":
    run_stage(timed("prepare", prepare), __doc__)
