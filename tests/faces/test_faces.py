"""Splits: what belongs together stays together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.datasets.ibug import photo_group, read_ibug
from keypoints.faces.face import Face, group_k_fold, split_by_person, split_by_photo


def imm_faces(persons: int = 40) -> list[Face]:
    return [
        Face(
            f"{person:02d}-{view}m", f"{person:02d}-{view}m.jpg", f"{person:02d}", None, None, view
        )
        for person in range(1, persons + 1)
        for view in range(1, 7)
    ]


def wild_faces(photos: int = 200) -> list[Face]:
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


def by_person(faces: Sequence[Face], share: float) -> list[str]:
    return [*map(split_by_person(faces, share), faces)]


def by_photo(faces: Sequence[Face], share: float) -> list[str]:
    return [*map(split_by_photo(share), faces)]


def sides_of_groups(faces: list[Face], splits: list[str]) -> dict[str, set[str]]:
    sides: dict[str, set[str]] = {}
    for face, side in zip(faces, splits, strict=True):
        sides.setdefault(face.group, set()).add(side)
    return sides


def test_persons_33_to_40_of_40_are_held_out():
    faces = imm_faces()
    splits = by_person(faces, 0.2)
    held_out = {face.group for face, side in zip(faces, splits, strict=True) if side != "train"}
    assert held_out == {str(person) for person in range(33, 41)}
    assert (splits.count("train"), splits.count("validation")) == (192, 48)


@pytest.mark.parametrize(("persons", "share", "held_out"), [(16, 0.2, 3), (5, 0.2, 1), (8, 0, 0)])
def test_share_of_the_persons_is_held_out(persons: int, share: float, held_out: int):
    splits = by_person(imm_faces(persons), share)
    assert splits.count("validation") == 6 * held_out


def test_about_a_tenth_of_the_photos_is_held_out():
    faces = wild_faces(1000)
    sides = sides_of_groups(faces, by_photo(faces, 0.1))
    held_out = [group for group, side in sides.items() if side == {"validation"}]
    assert 70 < len(held_out) < 130


@pytest.mark.parametrize(("split", "faces"), [(by_person, imm_faces()), (by_photo, wild_faces())])
def test_no_person_photo_or_twin_is_on_both_sides(split, faces: list[Face]):
    splits = split(faces, 0.2)
    assert {"train", "validation"} <= set(splits)
    assert all(len(sides) == 1 for sides in sides_of_groups(faces, splits).values())


@given(st.randoms(use_true_random=False))
def test_split_is_the_same_whatever_the_order_of_the_files(random):
    for split, faces in ((by_person, imm_faces(10)), (by_photo, wild_faces(20))):
        sides = dict(zip((face.name for face in faces), split(faces, 0.2), strict=True))
        shuffled = random.sample(faces, len(faces))
        assert [sides[face.name] for face in shuffled] == split(shuffled, 0.2)


def test_new_photo_moves_no_other():
    faces = wild_faces()
    assert by_photo(faces[:100], 0.1) == by_photo(faces, 0.1)[:100]


def test_larger_share_holds_out_more_photos_and_the_same_ones():
    faces = wild_faces()
    fewer, more = by_photo(faces, 0.1), by_photo(faces, 0.3)
    assert all(b == "validation" for a, b in zip(fewer, more, strict=True) if a == "validation")
    assert more.count("validation") > fewer.count("validation")


@pytest.mark.parametrize("split", [by_person, by_photo])
@pytest.mark.parametrize("share", [0, 0.1, 0.5])
def test_test_faces_stay_test(split, share: float):
    faces = wild_faces()
    splits = split(faces, share)
    assert [side == "test" for side in splits] == [face.is_test for face in faces]


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
def test_faces_and_twins_of_a_photo_share_its_group(name: str, group: str):
    assert photo_group(name) == group


def test_drawn_photos_stay_with_their_twins(rendered_ibug: Path):
    faces = read_ibug(rendered_ibug)
    twins = [face for face in faces if face.name.endswith("_mirror")]
    splits = by_photo(faces, 0.5)
    side = {face.name: side for face, side in zip(faces, splits, strict=True)}
    assert twins
    assert all(side[twin.name] == side[twin.name.removesuffix("_mirror")] for twin in twins)
    assert np.unique(splits).tolist() == ["test", "train", "validation"]


def test_folds_hold_out_each_group_once_and_whole():
    groups = [f"photo{number // 2}" for number in range(46)]  # with mirror twins
    folds = group_k_fold(groups, 5)
    assert (folds[::2] == folds[1::2]).all()
    assert sorted(np.bincount(folds)[1:]) == [8, 8, 10, 10, 10]
    assert (group_k_fold(groups[::-1], 5) == folds[::-1]).all()
    assert len(set(folds[:10].tolist())) > 1  # not in the order of their names


def test_folds_are_not_those_of_the_held_out_share():
    groups = [f"photo{number}" for number in range(400)]
    side_of = split_by_photo(0.5)
    held_out = [side_of(Face(group, group, group, None, None)) == "validation" for group in groups]
    folds = group_k_fold(groups, 2)
    assert 0.4 < (np.array(held_out) == (folds == 1)).mean() < 0.6
