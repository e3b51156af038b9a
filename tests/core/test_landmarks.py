"""Landmark schemes: consistent in themselves and with rendered faces."""

from pathlib import Path

import numpy as np
import pytest

from keypoints.core.landmarks import (
    FOUR_POINTS,
    IBUG_68,
    IMM_58,
    KAGGLE_15,
    KAGGLE_15_POINTS,
    SCHEMES,
    Scheme,
    contour_neighbours,
)
from keypoints.datasets.ibug import read_ibug
from keypoints.datasets.imm import read_imm
from keypoints.faces.face import Face

every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)


@pytest.fixture(scope="module")
def frontal_faces(rendered_imm: Path) -> list[Face]:
    """The neutral view of each person."""
    return [face for face in read_imm(rendered_imm) if face.view == 1]


@pytest.fixture(scope="module")
def wild_faces(rendered_ibug: Path) -> list[Face]:
    return [face for face in read_ibug(rendered_ibug) if not face.is_test]


def test_schemes_have_58_68_and_15_plus_4_points():
    assert {name: scheme.n_points for name, scheme in SCHEMES.items()} == {
        "imm58": 58,
        "ibug68": 68,
        "kaggle15": 19,
    }


@every_scheme
def test_every_point_is_in_exactly_one_part(scheme: Scheme):
    points = [point for part in scheme.parts.values() for point in part]
    assert sorted(points) == list(range(scheme.n_points))


@every_scheme
def test_every_point_is_on_exactly_one_contour(scheme: Scheme):
    points = [point for contour in scheme.contours for point in contour.points]
    assert sorted(points) == list(range(scheme.n_points))


@every_scheme
def test_contour_stays_within_one_part(scheme: Scheme):
    for contour in scheme.contours:
        assert any(set(contour.points) <= set(part) for part in scheme.parts.values())


@every_scheme
def test_flipping_twice_restores_the_order(scheme: Scheme):
    order = scheme.flip_indices
    assert sorted(order) == list(range(scheme.n_points))
    assert (order[order] == np.arange(scheme.n_points)).all()


@every_scheme
def test_a_flip_keeps_every_point_in_its_part(scheme: Scheme):
    for part in scheme.parts.values():
        assert set(scheme.flip_indices[list(part)]) == set(part)


@every_scheme
def test_a_flip_swaps_the_left_and_right_eye(scheme: Scheme):
    left, right = scheme.eye_corners
    assert scheme.flip_indices[left] == right
    assert scheme.flip_indices[right] == left


@pytest.mark.parametrize(
    ("scheme", "point", "partner"),
    [
        (IMM_58, 0, 12),
        (IMM_58, 6, 6),  # chin
        (IMM_58, 13, 21),
        (IMM_58, 29, 34),
        (IMM_58, 39, 43),
        (IMM_58, 41, 41),
        (IMM_58, 47, 57),
        (IMM_58, 52, 52),  # nose tip
        (IBUG_68, 0, 16),
        (IBUG_68, 8, 8),  # chin
        (IBUG_68, 17, 26),
        (IBUG_68, 30, 30),  # nose tip
        (IBUG_68, 31, 35),
        (IBUG_68, 39, 42),
        (IBUG_68, 41, 46),
        (IBUG_68, 48, 54),
        (IBUG_68, 57, 57),
        (IBUG_68, 60, 64),
        (IBUG_68, 67, 65),
        (KAGGLE_15, 10, 10),  # nose tip
        (KAGGLE_15, 13, 13),
    ],
)
def test_known_points_swap_with_their_partners(scheme: Scheme, point: int, partner: int):
    assert scheme.flip_indices[point] == partner


@pytest.mark.parametrize(
    ("scheme", "corners", "tip"),
    [(IMM_58, (21, 13), 52), (IBUG_68, (36, 45), 30), (KAGGLE_15, (5, 3), 10)],
)
def test_eye_corners_and_nose_tip_are_the_published_points(
    scheme: Scheme, corners: tuple[int, int], tip: int
):
    assert scheme.eye_corners == corners
    assert scheme.nose_tip == tip


