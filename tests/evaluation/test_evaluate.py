"""`src/evaluate.py`: the files that it writes from predictions."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from predicted import CROPS, FORMAT, INFO, prepare_wild, write_made_up

from evaluate import evaluate
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import LandmarkPredictions, write_predictions
from keypoints.crops.store import CropStore
from keypoints.evaluation.scores import METRICS, read_scores


@pytest.fixture
def pipeline(tmp_path: Path, rendered_ibug: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(prepare_wild(tmp_path, rendered_ibug))
    return tmp_path


def test_scores_of_a_constant_error_by_hand(
    pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_made_up("net", bias=3.0)  # and 4 px for the mirrored photos
    evaluate("net")
    scores = read_scores("net")
    assert tuple(json.loads(Path("metrics/scores/net.json").read_text())) == METRICS
    with CropStore(CROPS) as store:
        rows = store.rows("validation")
        scale = store.photo_to_crop[rows][:, [0, 1], [0, 1]] / FORMAT.input_size[::-1]
    assert scores["split"] == "validation"
    assert scores["mae_px"] == pytest.approx(3.5)
    assert scores["rmse_px"] == pytest.approx(np.sqrt((3**2 + 4**2) / 2))
    times = scores["baseline_mae_px"] / 3.5
    assert f"{times:.1f} times better than predicting the mean face" in capsys.readouterr().out
    assert scores["mse"] == pytest.approx((3**2 + 4**2) / 2 * (scale**2).mean(), rel=1e-5)
    errors = pd.read_csv("metrics/faces/net.csv")
    assert len(errors) == len(rows) == scores["faces"]
    assert errors["nme"].mean() == pytest.approx(scores["nme"], rel=1e-4)
    assert pd.read_csv("metrics/ced/net.csv")["fraction"].iloc[-1] <= 1
    for kind in ("good", "bad"):
        figure = cv2.imread(f"metrics/figures/net_{kind}.png")
        assert figure is not None and np.ptp(figure) > 200


def test_each_face_counts_as_original_and_mirrored_photo(pipeline: Path) -> None:
    write_made_up("net", bias=3.0)
    evaluate("net")
    assert _mae_of_views() == pytest.approx({"original": 3, "mirrored": 4})
    table = CROPS / "faces.csv"
    faces = pd.read_csv(table)
    faces["mirrored"] = 1  # all faces are twins: their originals are the mirrored photos
    faces.to_csv(table, index=False)
    evaluate("net")
    assert _mae_of_views() == pytest.approx({"original": 4, "mirrored": 3})
    faces["mirrored"] = np.nan  # a data set without twins
    faces.to_csv(table, index=False)
    evaluate("net")
    assert read_scores("net")["mae_px"] == pytest.approx(3)
    assert "view" not in read_scores("net")


def _mae_of_views() -> dict[str, float]:
    return {view: errors["mae_px"] for view, errors in read_scores("net")["view"].items()}


def test_predictions_of_another_number_of_faces_are_an_error(pipeline: Path) -> None:
    points = np.zeros((99, 68, 2))
    write_predictions(
        "net", INFO, {"validation": LandmarkPredictions(points, points, np.zeros(99))}
    )
    with pytest.raises(PipelineError, match="net: 99 validation faces; task wild has"):
        evaluate("net")


def test_missing_predictions_are_named(pipeline: Path) -> None:
    with pytest.raises(PipelineError, match=r"data/predictions/net/info\.json is missing"):
        evaluate("net")
