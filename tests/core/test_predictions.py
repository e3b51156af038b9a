"""Files of predictions: a round trip, equal bytes, messages, and the flip disagreement."""

from pathlib import Path

import numpy as np
import pytest

from keypoints.core.errors import PipelineError
from keypoints.core.predictions import (
    LandmarkPredictions,
    PredictionsInfo,
    flip_disagreement,
    has_predictions,
    predicted_splits,
    predictions_file,
    read_info,
    read_predictions,
    write_predictions,
)

INFO = PredictionsInfo("wild", "ibug", (30, 8))
POINTS = np.random.default_rng(1).normal(300, 100, (3, 2, 2))
FACES = LandmarkPredictions(POINTS, POINTS + 1 / 3, np.array([0.1, 0.2, 0.3]))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_reading_returns_what_was_written_to_the_last_bit() -> None:
    write_predictions("net", INFO, {"validation": FACES, "test": FACES})
    read = read_predictions("net", "test")
    assert (read.landmarks_photo == FACES.landmarks_photo).all()
    assert (read.mirrored_photo == FACES.mirrored_photo).all()
    assert (read.flip_disagreement == FACES.flip_disagreement).all()
    assert read_info("net") == INFO
    assert predicted_splits("net") == ["validation", "test"]


def test_equal_predictions_give_equal_bytes() -> None:
    for name in ("one", "two"):
        write_predictions(name, INFO, {"validation": FACES})
    one, two = (predictions_file(name, "validation").read_bytes() for name in ("one", "two"))
    assert one == two


def test_writing_removes_splits_of_earlier_predictions() -> None:
    write_predictions("net", INFO, {"validation": FACES, "train": FACES})
    write_predictions("net", INFO, {"validation": FACES})
    assert predicted_splits("net") == ["validation"]
    assert has_predictions("net") and not has_predictions("net", "train")


def test_the_message_for_missing_predictions_lists_those_that_exist() -> None:
    with pytest.raises(PipelineError, match=r"net/info\.json is missing; .*: none"):
        read_info("net")
    write_predictions("net", INFO, {"validation": FACES})
    with pytest.raises(PipelineError, match=r"net/test\.npz is missing; `dvc repro` .*: net"):
        read_predictions("net", "test")


def test_disagreement_is_relative_to_the_diagonal_of_the_predicted_points() -> None:
    plain = np.array([[(0.0, 0.0), (30.0, 40.0)]])  # a diagonal of 50
    assert flip_disagreement(plain, plain + (0, 5)).tolist() == pytest.approx([0.1])


def test_disagreement_of_one_point_is_in_pixels() -> None:
    plain = np.array([[(10.0, 10.0)]])
    assert flip_disagreement(plain, plain + (3, 4)).tolist() == pytest.approx([5])


@pytest.mark.parametrize("content", [b"", b"PK\3\4cut short", b"<<<<<<< HEAD"])
@pytest.mark.parametrize("file", ["info.json", "validation.npz"])
def test_a_damaged_file_is_named_with_the_remedy(file: str, content: bytes) -> None:
    write_predictions("net", INFO, {"validation": FACES})
    (predictions_file("net", "validation").parent / file).write_bytes(content)
    with pytest.raises(PipelineError, match=rf"net/{file}: damaged .*; run `dvc repro`"):
        read_info("net")
        read_predictions("net", "validation")
