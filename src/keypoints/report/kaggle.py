"""Section of the competitions: submission files, and the log of past submissions."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path

from keypoints.competition.base import SubmissionSpec, submission_spec_for
from keypoints.competition.local_score import LocalScore
from keypoints.competition.submission import SubmissionError, read_submission
from keypoints.competition.submission_log import SubmissionRecord, read_history
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.hashing import sha256_of
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

_METRICS = {"mae_px": "mean absolute error", "rmse_px": "root mean square error"}


def kaggle_section(
    params: Params, tasks: list[TaskRun], test_scores: Mapping[str, LocalScore]
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
                test = test_scores.get(model.name)
                score = {"test_score": test.score if test else None}
                submissions.append(_check(model, path, spec) | score)
    try:
        history, log_problem = read_history(), ""
    except PipelineError as error:
        history, log_problem = [], str(error)
    body = render(
        "kaggle.html",
        submissions=submissions,
        skipped=skipped,
        log=history[::-1],
        log_problem=log_problem,
        best=find_best_submissions(history),
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


def find_best_submissions(history: Iterable[SubmissionRecord]) -> list[SubmissionRecord]:
    """The submission of each competition with the lowest private score.

    Without private scores, it is that with the lowest public score; without any, there is none.
    """
    by_competition: dict[str, list[SubmissionRecord]] = {}
    for record in history:
        by_competition.setdefault(record.competition, []).append(record)
    best = []
    for records in by_competition.values():
        for column in ("private_score", "public_score"):
            scored = [record for record in records if getattr(record, column) is not None]
            if scored:
                best.append(min(scored, key=attrgetter(column)))
                break
    return best
