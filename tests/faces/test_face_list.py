"""Faces in a file come back as they were, and only those asked for are in memory."""

import tempfile
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from keypoints.faces.face import Face, FormatError
from keypoints.faces.face_list import DiskBackedFaces

SOURCE = Path("some list.xml")


def face(name: str) -> Face:
    return Face(name, f"{name}.jpg", name, (1, 2, 3.5, 4), np.full((68, 2), len(name) + 0.1))


def list_of(*names: str, by_name: bool = False) -> DiskBackedFaces:
    faces = DiskBackedFaces()
    faces.extend(map(face, names), SOURCE, by_name=by_name)
    return faces


def names_of(faces: DiskBackedFaces) -> list[str]:
    return [face.name for face in faces]


def test_a_face_comes_back_as_it_was():
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


def test_faces_keep_their_order_unless_their_names_shall_give_it():
    assert names_of(list_of("b", "c", "a")) == ["b", "c", "a"]
    faces = list_of("b", "c", "a", by_name=True)
    faces.extend([face("z"), face("d")], SOURCE)
    assert names_of(faces) == ["a", "b", "c", "z", "d"]


def test_a_list_is_a_sequence():
    faces = list_of("a", "b", "c", "d")
    assert len(faces) == 4
    assert faces[-1].name == "d"
    assert [one.name for one in faces[1:3]] == ["b", "c"]
    with pytest.raises(IndexError):
        faces[4]
    assert not DiskBackedFaces()


def test_two_walks_do_not_disturb_each_other():
    faces = list_of("a", "bb", "ccc")
    pairs = [(one.name, other.name) for one in faces for other in faces]
    assert pairs == [(one, other) for one in ("a", "bb", "ccc") for other in ("a", "bb", "ccc")]


@pytest.mark.parametrize("by_name", [False, True])
def test_a_name_that_comes_twice_is_refused_with_its_source(by_name: bool):
    with pytest.raises(FormatError, match=r"some list\.xml: a/1 is listed twice"):
        list_of("b", "a/1", "c", "a/1", by_name=by_name)


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
def test_a_list_that_found_the_disk_full_goes_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "wb"))
    faces = DiskBackedFaces()
    faces._file.write(b"what waits in a buffer")
    del faces
    assert capsys.readouterr().err == ""
