"""Ensembles: combined by hand, from files, and members that do not match."""

import sys
from pathlib import Path

import numpy as np
import pytest
from predicted import write_made_up

from ensemble import ensemble
from keypoints.config.messages import SettingsError
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import (
    LandmarkPredictions,
    PredictionsInfo,
    predicted_splits,
    read_info,
    read_predictions,
    write_predictions,
)
from keypoints.prediction.ensemble import combine

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import ensemble_weights

SETTINGS = "ensembles:\n  both:\n    reduce: {}\n    members: [{}]\n"
WEIGHTS = "    weights: [0.75, 0.25]\n"


def make_faces(x: float, n_faces: int = 1) -> LandmarkPredictions:
    """Faces of two points, (x, 0) and (0, x); in the flipped images 10 px further to the right."""
    points = np.tile([(x, 0.0), (0.0, x)], (n_faces, 1, 1))
    return LandmarkPredictions(points, points + (10, 0), np.full(n_faces, x))


@pytest.mark.parametrize(("reduce", "x"), [("mean", 4), ("median", 2)])
def test_members_are_combined_by_hand(reduce: str, x: float):
    combined = combine(reduce, {"a": make_faces(1), "b": make_faces(9), "c": make_faces(2)})
    assert combined.landmarks_photo.tolist() == [[[x, 0], [0, x]]]
    assert combined.mirrored_photo.tolist() == [[[x + 10, 0], [10, x]]]
    assert combined.flip_disagreement.tolist() == [x]


def test_weights_are_relative():
    combined = combine("mean", {"a": make_faces(1), "b": make_faces(9)}, [3, 1])
    assert combined.landmarks_photo.tolist() == [[[3, 0], [0, 3]]]


def test_an_outlier_does_not_change_a_median():
    members = {"a": make_faces(1), "b": make_faces(2), "c": make_faces(3)}
    with_outlier = combine("median", members | {"c": make_faces(1000)})
    assert (with_outlier.landmarks_photo == combine("median", members).landmarks_photo).all()


def test_members_with_different_numbers_of_faces_are_an_error():
    with pytest.raises(PipelineError, match="must predict the same faces; got a 1, b 3"):
        combine("mean", {"a": make_faces(1), "b": make_faces(2, n_faces=3)})


def test_an_ensemble_has_the_splits_that_all_members_have(
    pipeline: Path, capsys: pytest.CaptureFixture[str]
):
    write_made_up("one", bias=1)
    write_made_up("two", bias=3)
    (pipeline / "data/predictions/two/train.npz").unlink()
    (pipeline / "params.yaml").write_text(SETTINGS.format("mean", "one, two") + WEIGHTS)
    ensemble("both")
    assert predicted_splits("both") == ["validation", "test"]
    assert read_info("both") == read_info("one")
    one, both = (read_predictions(name, "test") for name in ("one", "both"))
    np.testing.assert_allclose(both.landmarks_photo, one.landmarks_photo + 0.5)
    np.testing.assert_allclose(both.mirrored_photo, one.mirrored_photo + 0.5)
    (pipeline / "data/predictions/two/test.npz").unlink()
    assert capsys.readouterr().err == ""
    ensemble("both")
    assert capsys.readouterr().err == "warning: both: without test faces: none of two\n"
    assert predicted_splits("both") == ["validation"]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (PredictionsInfo("wild", "ibug", (30,)), "one has 68 of ibug, two 1 of ibug"),
        (PredictionsInfo("wild", "other", tuple(range(68))), "68 of ibug, two 68 of other"),
    ],
)
def test_members_of_different_data_sets_or_points_are_an_error(
    pipeline: Path, info: PredictionsInfo, message: str
):
    write_made_up("one")
    write_predictions("two", info, {"test": make_faces(1)})
    (pipeline / "params.yaml").write_text(SETTINGS.format("mean", "one, two"))
    with pytest.raises(PipelineError, match=message):
        ensemble("both")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SETTINGS.format("mean", "one, one"), "members must not repeat one"),
        (SETTINGS.format("median", "one, two") + WEIGHTS, "weights need reduce: mean and one "),
        (SETTINGS.format("mean", "one") + WEIGHTS, "one number for each of 1 members"),
        (SETTINGS.format("max", "one"), "reduce must be one of mean, median; got 'max'"),
        ("ensembles: {}\n", "ensembles has no 'both'; it has none"),
    ],
)
def test_wrong_settings_are_named(pipeline: Path, settings: str, message: str):
    (pipeline / "params.yaml").write_text(settings)
    with pytest.raises(SettingsError, match=message):
        ensemble("both")


def test_weights_are_chosen_by_the_errors_out_of_fold(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    write_made_up("one_folds", noise=1)
    write_made_up("other_folds", noise=2)
    (pipeline / "params.yaml").write_text(SETTINGS.format("mean", "one_corrected, other"))
    monkeypatch.setattr("sys.argv", ["ensemble_weights.py", "both"])
    ensemble_weights.main()
    printed = capsys.readouterr().out
    weights = [float(text) for text in printed.splitlines()[-1].strip("weights: []").split(",")]
    assert weights == pytest.approx([0.8, 0.2], abs=0.05)  # the inverse variances
    assert "other: 2.0" in printed and "these weights: 0.8" in printed  # 2 / sqrt(5) = 0.894


def test_a_member_that_repeats_the_errors_of_a_better_one_has_no_weight():
    errors = np.random.default_rng(1).normal(size=100)
    chosen = ensemble_weights.choose_weights(np.stack([2 * errors, errors], axis=1))
    np.testing.assert_allclose(chosen, [0, 1], atol=1e-9)


def test_a_missing_member_is_named(pipeline: Path):
    (pipeline / "params.yaml").write_text(SETTINGS.format("mean", "one"))
    with pytest.raises(PipelineError, match=r"one/info\.json is missing"):
        ensemble("both")
