"""Write the score table, the stages' times and the page of the run: `python src/report.py`.

In contenders/, `python ../src/report.py` describes the models that have been trained.
"""

import sys

from keypoints.competition.base import submission_spec_for
from keypoints.competition.local_score import LocalScore, score
from keypoints.competition.submission import read_submission
from keypoints.competition.test_labels import find_test_labels, read_test_labels
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import error_message, run_stage
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import has_predictions, read_info, read_predictions
from keypoints.evaluation.scores import baseline_list, read_scores, score_table, scored_names

COLUMNS = ("task", "mae_px", "baseline_mae_px", "rmse_px", "nme", "nme_median", "fr8", "auc8")


def report() -> None:
    """Write report/: the scores of the models in params.yaml, the stages' times, the page."""
    params = read_params()
    names = scored_names(params.names("models"))
    scores = {}
    for name in names:
        try:
            scores[name] = read_scores(name) | {"task": read_info(name).task}
        except (OSError, PipelineError) as error:  # the page shows it, too
            print(f"warning: {name} is left out: {error_message(error)}", file=sys.stderr)
    table = f"{score_table(scores, COLUMNS)}\n{baseline_list(scores)}"
    paths.replace_output(paths.REPORT / "scores.md").write_text(
        "# Scores on the validation faces\n\n"
        f"{table}\n"
        "`_px` in photo pixels; the baseline predicts the mean shape of the training faces for "
        "every face; NME divided by the inter-ocular distance (outer eye corners) or, if the faces "
        "are of several kinds, by the inter-pupil distance; fr8 and auc8 at an NME of 0.08.\n",
        encoding="utf-8",
    )
    # Late imports: the score table needs neither torch nor Matplotlib.
    from keypoints.report.page import build_page
    from keypoints.report.timings import times_table

    paths.replace_output(paths.REPORT / "times.html").write_text(
        times_table(params), encoding="utf-8"
    )
    test_scores, unscored = _test_scores(params)
    page = build_page(params, test_scores=test_scores, unscored=unscored)
    paths.replace_output(paths.REPORT / "index.html").write_text(page, encoding="utf-8")
    print(table)
    print(f"{paths.REPORT / 'index.html'}: page of the run, {len(page):,} characters")


def _test_scores(params: Params) -> tuple[dict[str, LocalScore], list[str]]:
    """Score of each model whose test labels are on disk; no stage selects a model by it.

    It is that of the submission or, without one, of the predictions.

    Returns:
        The scores by the names of the models, and the problems of damaged labels.
    """
    scores, unscored = {}, dict[str, None]()
    for name in scored_names(params.names("models")):
        path = paths.submission_file(name)
        if path.is_file() or has_predictions(name, "test"):
            try:
                spec = submission_spec_for(name, params)
                root = paths.RAW / spec.competition.dataset
                if find_test_labels(spec, root) is None:
                    continue
                try:
                    labels = read_test_labels(spec, root)
                except PipelineError as error:
                    unscored[f"test score of {spec.competition.slug}: {error}"] = None
                    continue
                predicted = (
                    read_submission(path, spec)
                    if path.is_file()
                    else read_predictions(name, "test").landmarks_photo
                )
                if predicted.shape == spec.shape:
                    scores[name] = score(predicted, labels, spec)
            except (OSError, PipelineError):
                continue  # the page shows the reason
    return scores, [*unscored]


if __name__ == "__main__":
    run_stage(report, __doc__)
