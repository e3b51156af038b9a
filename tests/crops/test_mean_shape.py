"""The mean shape of the faces in a store."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from keypoints.core.geometry import apply_map
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.mean_shape import mean_shape_unit, photo_to_unit
from keypoints.crops.store import CropStore
from keypoints.faces.face import Face

ALL_POINTS = (0, 1, 2)


def test_the_mean_shape_is_the_mean_of_the_faces(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
):
    rows = dot_store.rows("train")
    landmarks_unit = apply_map(photo_to_unit(dot_store, rows), dot_store.landmarks_photo[rows])
    monkeypatch.setattr("keypoints.crops.mean_shape._CHUNK", 3)
    mean_unit = mean_shape_unit(dot_store, rows, (2, 0))
    np.testing.assert_allclose(mean_unit, landmarks_unit.mean(axis=0)[[2, 0]], atol=1e-9)


def test_the_mean_shape_uses_known_points_and_the_centre_for_unknown_ones(tmp_path: Path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 40, 3), np.uint8))
    faces = [
        Face("a", "a.png", "a", None, np.array([(9.5, 9.5), (np.nan, np.nan), (19.5, 4.5)])),
        Face("b", "a.png", "b", None, np.array([(29.5, 9.5), (np.nan, np.nan), (np.nan, np.nan)])),
    ]
    format_ = CropFormat(10, 20, 0, colour=False, box_scale=None, scheme="ibug68")
    write_crops(tmp_path / "store", tmp_path, faces, lambda face: "train", format_)
    with CropStore(tmp_path / "store") as store:
        mean_unit = mean_shape_unit(store, np.arange(2), ALL_POINTS)
    np.testing.assert_allclose(mean_unit, [(0.5, 0.5), (0.5, 0.5), (0.5, 0.25)])
