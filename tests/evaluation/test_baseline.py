"""The mean shape as the baseline of scores."""

import numpy as np
import pytest

from keypoints.core.geometry import apply_map
from keypoints.crops.mean_shape import mean_shape_unit, photo_to_unit
from keypoints.crops.store import CropStore
from keypoints.evaluation.baseline import baseline_sentence, predict_mean_shape


def test_the_mean_shape_is_predicted_at_one_place_of_the_input(dot_store: CropStore):
    rows = dot_store.rows("validation")
    predicted = predict_mean_shape(dot_store, rows, (0, 2))
    predicted_unit = apply_map(photo_to_unit(dot_store, rows), predicted)
    mean_unit = mean_shape_unit(dot_store, dot_store.rows("train"), (0, 2))
    assert len(rows) > 1
    np.testing.assert_allclose(predicted_unit, np.broadcast_to(mean_unit, predicted.shape))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (3.0, "3.3 times better"),
        (0.5, "20 times better"),
        (9.4, "1.1 times better"),
        (9.6, "no better"),
        (1e26, "no better"),
        (0.0, "inf times better"),
    ],
)
def test_an_error_is_compared_with_the_baseline(error: float, expected: str):
    assert baseline_sentence(error, 10.0) == f"{expected} than predicting the mean face"


@pytest.mark.parametrize("errors", [(np.nan, 10.0), (1.0, np.nan)])
def test_an_unknown_error_is_not_compared(errors: tuple[float, float]):
    assert baseline_sentence(*errors).startswith("not comparable with")
