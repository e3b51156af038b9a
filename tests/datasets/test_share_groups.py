"""`tools/share_groups.py`: crops of photos of 300-W get the groups of the photos."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.landmarks import KAGGLE_15
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import Face
from keypoints.faces.images import read_photo

sys.path.append(str(Path(__file__).parents[2] / "tools"))
from share_groups import match_groups


def cut(face: Face, photos: Path, folder: Path, number: int) -> Face:
    """Cut 96 x 96 px around a face, which keeps its eyes only, of one of the two conventions."""
    photo = read_photo(photos / face.photo, colour=False)
    assert face.landmarks_photo is not None
    low, high = face.landmarks_photo.min(axis=0), face.landmarks_photo.max(axis=0)
    scale = 96 / (1.1 * float((high - low).max()))
    origin = (low + high) / 2 - 48 / scale
    to_crop = np.array([[scale, 0, -scale * origin[0]], [0, scale, -scale * origin[1]]])
    image = cv2.warpAffine(photo, to_crop, (96, 96), flags=cv2.INTER_AREA)
    name = f"{number}.png"
    (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    eyes = face.landmarks_photo[36:48].reshape(2, 6, 2).mean(axis=1)
    landmarks: NDArray[np.float64] = np.full((KAGGLE_15.n_points, 2), np.nan)
    kind = list(KAGGLE_15.kinds.values())[number % 2]
    landmarks[list(kind.eyes)] = (eyes - origin) * scale
    return replace(face, name=name, photo=name, group=name, landmarks_photo=landmarks)


def test_crops_of_photos_have_their_groups_and_other_faces_have_none(
    rendered_ibug: Path, tmp_path: Path
):
    others = [face for face in read_ibug(rendered_ibug) if not face.is_test]
    crops = [cut(face, rendered_ibug, tmp_path, number) for number, face in enumerate(others)]
    groups = match_groups(crops, tmp_path, others, rendered_ibug)
    assert groups == {crop.name: face.group for crop, face in zip(crops, others, strict=True)}
    half = len(others) // 2
    known = {face.group for face in others[half:]}
    unknown = [crop for crop, face in zip(crops, others, strict=True) if face.group not in known]
    assert not match_groups(unknown, tmp_path, others[half:], rendered_ibug)
