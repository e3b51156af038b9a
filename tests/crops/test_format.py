"""Tasks and crop formats."""

import numpy as np
import pytest
from pydantic import ValidationError

from keypoints.core.geometry import apply_map
from keypoints.core.landmarks import IBUG_68, IMM_58
from keypoints.crops.format import CropFormat, Task

WILD = Task(dataset="ibug", points="all", height=48, width=64, colour=True, margin=5, box_scale=1.3)


def test_a_task_predicts_all_points_or_the_nose_tip():
    assert WILD.points_of(IBUG_68) == tuple(range(68))
    assert WILD.model_copy(update={"points": "nose_tip"}).points_of(IMM_58) == (52,)


def test_a_whole_frame_has_no_margin():
    with pytest.raises(ValidationError, match="margin must be 0 if box_scale is null"):
        Task(**WILD.model_dump() | {"box_scale": None})
    Task(**WILD.model_dump() | {"box_scale": None, "margin": 0})


def test_the_crop_format_of_a_task_may_have_another_margin():
    format_ = CropFormat.of(WILD, IBUG_68)
    assert format_ == CropFormat(48, 64, 5, colour=True, box_scale=1.3, scheme="ibug68")
    assert (format_.input_size, format_.crop_size, format_.channels) == ((48, 64), (58, 74), 3)
    assert CropFormat.of(WILD, IBUG_68, margin=0).crop_size == (48, 64)


def test_the_centre_of_the_crop_is_the_centre_of_the_input_at_every_tta_scale():
    centre_crop, corner_crop = np.array([(36.5, 28.5)]), np.array([(5.0, 5.0)])
    for tta_scale in (0.8, 1.0, 1.5):
        crop_to_input = CropFormat.of(WILD, IBUG_68).crop_to_input(tta_scale)
        np.testing.assert_allclose(apply_map(crop_to_input, centre_crop), [(31.5, 23.5)])
        corner = np.array([(31.5, 23.5)]) * (1 - 1 / tta_scale)
        np.testing.assert_allclose(apply_map(crop_to_input, corner_crop), corner, atol=1e-12)
