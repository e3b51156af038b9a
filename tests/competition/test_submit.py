"""`src/submit.py`, and the competition that belongs to a file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from predicted import prepare_wild, write_made_up
from spec import CS194_26

import send
from keypoints.competition.base import submission_spec_for
from keypoints.competition.submission import read_submission
from keypoints.config.params import read_params
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import PredictionsInfo, read_predictions, write_predictions
from submit import submit

OTHER = "facial-keypoints-detection"
TASK = "{{dataset: {}, points: {}, height: 32, width: 32, colour: true, margin: 8, box_scale: 1.3}}"


@pytest.fixture
def pipeline(tmp_path: Path, rendered_ibug: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(prepare_wild(tmp_path, rendered_ibug))
    write_settings()
    return tmp_path


def write_settings(competition: str = CS194_26.slug) -> None:
    tasks = {"nose": TASK.format("ibug", "nose_tip"), "wild": TASK.format("ibug", "all")}
    lines = [f"competition: {competition}", "tasks:"]
    lines += [f"  {name}: {task}" for name, task in tasks.items()]
    Path("params.yaml").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("competition", [CS194_26.slug, OTHER])
def test_the_csv_has_the_predictions_of_the_test_faces(pipeline: Path, competition: str) -> None:
    write_settings(competition)  # the data set of the predictions determines the competition
    write_made_up("best", noise=5)
    submit("best")
    spec = submission_spec_for("best", read_params())
    assert spec.competition is CS194_26
    written = read_submission(Path("submissions/best.csv"), spec)
    predicted = read_predictions("best", "test").landmarks_photo
    np.testing.assert_allclose(written, predicted, atol=5e-4)
    assert len(pd.read_csv("submissions/best.csv")) == 3 * 136


def test_a_file_without_predictions_belongs_to_the_competition_of_the_settings(
    pipeline: Path,
) -> None:
    assert submission_spec_for("by_hand", read_params()).competition is CS194_26
    with pytest.raises(PipelineError, match="no task .* all points of data set kaggle15"):
        submission_spec_for("by_hand", read_params(), OTHER)


def test_a_file_without_predictions_belongs_to_the_competition_with_its_header(
    pipeline: Path,
) -> None:
    write_settings(OTHER)
    spec = submission_spec_for("by_hand", read_params(), header=CS194_26.header)
    assert spec.competition is CS194_26
    with pytest.raises(PipelineError, match="no task .* all points of data set kaggle15"):
        submission_spec_for("by_hand", read_params(), header="other")


def test_a_missing_file_is_named_before_the_test_faces_are_read(pipeline: Path) -> None:
    write_settings(OTHER)
    with pytest.raises(SystemExit, match=r"error: nosuch\.csv: No such file"):
        send.main(["--check", "nosuch.csv"])


def test_a_byte_order_mark_does_not_hide_the_header(pipeline: Path) -> None:
    write_settings(OTHER)
    Path("by_hand.csv").write_text(f"{CS194_26.header}\n", encoding="utf-8-sig")
    with pytest.raises(SystemExit, match=r"by_hand\.csv: begins with a byte order mark"):
        send.main(["--check", "by_hand.csv"])


def test_predictions_of_a_data_set_without_a_competition_are_an_error(pipeline: Path) -> None:
    write_predictions("nose", PredictionsInfo("nose", "imm", (52,)), {})
    with pytest.raises(PipelineError, match="no competition is about test faces of data set imm"):
        submit("nose")


def test_missing_predictions_are_named(pipeline: Path) -> None:
    with pytest.raises(PipelineError, match=r"data/predictions/net/info\.json is missing"):
        submit("net")
