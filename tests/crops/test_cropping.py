"""The region of a photo that becomes the crop, and the crop's pixels."""

import numpy as np
import pytest

from keypoints.crops.cropping import crop_and_resize, crop_region
from keypoints.crops.format import CropFormat


def test_a_dot_of_one_pixel_stays_under_its_landmark():
    photo = np.zeros((20, 30), np.uint8)
    photo[12, 21] = 255
    crop = crop_and_resize(photo, (15, 8, 27, 16), (32, 48))  # 12 x 8 px, four times as large
    y, x = np.mgrid[:32, :48]
    light = crop[..., 0] / crop.sum()
    middle = ((x * light).sum(), (y * light).sum())
    assert middle == pytest.approx(((21 - 15 + 0.5) * 4 - 0.5, (12 - 8 + 0.5) * 4 - 0.5), abs=0.05)


def test_the_region_of_a_whole_frame_is_the_frame():
    whole = CropFormat(16, 16, 0, colour=True, box_scale=None, scheme="ibug68")
    assert crop_region(None, (60, 80), whole) == (0, 0, 80, 60)
    assert crop_region((1, 2, 3, 4), (60, 80), whole) == (0, 0, 80, 60)


def test_the_region_of_a_box_includes_scale_and_margin_and_may_leave_the_photo():
    # 20 px wide, 1.5 times as large, with a quarter of that on each side: 45 px about (10, 30)
    square = CropFormat(16, 16, 4, colour=True, box_scale=1.5, scheme="ibug68")
    assert crop_region((0, 20, 20, 40), (60, 80), square) == (-13, 7, 32, 52)


def test_the_region_of_a_box_has_the_shape_of_the_crop():
    # 20 px wide, twice that on the input's shorter side: 40 px high, 60 px wide
    wide = CropFormat(16, 24, 0, colour=True, box_scale=2, scheme="ibug68")
    assert crop_region((30, 20, 50, 40), (60, 80), wide) == (10, 10, 70, 50)


def test_pixels_beyond_the_photo_repeat_its_edge():
    photo = np.arange(12, dtype=np.uint8).reshape(3, 4)
    crop = crop_and_resize(photo, (-2, -1, 6, 4), (5, 8))[..., 0]
    np.testing.assert_array_equal(crop[1], [0, 0, 0, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(crop[:, 2], [0, 0, 4, 8, 8])


def test_shrinking_averages_all_pixels():
    photo = np.zeros((40, 40), np.uint8)
    photo[::4] = 200  # a quarter of the rows
    assert (crop_and_resize(photo, (0, 0, 40, 40), (10, 10)) == 50).all()
