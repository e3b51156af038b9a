"""Splits of the data sets: faces of a group are always in the same split."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.datasets.ibug import photo_group, read_ibug
from keypoints.datasets.imm import split_by_person
from keypoints.faces.face import Face, split_by_hash


def imm_faces(persons: int = 40) -> list[Face]:
    return [
        Face(
            f"{person:02d}-{view}m", f"{person:02d}-{view}m.jpg", f"{person:02d}", None, None, view
        )
        for person in range(1, persons + 1)
        for view in range(1, 7)
    ]


def ibug_faces(photos: int = 200) -> list[Face]:
    """Photos of one or two faces, each with its mirror twin, and a tenth as many test faces."""
    names = [
        f"afw/{photo}_{face}{twin}"
        for photo in range(photos)
        for face in range(1, 2 + photo % 2)
        for twin in ("", "_mirror")
    ]
    train = [Face(name, f"{name}.jpg", photo_group(name), None, None) for name in names]
    tests = [f"helen/testset/{number}_1" for number in range(photos // 10)]
    return train + [
        Face(name, f"{name}.jpg", photo_group(name), None, None, is_test=True) for name in tests
    ]


def by_person(faces: Sequence[Face], val_fraction: float) -> list[str]:
    return [*map(split_by_person(faces, val_fraction), faces)]


def by_hash(faces: Sequence[Face], val_fraction: float) -> list[str]:
    return [*map(split_by_hash(faces, val_fraction), faces)]


def splits_of_groups(faces: list[Face], splits: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for face, split in zip(faces, splits, strict=True):
        found.setdefault(face.group, set()).add(split)
    return found


def test_persons_33_to_40_of_40_are_held_out():
    faces = imm_faces()
    splits = by_person(faces, 0.2)
    held_out = {face.group for face, split in zip(faces, splits, strict=True) if split != "train"}
    assert held_out == {str(person) for person in range(33, 41)}
    assert (splits.count("train"), splits.count("validation")) == (192, 48)


@pytest.mark.parametrize(
    ("persons", "val_fraction", "held_out"), [(16, 0.2, 3), (5, 0.2, 1), (8, 0, 0)]
)
def test_a_fraction_of_the_persons_is_held_out(persons: int, val_fraction: float, held_out: int):
    assert by_person(imm_faces(persons), val_fraction).count("validation") == 6 * held_out


def test_about_a_tenth_of_the_photos_is_held_out():
    faces = ibug_faces(1000)
    splits = splits_of_groups(faces, by_hash(faces, 0.1))
    held_out = [group for group, found in splits.items() if found == {"validation"}]
    assert 70 < len(held_out) < 130


@pytest.mark.parametrize(("split", "faces"), [(by_person, imm_faces()), (by_hash, ibug_faces())])
def test_no_person_photo_or_twin_is_in_two_splits(split, faces: list[Face]):
    splits = split(faces, 0.2)
    assert {"train", "validation"} <= set(splits)
    assert all(len(found) == 1 for found in splits_of_groups(faces, splits).values())


@given(st.randoms(use_true_random=False))
def test_splits_do_not_depend_on_the_order_of_the_faces(random):
    for split, faces in ((by_person, imm_faces(10)), (by_hash, ibug_faces(20))):
        expected = dict(zip((face.name for face in faces), split(faces, 0.2), strict=True))
        shuffled = random.sample(faces, len(faces))
        assert [expected[face.name] for face in shuffled] == split(shuffled, 0.2)


def test_a_new_photo_moves_no_other():
    faces = ibug_faces()
    assert by_hash(faces[:100], 0.1) == by_hash(faces, 0.1)[:100]


def test_a_larger_fraction_contains_a_smaller_one():
    faces = ibug_faces()
    fewer, more = by_hash(faces, 0.1), by_hash(faces, 0.3)
    assert all(b == "validation" for a, b in zip(fewer, more, strict=True) if a == "validation")
    assert more.count("validation") > fewer.count("validation")


@pytest.mark.parametrize("split", [by_person, by_hash])
@pytest.mark.parametrize("val_fraction", [0, 0.1, 0.5])
def test_test_faces_stay_test_faces(split, val_fraction: float):
    faces = ibug_faces()
    splits = split(faces, val_fraction)
    assert [split == "test" for split in splits] == [face.is_test for face in faces]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("afw/1_1", "afw/1"),
        ("afw/1_2", "afw/1"),
        ("afw/1_1_mirror", "afw/1"),
        ("afw/1_2_mirror", "afw/1"),
        ("afw/111076519_12", "afw/111076519"),
        ("helen/trainset/2960256451_1", "helen/trainset/2960256451"),
        ("helen/trainset/2960256451_1_mirror", "helen/trainset/2960256451"),
        ("lfpw/trainset/image_0735", "lfpw/trainset/image_0735"),
        ("lfpw/trainset/image_0735_mirror", "lfpw/trainset/image_0735"),
        ("ibug/image_003_1", "ibug/image_003"),
        ("ibug/image_003", "ibug/image_003"),
    ],
)
def test_faces_and_twins_of_a_photo_are_one_group(name: str, group: str):
    assert photo_group(name) == group


def test_rendered_photos_stay_with_their_twins(rendered_ibug: Path):
    faces = read_ibug(rendered_ibug)
    twins = [face for face in faces if face.name.endswith("_mirror")]
    splits = by_hash(faces, 0.5)
    by_name = {face.name: split for face, split in zip(faces, splits, strict=True)}
    assert twins
    assert all(by_name[twin.name] == by_name[twin.name.removesuffix("_mirror")] for twin in twins)
    assert np.unique(splits).tolist() == ["test", "train", "validation"]
