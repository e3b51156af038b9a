"""Boxes and 2x3 maps, as properties."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from keypoints.core.geometry import (
    apply_map,
    compose,
    enlarge_box,
    hflip_landmarks,
    hflip_map,
    invert,
    resize_map,
    rotation,
    scaling,
    similarity_map,
    translation,
    unit_map,
)
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.core.types import Array

pixels = st.floats(-5000, 5000)
angles = st.floats(-360, 360)
sides = st.integers(1, 4000)
points_photo = arrays(float, (5, 2), elements=pixels)


@st.composite
def regions(draw: st.DrawFn) -> tuple[int, int, int, int]:
    x0, y0 = draw(st.integers(-500, 500)), draw(st.integers(-500, 500))
    return x0, y0, x0 + draw(sides), y0 + draw(sides)


@st.composite
def maps(draw: st.DrawFn) -> Array:
    """Maps of faces: crop and resize, rotate, shift."""
    crop = resize_map(draw(regions()), (draw(st.integers(16, 512)), draw(st.integers(16, 512))))
    rotate = rotation(draw(angles), (draw(pixels), draw(pixels)))
    shift = translation(draw(st.floats(-99, 99)), draw(st.floats(-99, 99)))
    return compose(shift, compose(rotate, crop))


@given(maps(), points_photo)
def test_a_map_and_its_inverse_return_every_point(matrix: Array, points: Array):
    back = apply_map(invert(matrix), apply_map(matrix, points))
    assert np.abs(back - points).max() < 1e-4


@given(maps(), maps(), points_photo)
def test_a_composed_map_is_one_map_after_the_other(second: Array, first: Array, points: Array):
    at_once = apply_map(compose(second, first), points)
    in_turn = apply_map(second, apply_map(first, points))
    np.testing.assert_allclose(at_once, in_turn, rtol=1e-9, atol=1e-4)


@given(maps())
def test_a_map_and_its_inverse_compose_to_the_identity(matrix: Array):
    np.testing.assert_allclose(compose(invert(matrix), matrix), np.eye(2, 3), atol=1e-6)


def test_a_map_onto_a_line_has_no_inverse():
    with pytest.raises(np.linalg.LinAlgError):
        invert(np.array([[1.0, 0, 0], [2, 0, 0]]))


@given(st.integers(1, 9), points_photo)
def test_a_resize_by_s_maps_x_to_x_plus_a_half_times_s_minus_a_half(scale: int, points: Array):
    matrix = resize_map((0, 0, 30, 20), (20 * scale, 30 * scale))
    np.testing.assert_allclose(apply_map(matrix, points), (points + 0.5) * scale - 0.5, atol=1e-6)


@given(regions(), sides, sides)
def test_a_resize_maps_the_outer_edges_of_the_region_to_those_of_the_crop(
    region: tuple[int, int, int, int], height: int, width: int
):
    x0, y0, x1, y1 = region
    corners = np.array([(x0, y0), (x1, y1)]) - 0.5  # pixel centres are whole numbers
    edges = apply_map(resize_map(region, (height, width)), corners)
    np.testing.assert_allclose(edges, [(-0.5, -0.5), (width - 0.5, height - 0.5)], atol=1e-6)


def test_resize_map_computed_by_hand():
    # 100 x 50 px from (20, 10) to 25 x 50 px: x by a quarter, y by one
    matrix = resize_map((20, 10, 120, 60), (50, 25))
    np.testing.assert_allclose(
        apply_map(matrix, np.array([(20.0, 10.0), (69.5, 30.0)])), [(-0.375, 0.0), (12.0, 20.0)]
    )


def test_resize_map_agrees_with_opencv():
    ramp = np.tile(np.arange(60, dtype=np.float32), (40, 1))  # each pixel's value is its x
    small = cv2.resize(ramp, (15, 20), interpolation=cv2.INTER_AREA)
    x_photo = apply_map(invert(resize_map((0, 0, 60, 40), (20, 15))), np.array([(4.0, 3.0)]))[0, 0]
    assert small[3, 4] == pytest.approx(x_photo)


@pytest.mark.parametrize("size", [(60, 80), (224, 224), (7, 3)])
def test_unit_coordinates_run_from_0_to_1_across_the_image(size: tuple[int, int]):
    height, width = size
    edges = np.array([(-0.5, -0.5), (width - 0.5, height - 0.5), ((width - 1) / 2, -0.5)])
    np.testing.assert_allclose(apply_map(unit_map(size), edges), [(0, 0), (1, 1), (0.5, 0)])


@given(angles, pixels, pixels, points_photo)
def test_a_rotation_keeps_distances_and_its_centre(
    degrees: float, x: float, y: float, points: Array
):
    matrix = rotation(degrees, (x, y))
    turned = apply_map(matrix, points)
    before = np.linalg.norm(points[1:] - points[0], axis=1)
    after = np.linalg.norm(turned[1:] - turned[0], axis=1)
    np.testing.assert_allclose(after, before, atol=1e-6)
    np.testing.assert_allclose(apply_map(matrix, np.array([(x, y)])), [(x, y)], atol=1e-6)


def test_a_rotation_is_clockwise_on_the_screen():
    # y points down, so a point right of the centre moves below it
    turned = apply_map(rotation(90, (10, 20)), np.array([(15.0, 20.0), (10.0, 22.0)]))
    np.testing.assert_allclose(turned, [(10, 25), (8, 20)], atol=1e-12)


def test_a_rotation_moves_pixels_and_points_alike():
    photo = np.zeros((21, 31), np.uint8)
    photo[10, 25] = 255
    turned = cv2.warpAffine(photo, rotation(90, (15, 10)), (31, 21))
    y, x = np.unravel_index(turned.argmax(), turned.shape)
    assert (x, y) == (15, 20)


@given(angles, angles, st.floats(-500, 500), st.floats(-500, 500))
def test_rotations_about_one_centre_add_up(first: float, second: float, x: float, y: float):
    np.testing.assert_allclose(
        compose(rotation(second, (x, y)), rotation(first, (x, y))),
        rotation(first + second, (x, y)),
        atol=1e-9,
    )


@given(st.sampled_from(list(SCHEMES.values())), st.integers(1, 999), st.data())
def test_flipping_twice_is_the_identity(scheme: Scheme, width: int, data: st.DataObject):
    points = data.draw(arrays(float, (2, scheme.n_points, 2), elements=st.floats(-999, 999)))
    twice = points
    for _ in range(2):
        twice = apply_map(hflip_map(width), twice)[:, scheme.flip_indices]
    np.testing.assert_allclose(twice, points, atol=1e-9)


def test_a_flip_moves_pixels_and_points_alike():
    photo = np.zeros((8, 10), np.uint8)
    photo[5, 2] = 255
    flipped_point = apply_map(hflip_map(10), np.array([(2.0, 5.0)]))
    np.testing.assert_array_equal(flipped_point, [(7, 5)])
    assert photo[:, ::-1][5, 7] == 255


@pytest.mark.parametrize("as_type", [np.array, torch.tensor])
def test_flipped_landmarks_are_mirrored_and_swap_left_and_right(as_type):
    landmarks = as_type([[[0.25, 0.5], [0.5, 0.25], [0.875, 0.75]]])
    flipped = hflip_landmarks(landmarks, [2, 1, 0])
    assert flipped.tolist() == [[[0.125, 0.75], [0.5, 0.25], [0.75, 0.5]]]
    assert hflip_landmarks(flipped, [2, 1, 0]).tolist() == landmarks.tolist()


def test_scaling_keeps_its_centre():
    points = np.array([(3.0, 4.0), (5.0, 4.0)])
    np.testing.assert_allclose(apply_map(scaling(3, (3, 4)), points), [(3, 4), (9, 4)])


def test_a_stack_of_maps_has_one_map_per_face():
    degrees, x, y = np.array([0.0, 30.0, -90.0]), np.array([1.0, 2.0, 3.0]), np.zeros(3)
    stack = compose(translation(x, y), rotation(degrees, (3, 4)))
    assert stack.shape == (3, 2, 3)
    points = np.random.default_rng(1).uniform(0, 100, (3, 5, 2))
    together, back = apply_map(stack, points), invert(stack)
    for face in range(3):
        alone = compose(translation(x[face], 0), rotation(degrees[face], (3, 4)))
        np.testing.assert_allclose(stack[face], alone)
        np.testing.assert_allclose(together[face], apply_map(alone, points[face]))
        np.testing.assert_allclose(back[face], invert(alone))


def test_one_map_applies_to_all_faces():
    points = np.zeros((4, 3, 2))
    np.testing.assert_array_equal(apply_map(translation(2, 3), points), points + (2, 3))


def test_unknown_points_stay_unknown():
    assert np.isnan(apply_map(rotation(30, (1, 2)), np.full((2, 2), np.nan))).all()


def test_a_box_is_enlarged_about_its_centre_relative_to_its_longer_side():
    assert enlarge_box((10, 20, 50, 40), 1.5, 1.5) == (0, 0, 60, 60)  # 40 px, centre (30, 30)
    assert enlarge_box((10, 20, 30, 60), 2, 1) == (-20, 20, 60, 60)


@given(arrays(float, (2, 5, 2), elements=pixels), angles, st.floats(0.1, 10))
def test_a_similarity_map_finds_the_rotation_scale_and_shift_of_points(
    source: Array, degrees: float, factor: float
):
    source = source + np.arange(10).reshape(5, 2) ** 2  # not all points in one place
    known = compose(scaling(factor, (3.0, -2.0)), rotation(degrees, (10.0, 20.0)))
    found = similarity_map(source, apply_map(known, source))
    np.testing.assert_allclose(
        apply_map(found, source), apply_map(known, source), rtol=1e-6, atol=1e-4
    )
    assert found.shape == (2, 2, 3)
