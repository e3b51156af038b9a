"""The check of a data set's faces when they arrive."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from keypoints.core.landmarks import IMM_58
from keypoints.faces.check import check_faces
from keypoints.faces.face import Box, Face

SCHEME = replace(IMM_58, n_points=3, eye_corners=(2, 0))  # points of `face`


def face(name: str, *, box: Box | None = (8, 8, 24, 24), x: float = 5) -> Face:
    return Face(name, f"{name}.png", name, box, np.array([(4.0, 4.0), (np.nan, np.nan), (x, 4)]))


def test_all_faults_are_found_in_the_order_of_the_faces(tmp_path: Path):
    for name in "abcdefghi":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((32, 48), 9, np.uint8))
    (tmp_path / "b.png").unlink()
    (tmp_path / "c.png").write_bytes((tmp_path / "c.png").read_bytes()[:-9])
    faces = [
        face("a"),
        face("b"),
        face("c"),
        face("d", box=(48, 0, 60, 12)),
        face("e", box=(0, 0, 481, 20)),
        face("f", x=-49),
        face("g", box=None, x=95),
        face("h", box=(-200, -200, 60, 60)),
        face("i", x=4),
    ]
    faults = check_faces(tmp_path, faces, SCHEME)
    assert [fault.name for fault in faults] == ["b", "c", "d", "e", "f", "i"]
    expected = ["missing", "not a whole photo", "outside the photo", "10 times as large", "point 2"]
    expected += ["points 2 and 0, of two eyes, are both at (4, 4)"]
    for fault, problem in zip(faults, expected, strict=True):
        assert problem in fault.problem and f"{tmp_path / fault.name}.png: " in fault.problem
    assert check_faces(tmp_path, [], SCHEME) == []
