"""The section of the competition: the files to send, and what was sent."""

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keypoints.competition.asking import submission_spec_for
from keypoints.competition.base import Competition, CompetitionError, SubmissionSpec
from keypoints.competition.submission import SubmissionError, read_submission
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

_METRICS = {"mae_px": "the mean absolute error", "rmse_px": "the root mean square error"}
_DIGEST = re.compile(r"[0-9a-f]{32,}")


@dataclass(frozen=True)
class Submission:
    """A model's CSV.

    Attributes:
        model: That predicted.
        competition: That asks for it.
        path: Of the file.
        rows: Below the header.
        size: Bytes.
        sha256: Of the file.
        problem: What the check of the format found; None: nothing.
        test_score: By the competition's metric, where test labels are known and were scored.
    """

    model: ModelRun
    competition: Competition
    path: Path
    rows: int
    size: int
    sha256: str
    problem: str | None
    test_score: float | None

    @property
    def metric(self) -> str:
        """What the competition scores, in words."""
        return _METRICS[self.competition.metric.name]

    @property
    def validation_score(self) -> float:
        """The same of the validation faces."""
        return self.model.scores[self.competition.metric.name]


def kaggle_section(
    params: Params, tasks: list[TaskRun], test_scores: Mapping[str, float]
) -> Section:
    """Tell of every model that has a CSV.

    Args:
        params: Of the run.
        tasks: With their models.
        test_scores: By the name of the model; empty where no test labels were scored.
    """
    submissions, passed_over = [], []
    for model in [model for task in tasks for model in task.models]:
        if not paths.submission_file(model.name).is_file():
            continue
        try:
            asked = submission_spec_for(model.name, params, None)
        except CompetitionError as error:
            passed_over.append(f"{paths.submission_file(model.name)}: {error}")
            continue
        submissions.append(_submission(model, asked, test_scores.get(model.name)))
    columns, sent = _history()
    body = render(
        "kaggle.html",
        submissions=submissions,
        passed_over=passed_over,
        columns=columns,
        sent=sent,
    )
    return Section("kaggle", "Kaggle", body)


def _submission(model: ModelRun, asked: SubmissionSpec, test_score: float | None) -> Submission:
    path = paths.submission_file(model.name)
    content = path.read_bytes()
    try:
        read_submission(path, asked)
        problem = None
    except SubmissionError as error:
        problem = str(error)
    return Submission(
        model=model,
        competition=asked.competition,
        path=path,
        rows=content.count(b"\n") - 1,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        problem=problem,
        test_score=test_score,
    )


def _history() -> tuple[list[str], list[list[str]]]:
    """Columns and rows of what was sent, the latest first; long digests are shortened."""
    if not paths.SUBMISSION_LOG.is_file():
        return [], []
    with paths.SUBMISSION_LOG.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    shortened = [[_DIGEST.sub(lambda m: m[0][:10], cell) for cell in row] for row in rows]
    return [column.replace("_", " ") for column in header], shortened[::-1]
