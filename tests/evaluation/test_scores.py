"""Scores of predictions, compared with numbers computed by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import IBUG_68, IMM_58, KAGGLE_15
from keypoints.evaluation.kinds import score_kinds
from keypoints.evaluation.scores import (
    CED_LEVELS,
    METRICS,
    baseline_list,
    ced_table,
    per_face_errors,
    read_scores,
    score_table,
    summarize,
    write_scores,
)

ALL_POINTS = tuple(range(68))


def table(views: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "face": [f"f{i}" for i in range(len(views))],
            "group": "g",
            "view": views,
            "split": "train",
        }
    )


def target_faces(n_faces: int, n_points: int, eye_corners: tuple[int, int]) -> np.ndarray:
    """Faces with eyes 100 px apart."""
    target = np.zeros((n_faces, n_points, 2))
    target[:, eye_corners[0]], target[:, eye_corners[1]] = (10, 20), (110, 20)
    return target


def wild_errors() -> pd.DataFrame:
    """Errors of (3, 4) at all points of the first face, of (0, 34) at the chin of the second."""
    target = target_faces(2, 68, IBUG_68.eye_corners)
    predicted = target.copy()
    predicted[0] += (3, 4)
    predicted[1, 8] += (0, 34)
    return per_face_errors(table([0, 0]), predicted, target, scheme=IBUG_68, points=ALL_POINTS)


def test_errors_of_each_face_by_hand():
    rows = wild_errors()
    assert rows["face"].tolist() == ["f0", "f1"]
    assert rows["norm_px"].tolist() == [100, 100]
    assert rows["mae_px"].tolist() == pytest.approx([3.5, 34 / 136])
    assert rows["rmse_px"].tolist() == pytest.approx([np.sqrt(12.5), 34 / np.sqrt(136)])
    assert rows["nme"].tolist() == pytest.approx([0.05, 0.005])
    assert rows["nme_jaw"].tolist() == pytest.approx([0.05, 0.02])  # 34 px over 17 points
    assert rows["nme_mouth"].tolist() == pytest.approx([0.05, 0])


def test_errors_have_a_column_for_each_part():
    parts = [column for column in wild_errors().columns if column.startswith("nme_")]
    assert parts == ["nme_jaw", "nme_brows", "nme_nose", "nme_eyes", "nme_mouth"]


def test_the_nme_of_one_point_uses_the_annotated_eyes():
    target = target_faces(1, 58, IMM_58.eye_corners)
    target[0, 52] = (60, 70)
    predicted = np.array([[(63.0, 66.0)]])
    rows = per_face_errors(table([1]), predicted, target, scheme=IMM_58, points=(52,))
    assert rows["nme"].tolist() == rows["nme_nose"].tolist() == pytest.approx([0.05])
    assert "nme_jaw" not in rows


def test_the_mixture_weights_the_kinds_of_faces():
    target = np.full((4, 19, 2), np.nan)
    target[0, :15], target[1, :14], target[2:, 15:] = 5.0, 5.0, 5.0
    target[:2, 0] = target[2:, 15] = (25, 5)  # the eyes are 20 px apart
    predicted = np.full((4, 19, 2), 99.0)
    predicted[:2, :15], predicted[2:, 15:] = target[0, :15] + 2, target[2:, 15:] + 1
    points = tuple(range(19))
    rows = per_face_errors(table([0] * 4), predicted, target, scheme=KAGGLE_15, points=points)
    assert rows["kind"].tolist() == ["15 points", "15 points", "4 points", "4 points"]
    assert rows["n_coordinates"].tolist() == [30, 28, 8, 8]
    assert rows["norm_px"].tolist() == [20] * 4
    assert rows["mae_px"].tolist() == [2, 2, 1, 1]
    scores = score_kinds(rows, {"15 points": 0.75, "4 points": 0.25})
    assert scores["rmse_px"] == pytest.approx(np.sqrt(0.75 * 4 + 0.25))
    assert {name: kind["rmse_px"] for name, kind in scores["kind"].items()} == pytest.approx(
        {"15 points": 2, "4 points": 1}
    )
    assert score_kinds(rows[2:], {"15 points": 0.75, "4 points": 0.25})["rmse_px"] == 1


def test_a_face_without_known_coordinates_does_not_count():
    rows = pd.DataFrame(
        {"group": ["a", "b"], "kind": ["15 points"] * 2, "n_coordinates": [30, 0]}
        | {"rmse_px": [1.0, np.nan]}
    )
    scores = score_kinds(rows, {"15 points": 1.0})
    assert (scores["rmse_px"], scores["kind"]["15 points"]["faces"]) == (1, 1)


def test_errors_keep_the_order_of_the_faces_with_a_new_index():
    target = target_faces(2, 68, IBUG_68.eye_corners)
    rows = table([0, 0, 0, 0]).iloc[[3, 1]]
    errors = per_face_errors(rows, target, target, scheme=IBUG_68, points=ALL_POINTS)
    assert errors["face"].tolist() == ["f3", "f1"]
    assert errors["mae_px"].tolist() == [0, 0]


def test_summary_by_hand():
    scores = summarize(wild_errors(), mse=0.25, baseline=wild_errors()[:1])
    assert next(iter(scores)) == METRICS[0] == "mae_px"
    assert len(METRICS) <= 5
    assert scores["baseline_mae_px"] == pytest.approx(3.5)
    assert scores["baseline_nme"] == pytest.approx(0.05)
    assert scores["split"] == "validation"
    assert scores["faces"] == 2
    assert scores["mse"] == 0.25
    assert scores["mae_px"] == pytest.approx((3.5 + 0.25) / 2)
    assert scores["rmse_px"] == pytest.approx(np.sqrt((12.5 + 34**2 / 136) / 2))
    assert scores["nme"] == scores["nme_median"] == pytest.approx(0.0275)
    assert scores["fr8"] == 0
    assert scores["auc8"] == pytest.approx((0.03 + 0.075) / 2 / 0.08)
    assert scores["nme_part"] == pytest.approx(
        {"jaw": 0.035, "brows": 0.025, "nose": 0.025, "eyes": 0.025, "mouth": 0.025}
    )


def test_rmse_and_mae_are_over_all_coordinates():
    target = target_faces(3, 68, IBUG_68.eye_corners)
    predicted = target + np.random.default_rng(1).normal(0, 5, target.shape)
    rows = per_face_errors(table([0] * 3), predicted, target, scheme=IBUG_68, points=ALL_POINTS)
    scores = summarize(rows, mse=0.0)
    assert scores["rmse_px"] == pytest.approx(np.sqrt(((predicted - target) ** 2).mean()))
    assert scores["mae_px"] == pytest.approx(np.abs(predicted - target).mean())


def test_views_are_summarized_separately():
    target = target_faces(3, 58, IMM_58.eye_corners)
    predicted = target + np.array([2.0, 4.0, 10.0])[:, None, None]
    rows = per_face_errors(
        table([1, 1, 5]), predicted, target, scheme=IMM_58, points=tuple(range(58))
    )
    views = summarize(rows, mse=0.0)["view"]
    assert isinstance(views, dict)
    assert list(views) == ["1", "5"]
    assert views["1"]["mae_px"] == pytest.approx(3)
    assert views["1"]["rmse_px"] == pytest.approx(np.sqrt(10))
    assert views["5"]["nme"] == pytest.approx(10 * np.sqrt(2) / 100)


def test_a_data_set_without_views_has_none_in_its_summary():
    assert "view" not in summarize(wild_errors(), mse=0.0)


def test_a_summary_can_be_written_as_json():
    scores = summarize(wild_errors(), mse=0.25)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_ced_table_ends_at_the_fraction_of_the_faces():
    curve = ced_table(np.array([0.0, 0.05, 0.3]))
    assert len(curve) == len(CED_LEVELS)
    assert curve["fraction"].iloc[0] == pytest.approx(1 / 3)
    assert curve["fraction"].iloc[-1] == pytest.approx(2 / 3)
    assert curve["fraction"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("folder", "key", "value"), [("scores", "nme", None), ("details", "baseline_nme", "0.3")]
)
def test_scores_without_a_number_are_damaged(
    folder: str, key: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    baseline = wild_errors()
    write_scores("net", wild_errors(), mse=0.1, baseline=baseline)
    assert read_scores("net")["nme"] > 0
    file = tmp_path / "metrics" / folder / "net.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(PipelineError, match=rf"{folder}/net.json: damaged \({key} is {value}\)"):
        read_scores("net")


def test_the_table_has_a_row_per_model():
    scores: dict[str, dict[str, object]] = {
        "nose_net": {"task": "nose", "mse": 0.00123456, "faces": 48},
        "resnet18": {"task": "wild", "mse": 2.0, "faces": 333},
    }
    assert score_table(scores, ("task", "mse", "faces")) == (
        "| model | task | mse | faces |\n"
        "| --- | --- | --- | --- |\n"
        "| nose_net | nose | 0.001235 | 48 |\n"
        "| resnet18 | wild | 2 | 333 |\n"
    )


def test_the_list_compares_each_model_with_the_baseline():
    scores = {
        "nose_net": {"mae_px": 10.0, "baseline_mae_px": 25.0},
        "resnet18": {"mae_px": 9.6, "baseline_mae_px": 9.4},
    }
    assert baseline_list(scores) == (
        "- nose_net: 2.5 times better than predicting the mean face\n"
        "- resnet18: no better than predicting the mean face\n"
    )
