"""The committed scores: those of the default run."""

import json
from pathlib import Path
from typing import Any

import pytest
from workspace import MODELS, ROOT

SCORES = ROOT / "metrics/scores"
NOT_YET = pytest.mark.xfail(strict=True, reason="trained on too few faces")


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@pytest.mark.parametrize(
    "model",
    [
        "nose_net",
        "face_net",
        pytest.param("resnet18", marks=NOT_YET),
        pytest.param("kaggle15_net", marks=NOT_YET),
    ],
)
def test_a_default_network_has_at_most_half_the_error_of_the_mean_shape(model: str) -> None:
    scores = read(SCORES / f"{model}.json")
    assert scores["mae_px"] <= 0.5 * scores["baseline_mae_px"]


def test_every_default_model_has_committed_scores_of_at_most_five_keys() -> None:
    assert {path.stem for path in SCORES.iterdir()} == set(MODELS)
    for path in SCORES.iterdir():
        keys = list(read(path))
        assert keys[0] == "mae_px"
        assert len(keys) <= 5
