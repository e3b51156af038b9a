"""Put all scores into one table, and tell the run as a page: `python src/report.py`."""

import json

from keypoints import layout
from keypoints.command import run_stage
from keypoints.page.assembly import build_page
from keypoints.scores import score_table
from keypoints.settings import read_params

COLUMNS = ("task", "mse", "mae_px", "rmse_px", "nme", "nme_median", "fr8", "auc8")


def report() -> None:
    """Write report/scores.md, a row per model of params.yaml, and report/index.html."""
    settings = read_params()
    scores = {
        name: json.loads((layout.SCORES / f"{name}.json").read_text()) | {"task": model.task}
        for name, model in settings.models.items()
    }
    table = score_table(scores, COLUMNS)
    layout.fresh(layout.REPORT / "scores.md").write_text(
        "# Scores on the validation faces\n\n"
        f"{table}\n"
        "`mse` in 0..1 of the network's input; `_px` in photo pixels; NME over the distance of "
        "the outer eye corners; fr8 and auc8 at an NME of 0.08.\n"
    )
    page = build_page(settings)
    layout.fresh(layout.REPORT / "index.html").write_text(page, encoding="utf-8")
    print(table)
    print(f"{layout.REPORT / 'index.html'}: the whole run as a page, {len(page):,} characters")


if __name__ == "__main__":
    run_stage(report, __doc__)
