"""Section of the competitions: submission files, and the log of past submissions."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from keypoints.competition.base import SubmissionSpec, submission_spec_for
from keypoints.competition.submission import SubmissionError, read_submission
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.hashing import sha256_of
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

_METRICS = {"mae_px": "mean absolute error", "rmse_px": "root mean square error"}
_DIGEST = re.compile(r"[0-9a-f]{32,}")


def kaggle_section(
    params: Params, tasks: list[TaskRun], test_scores: Mapping[str, float]
) -> Section:
    """Describe the submission file of every model that has one, with its test score if known."""
    submissions, skipped = [], []
    for model in [model for task in tasks for model in task.models]:
        path = paths.submission_file(model.name)
        if path.is_file():
            try:
                spec = submission_spec_for(model.name, params)
            except PipelineError as error:
                skipped.append(f"{path}: {error}")
            else:
                score = {"test_score": test_scores.get(model.name)}
                submissions.append(_check(model, path, spec) | score)
    columns, rows = _read_log()
    body = render(
        "kaggle.html", submissions=submissions, skipped=skipped, columns=columns, log=rows
    )
    return Section("kaggle", "Kaggle", body)


def _check(model: ModelRun, path: Path, spec: SubmissionSpec) -> dict[str, object]:
    """The content of a submission file, and the first error in its format."""
    try:
        read_submission(path, spec)
        problem = None
    except SubmissionError as error:
        problem = str(error)
    content, metric = path.read_bytes(), spec.competition.metric.name
    return {
        "model": model,
        "competition": spec.competition,
        "path": path,
        "rows": content.count(b"\n") - 1,
        "size": len(content),
        "sha256": sha256_of(path),
        "problem": problem,
        "metric": _METRICS[metric],
        "validation_score": model.scores[metric],
    }


def _read_log() -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the submission log, the latest row first, with digests shortened."""
    if not paths.SUBMISSION_LOG.is_file():
        return [], []
    with paths.SUBMISSION_LOG.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    shortened = [[_DIGEST.sub(lambda m: m[0][:10], cell) for cell in row] for row in rows]
    return [column.replace("_", " ") for column in header], shortened[::-1]
