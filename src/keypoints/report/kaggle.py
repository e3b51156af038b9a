"""Section of the competitions: submission files, and the log of past submissions."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
from markupsafe import Markup

from keypoints.competition.base import SubmissionSpec, submission_spec_for
from keypoints.competition.eligibility import find_obstacle
from keypoints.competition.local_score import LocalScore
from keypoints.competition.submission import SubmissionError, read_submission
from keypoints.competition.submission_log import SubmissionRecord, read_history
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.hashing import sha256_of
from keypoints.report.charts import Series, scatter_chart
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

_METRICS = {"mae_px": "mean absolute error", "rmse_px": "root mean square error"}


def kaggle_section(
    params: Params,
    tasks: list[TaskRun],
    test_scores: Mapping[str, LocalScore],
    unscored: Sequence[str],
) -> Section:
    """Describe the submission file of every model that has one, with its test score if known.

    `unscored` contains the reasons why known labels give no score.
    """
    submissions, skipped = [], list(unscored)
    for model in [model for task in tasks for model in task.models]:
        path = paths.submission_file(model.name)
        if path.is_file():
            try:
                spec, test = submission_spec_for(model.name, params), test_scores.get(model.name)
                submissions.append(_check(model, path, spec) | {"test": test})
            except PipelineError as error:
                skipped.append(f"{path}: {error}")
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
        charts=_score_charts(history),
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
        "obstacle": find_obstacle(spec),
        "metric": _METRICS[metric],
        "validation_score": model.scores[metric],
        "validation_interval": model.scores.get("rmse_interval"),
    }


def _score_charts(history: Iterable[SubmissionRecord]) -> dict[str, Markup]:
    """Validation against public score, for each competition with two such submissions."""
    scores: dict[str, list[tuple[float, float]]] = {}
    for record in history:
        if record.validation_score is not None and record.public_score is not None:
            pair = record.validation_score, record.public_score
            scores.setdefault(record.competition, []).append(pair)
    return {
        slug: scatter_chart(
            [Series(slug, *np.array(pairs).T)],
            alt=f"Validation and public scores of {len(pairs)} submissions to {slug}",
            x_label="validation score, px",
            y_label="public score, px",
        )
        for slug, pairs in scores.items()
        if len(pairs) > 1
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
