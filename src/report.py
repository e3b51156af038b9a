"""Put all scores into one table, and tell the run as a page: `python src/report.py`."""

import json

from keypoints.competition.asking import submission_spec_for
from keypoints.competition.base import CompetitionError
from keypoints.competition.local_score import score
from keypoints.competition.submission import SubmissionError, read_submission
from keypoints.competition.test_labels import TruthError, read_test_labels
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.evaluation.scores import score_table

COLUMNS = ("task", "mse", "mae_px", "rmse_px", "nme", "nme_median", "fr8", "auc8")


def report() -> None:
    """Write the scores, a row per model of params.yaml, the times of the stages, and the page."""
    settings = read_params()
    scores = {
        name: json.loads((paths.SCORES / f"{name}.json").read_text()) | {"task": model.task}
        for name, model in settings.models.items()
    }
    table = score_table(scores, COLUMNS)
    paths.replace_output(paths.REPORT / "scores.md").write_text(
        "# Scores on the validation faces\n\n"
        f"{table}\n"
        "`mse` in 0..1 of the network's input; `_px` in photo pixels; NME over the distance of "
        "the outer eye corners; fr8 and auc8 at an NME of 0.08.\n"
    )
    # torch and Matplotlib take seconds, for which the scores do not wait.
    from keypoints.report.page import build_page
    from keypoints.report.timings import times_table

    paths.replace_output(paths.REPORT / "times.html").write_text(times_table(settings))
    page = build_page(settings, test_scores=_test_scores(settings))
    paths.replace_output(paths.REPORT / "index.html").write_text(page, encoding="utf-8")
    print(table)
    print(f"{paths.REPORT / 'index.html'}: the whole run as a page, {len(page):,} characters")


def _test_scores(params: Params) -> dict[str, float]:
    """What each submission would score, where test landmarks are on disk; nobody chooses by it."""
    scores = {}
    for name in params.models:
        path = paths.submission_file(name)
        if path.is_file():
            try:
                asked = submission_spec_for(name, params, None)
                truth = read_test_labels(asked, paths.RAW / asked.competition.dataset)
                scores[name] = score(read_submission(path, asked), truth, asked).score
            except (CompetitionError, TruthError, SubmissionError):
                continue  # the page says so
    return scores


if __name__ == "__main__":
    run_stage(report, __doc__)
