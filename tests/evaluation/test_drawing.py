"""Drawn landmarks and grids of tiles: where the colours lie, and what stays as it was."""

import numpy as np
import pytest

from keypoints.core.landmarks import IMM_58, Contour
from keypoints.evaluation.drawing import (
    PREDICTED_COLOUR,
    TARGET_COLOUR,
    comparison_tile,
    draw_landmarks,
    select_contours,
    tile_grid,
)

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def black(height: int = 40, width: int = 60) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def centre_of(image: np.ndarray, channel: int) -> np.ndarray:
    """Centre (x, y) of what was drawn in a channel, weighted by its brightness."""
    y, x = np.indices(image.shape[:2])
    weight = image[..., channel] / image[..., channel].sum()
    return np.array([(x * weight).sum(), (y * weight).sum()])


@pytest.mark.parametrize("place", [(20.0, 15.0), (20.25, 15.5), (31.8, 7.9)])
def test_a_dot_lies_at_its_landmark_to_a_tenth_of_a_pixel(place: tuple[float, float]) -> None:
    image = draw_landmarks(black(), np.array([place]), colour=RED, radius=3)
    np.testing.assert_allclose(centre_of(image, 0), place, atol=0.1)


def test_landmarks_are_drawn_into_the_image_itself() -> None:
    image = black()
    assert draw_landmarks(image, np.array([(9.0, 9.0)]), colour=RED, radius=1) is image
    assert image.any()


def test_unknown_landmarks_are_left_out_of_dots_and_lines() -> None:
    landmarks = np.array([(5.0, 5.0), (np.nan, np.nan), (35.0, 5.0)])
    contours = [Contour((0, 1, 2))]
    image = draw_landmarks(
        black(), landmarks, colour=RED, radius=2, contours=contours, line_colour=GREEN
    )
    assert image[5, 20, 1] > 200 and not image[5, 20, 0]
    assert image[5, 5, 0] == image[5, 35, 0] == 255


def test_a_closed_contour_has_a_line_from_its_last_point_to_its_first() -> None:
    landmarks = np.array([(10.0, 5.0), (30.0, 5.0), (30.0, 25.0), (10.0, 25.0)])
    for closed in (False, True):
        image = draw_landmarks(
            black(),
            landmarks,
            colour=RED,
            radius=1,
            contours=[Contour((0, 1, 2, 3), closed)],
            line_colour=GREEN,
        )
        assert bool(image[15, 10, 1]) is closed


def test_a_rim_surrounds_its_dot() -> None:
    place = np.array([(20.0, 20.0)])
    image = draw_landmarks(black(), place, colour=RED, radius=3, rim=WHITE, line_width=4)
    assert image[20, 20].tolist() == list(RED)
    assert image[20, 24].min() > 150
    assert not image[20, 27].any()


def test_contours_of_some_points_are_positions_among_them() -> None:
    points = (0, 1, 2, 39, 40, 52)
    lines = [line for line in select_contours(IMM_58, points) if line.points]
    assert lines == [Contour((0, 1, 2)), Contour((3, 4), closed=True), Contour((5,))]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_comparison_shows_yellow_targets_and_teal_predictions(
    channels: int,
) -> None:
    crop = np.full((60, 80, channels), 90, np.uint8)
    tile = comparison_tile(crop, np.array([(20.0, 30.0)]), np.array([(60.0, 30.0)]))
    assert tile.shape == (180, 240, 3)
    assert tile[5, 5].tolist() == [90, 90, 90]
    assert tile[91, 61].tolist() == list(TARGET_COLOUR)
    assert tile[91, 181].tolist() == list(PREDICTED_COLOUR)


def test_a_grid_has_its_tiles_row_by_row_with_gaps_between_them() -> None:
    tiles = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    grid = tile_grid(tiles, columns=2, gap=2)
    assert grid.shape == (2 + 6 + 6, 2 + 8 + 8, 3)
    assert (grid[2:6, 2:8] == 10).all() and (grid[2:6, 10:16] == 20).all()
    assert (grid[8:12, 2:8] == 30).all()
    assert (grid[8:12, 10:16] == 255).all()
    assert tile_grid(tiles[:1], columns=2, gap=0, background=0).tolist() == tiles[0].tolist()


def test_title_and_captions_stand_above_the_tiles() -> None:
    tiles = [np.full((40, 120, 3), 128, np.uint8)] * 2
    plain = tile_grid(tiles, columns=2)
    grid = tile_grid(tiles, ["face: 3 px", ""], columns=2, title="Faces")
    assert grid.shape[0] == plain.shape[0] + 28 + 18
    assert grid[:28].min() < 128  # the title
    caption = grid[28 + 8 : 28 + 8 + 18]
    assert caption[:, :128].min() < 128 and caption[:, 136:].min() == 255
