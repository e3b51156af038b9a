"""Perceptual hashes of faces, and groups of duplicates."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from keypoints.datasets.ibug import read_ibug
from keypoints.faces.duplicates import find_duplicate_groups, perceptual_hash
from keypoints.faces.face import Face
from keypoints.faces.images import read_photo

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def faces(rendered_ibug: Path) -> list[Face]:
    return [face for face in read_ibug(rendered_ibug)[:] if not face.is_mirrored]


def similarity(one: tuple[Photo, Face], other: tuple[Photo, Face]) -> float:
    hashes = [perceptual_hash(photo, face.box) for photo, face in (one, other)]
    return float(hashes[0] @ hashes[1])


def test_a_copy_is_more_similar_than_another_face(faces: list[Face], rendered_ibug: Path):
    photo, other = (read_photo(rendered_ibug / face.photo, colour=False) for face in faces[:2])
    face = faces[0]
    assert face.box is not None
    x0, y0, x1, y1 = face.box
    darker = cv2.convertScaleAbs(photo, alpha=0.6)
    smaller = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    half_box = (x0 / 2, y0 / 2, x1 / 2, y1 / 2)
    _, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 30])
    copies = [
        (darker.astype(np.uint8), face),
        (smaller.astype(np.uint8), replace(face, box=half_box)),
        (cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE).astype(np.uint8), face),
        (photo, replace(face, box=(x0 + 0.04 * (x1 - x0), y0, x1, y1))),  # another annotator's box
    ]
    assert min(similarity((photo, face), copy) for copy in copies) > 0.8
    assert similarity((photo, face), (other, faces[1])) < 0.6


def test_a_uniform_photo_and_a_box_outside_have_a_hash(faces: list[Face]):
    photo = np.full((40, 50), 7, np.uint8)
    assert np.isfinite(perceptual_hash(photo, None)).all()
    assert np.isfinite(perceptual_hash(photo, (100, 100, 120, 120))).all()


def test_similar_faces_and_equal_photo_ids_are_grouped(faces: list[Face], rendered_ibug: Path):
    copies = [
        replace(faces[0], name=f"{name}/0", group=name) for name in ("k", "c", "z")
    ]  # of one photo
    others = [replace(face, group=f"{number}:p") for number, face in enumerate(faces[1:4])]
    others += [replace(faces[4], group="a:p")]

    def photo_id(group: str) -> str:
        return "q" if group in ("1:p", "a:p") else group

    expected = {"k": "c", "z": "c", "a:p": "1:p"}
    for listed in ([*copies, *others], [*others[::-1], *copies[::-1]]):
        assert find_duplicate_groups(listed, rendered_ibug, photo_id) == expected
    assert find_duplicate_groups(faces, rendered_ibug) == {}