def test_eye_corners_and_nose_tip_of_frontal_faces_are_in_place(frontal_faces: list[Face]):
    for face in frontal_faces:
        check_eyes_and_nose(face, IMM_58)


def test_eye_corners_and_nose_tip_of_wild_faces_are_in_place(wild_faces: list[Face]):
    for face in wild_faces:
        check_eyes_and_nose(face, IBUG_68)


def check_eyes_and_nose(face: Face, scheme: Scheme) -> None:
    points = face.landmarks_photo
    assert points is not None
    eyes = points[list(scheme.parts["eyes"])]
    left, right = points[list(scheme.eye_corners)]
    along = (right - left) / np.linalg.norm(right - left)  # from the left eye to the right one
    down = np.array([-along[1], along[0]])
    tip = points[scheme.nose_tip]
    middle = (left + right) / 2
    assert left[0] < right[0]
    assert (eyes @ along).min() >= left @ along - 2  # nothing of the eyes beyond their corners
    assert (eyes @ along).max() <= right @ along + 2
    assert middle @ down < tip @ down < points[list(scheme.parts["mouth"])].mean(0) @ down
    assert left @ along < tip @ along < right @ along


def test_a_flipped_frontal_face_is_similar_to_itself(frontal_faces: list[Face]):
    for face in frontal_faces:
        points = face.landmarks_photo
        assert points is not None
        eye_distance = np.linalg.norm(np.subtract(*points[list(IMM_58.eye_corners)]))
        flipped = points[IMM_58.flip_indices] * (-1, 1)
        difference = (flipped - flipped.mean(0)) - (points - points.mean(0))
        assert np.linalg.norm(difference, axis=1).mean() < 0.3 * eye_distance


def test_parts_of_a_subset_are_positions_in_it():
    assert IMM_58.subset_parts((52,)) == {"nose": [0]}
    assert IBUG_68.subset_parts((45, 30, 36)) == {"nose": [1], "eyes": [2, 0]}


def test_a_flip_swaps_left_and_right_in_the_names_of_the_15_points():
    for point, partner in enumerate(KAGGLE_15.flip_indices[:15]):
        swapped = KAGGLE_15_POINTS[point].replace("left", "?").replace("right", "left")
        assert KAGGLE_15_POINTS[partner] == swapped.replace("?", "right")


def test_parts_of_the_15_points_agree_with_their_names():
    words = {"eyes": "eye_", "brows": "eyebrow", "nose": "nose", "mouth": "mouth"}
    for part, points in KAGGLE_15.parts.items():
        assert all(words[part] in KAGGLE_15_POINTS[point] for point in points if point < 15)


def test_the_points_of_the_second_kind_have_the_parts_and_partners_of_the_first():
    first, second = KAGGLE_15.convention_points
    assert (*first, *second) == tuple(range(19))
    for own, point in zip(second, FOUR_POINTS, strict=True):
        (part,) = (part for part, points in KAGGLE_15.parts.items() if point in points)
        assert own in KAGGLE_15.parts[part]
        assert FOUR_POINTS[KAGGLE_15.flip_indices[own] - 15] == KAGGLE_15.flip_indices[point]


def test_neighbours_are_on_the_same_contour():
    found = contour_neighbours(tuple(range(68)), IBUG_68)
    assert len(found) == 68
    assert found[0] == (0, 1) and found[8] == (7, 9) and found[16] == (15, 16)  # an open jaw
    assert found[36] == (41, 37) and found[41] == (40, 36)  # a closed eye


def test_neighbours_are_positions_among_the_predicted_points():
    assert contour_neighbours((30, 29, 36), IBUG_68) == [(1, 0), (1, 0), (2, 2)]
    assert contour_neighbours((52,), IMM_58) == [(0, 0)]


@every_scheme
def test_a_flip_keeps_neighbours(scheme: Scheme):
    found = contour_neighbours(tuple(range(scheme.n_points)), scheme)
    order = scheme.flip_indices
    for point, pair in enumerate(found):
        assert {int(order[near]) for near in pair} == set(found[order[point]])
