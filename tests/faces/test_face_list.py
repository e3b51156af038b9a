"""Faces in a file are read back unchanged, and only those that are accessed are in memory."""

import tempfile
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from keypoints.faces.face import Face, FormatError
from keypoints.faces.face_list import DiskBackedFaces, match_names

SOURCE = Path("some list.xml")


def face(name: str) -> Face:
    return Face(name, f"{name}.jpg", name, (1, 2, 3.5, 4), np.full((68, 2), len(name) + 0.1))


def make_list(*names: str, by_name: bool = False) -> DiskBackedFaces:
    faces = DiskBackedFaces()
    faces.extend(map(face, names), SOURCE, by_name=by_name)
    return faces


def list_names(faces: DiskBackedFaces) -> list[str]:
    return [face.name for face in faces]


def test_a_face_is_read_back_unchanged():
    faces = DiskBackedFaces()
    points = np.random.default_rng(1).random((58, 2))
    faces.extend([Face("a/1", "b/a/1.jpg", "a", (0.1, 2, 3, 4), points, view=3)], SOURCE)
    faces.extend([Face("ü", "ü.jpg", "ü", None, None, is_test=True)], SOURCE)
    first, second = faces
    assert (first.name, first.photo, first.group, first.box) == (
        "a/1",
        "b/a/1.jpg",
        "a",
        (0.1, 2, 3, 4),
    )
    np.testing.assert_array_equal(first.landmarks_photo, points)
    assert (first.view, first.is_test) == (3, False)
    assert (second.name, second.box, second.landmarks_photo) == ("ü", None, None)
    assert second.is_test


def test_faces_keep_their_order_unless_sorted_by_name():
    assert list_names(make_list("b", "c", "a")) == ["b", "c", "a"]
    faces = make_list("b", "c", "a", by_name=True)
    faces.extend([face("z"), face("d")], SOURCE)
    assert list_names(faces) == ["a", "b", "c", "z", "d"]


def test_a_list_is_a_sequence():
    faces = make_list("a", "b", "c", "d")
    assert len(faces) == 4
    assert faces[-1].name == "d"
    assert [one.name for one in faces[1:3]] == ["b", "c"]
    with pytest.raises(IndexError):
        faces[4]
    assert not DiskBackedFaces()


def test_two_iterations_are_independent():
    faces = make_list("a", "bb", "ccc")
    pairs = [(one.name, other.name) for one in faces for other in faces]
    assert pairs == [(one, other) for one in ("a", "bb", "ccc") for other in ("a", "bb", "ccc")]


@pytest.mark.parametrize("by_name", [False, True])
def test_a_duplicate_name_is_refused_with_its_source(by_name: bool):
    with pytest.raises(FormatError, match=r"some list\.xml: a/1 is listed twice"):
        make_list("b", "a/1", "c", "a/1", by_name=by_name)


def test_one_face_at_a_time_is_in_memory():
    given: list[weakref.ref[Face]] = []

    def faces() -> Iterator[Face]:
        for number in range(50):
            one = face(str(number))
            given.append(weakref.ref(one))
            yield one
            assert sum(reference() is not None for reference in given) <= 2

    held = DiskBackedFaces()
    held.extend(faces(), SOURCE)
    assert not any(reference() for reference in given)
    assert held[0] is not held[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_list_on_a_full_disk_is_removed_silently(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "wb"))
    faces = DiskBackedFaces()
    faces._file.write(b"buffered")
    del faces
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("helen/1_1", {"helen/1_1"}),
        ("helen/1_1.JPG", {"helen/1_1"}),
        ("helen\\1_1.jpg", {"helen/1_1"}),
        ("helen/*", {"helen/1_1", "helen/1_1_mirror"}),
        ("*_mirror.png", {"helen/1_1_mirror"}),
        ("afw/[1].2", {"afw/[1].2"}),
        ("helen", set()),
        ("", set()),
    ],
)
def test_names_to_leave_out_are_exact_or_patterns(pattern: str, expected: set[str]):
    names = ["helen/1_1", "helen/1_1_mirror", "afw/[1].2"]
    assert set(filter(match_names(["other", pattern]), names)) == expected
