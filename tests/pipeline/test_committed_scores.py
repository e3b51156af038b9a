"""The committed scores: those of the default run."""

import json
from pathlib import Path
from typing import Any

import pytest
from workspace import MODELS, ROOT

SCORES = ROOT / "metrics/scores"


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@pytest.mark.parametrize(
    ("model", "fraction"),
    [
        ("nose_net", 0.5),
        ("face_net", 0.5),
        ("resnet18", 0.5),
        ("heatmap_net", 0.45),
        ("kaggle15_net", 0.5),
    ],
)
def test_the_error_of_a_default_network_is_a_fraction_of_that_of_the_mean_shape(
    model: str, fraction: float
) -> None:
    scores = read(SCORES / f"{model}.json")
    deciding = next(iter(scores))
    assert scores[deciding] <= fraction * scores[f"baseline_{deciding}"]


def test_every_default_model_has_committed_scores() -> None:
    assert {path.stem for path in SCORES.iterdir()} == set(MODELS)


def test_committed_scores_have_at_most_five_keys_and_the_deciding_one_is_the_first() -> None:
    for path in SCORES.iterdir():
        keys = list(read(path))
        assert keys[0] in ("mae_px", "rmse_px")  # by the metric of the data set's competition
        assert len(keys) <= 5
