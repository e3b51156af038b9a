"""The faces of a task, as the project page shows them."""

import shutil
from pathlib import Path

from keypoints.core.lookup_table import LOOKUP_TABLE
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import MISSING_TEST_FACES
from keypoints.datasets.kaggle15 import DATASET, write_photos
from keypoints.faces.face_list import write_excluded
from keypoints.rendered.writers import write_kaggle15
from keypoints.report.task_faces import TaskFaces


def test_all_points_are_requested_if_test_faces_were_left_out(tmp_path: Path):
    raw, folder = tmp_path / "raw", tmp_path / "crops"
    raw.mkdir()
    folder.mkdir()
    write_kaggle15(raw, faces=4, test_faces=3, seed=1, workers=1)
    write_excluded(raw, ["test/00002"])
    write_photos(raw)
    faces = DATASET.read(raw)
    shutil.copy(raw / LOOKUP_TABLE, folder)
    (folder / MISSING_TEST_FACES).write_text("test/00002\n")
    format_ = CropFormat(96, 96, margin=0, colour=False, box_scale=None, scheme="kaggle15")
    write_crops(folder, raw, faces, DATASET.split(faces, 0.2), format_)
    requested = TaskFaces(folder).requested_points()
    assert requested.shape == (2, 19)
    assert requested.all()
