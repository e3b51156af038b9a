"""The scores of a model on its validation faces: one summary, one row per face, one CED curve."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keypoints.core import paths
from keypoints.core.landmarks import Scheme
from keypoints.evaluation.metrics import (
    area_under_ced,
    ced_curve,
    failure_rate,
    inter_ocular,
    mean_absolute_error,
    normalized_mean_error,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.floating]

CED_LEVELS = np.linspace(0, 0.15, 151)  # NME


def per_face_errors(
    table: "pd.DataFrame",
    predicted: Array,
    target: Array,
    *,
    scheme: Scheme,
    points: tuple[int, ...],
) -> "pd.DataFrame":
    """A row of errors per face.

    Args:
        table: Rows of the store's faces.csv, one per face.
        predicted: Predicted points in photo pixels, (n_faces, len(points), 2).
        target: All annotated points of the scheme in photo pixels, (n_faces, n_points, 2).
        scheme: Of the landmarks.
        points: Which of the scheme's points are predicted.

    Returns:
        Columns face, group, view, inter_ocular_px, mae_px, rmse_px, nme, and an nme_PART for each
        part that has predicted points.
    """
    norm = inter_ocular(target, scheme.eye_corners)
    target = target[:, list(points)]
    rows = table[["face", "group", "view"]].reset_index(drop=True)
    rows["inter_ocular_px"] = norm
    rows["mae_px"] = mean_absolute_error(predicted, target)
    rows["rmse_px"] = np.sqrt(((predicted - target) ** 2).mean(axis=(1, 2)))
    rows["nme"] = normalized_mean_error(predicted, target, norm=norm)
    for part, members in scheme.subset_parts(points).items():
        rows[f"nme_{part}"] = normalized_mean_error(
            predicted[:, members], target[:, members], norm=norm
        )
    return rows


def summarize(
    rows: "pd.DataFrame", *, mse: float, folds: NDArray[np.integer] | None = None
) -> dict[str, object]:
    """The scores of metrics/scores/MODEL.json.

    Args:
        rows: From `per_face_errors`.
        mse: Mean squared error in 0..1 of the input.
        folds: In which each face was held out; None: the faces are those of the validation.

    Returns:
        `mse` in squared units of the input; `mae_px` and `rmse_px` in photo pixels over all
        coordinates; `nme`, `nme_median`, `fr8` and `auc8` inter-ocular, as fractions; `nme_part`
        per part of the face; `view` per IMM view, where the set has views; `fold` per fold, and
        `fold_deviation`, how far the folds lie apart.
    """
    nme = rows["nme"].to_numpy()
    scores: dict[str, object] = {
        "split": "validation" if folds is None else "out of fold",
        "faces": len(rows),
        "mse": mse,
        **_summary(rows),
        "nme_median": float(np.median(nme)),
        "fr8": failure_rate(nme),
        "auc8": area_under_ced(nme),
        "nme_part": {
            column.removeprefix("nme_"): float(rows[column].mean())
            for column in rows.columns
            if column.startswith("nme_")
        },
    }
    views = [(view, group) for view, group in rows.groupby("view") if view != 0]
    if views:
        scores["view"] = {str(view): _summary(group) for view, group in views}
    if folds is not None:
        import pandas as pd

        of_fold = {str(fold): _summary(group) for fold, group in rows.groupby(folds)}
        scores["fold"] = of_fold
        scores["fold_deviation"] = pd.DataFrame(of_fold).std(axis=1).to_dict()
    return scores


def _summary(rows: "pd.DataFrame") -> dict[str, float]:
    return {
        "mae_px": float(rows["mae_px"].mean()),
        "rmse_px": float(np.sqrt((rows["rmse_px"] ** 2).mean())),
        "nme": float(rows["nme"].mean()),
    }


def ced_table(nme: Array) -> "pd.DataFrame":
    """The CED curve as columns nme and fraction of the faces."""
    import pandas as pd  # half a second, which the start of a stage does not wait for

    return pd.DataFrame({"nme": CED_LEVELS, "fraction": ced_curve(nme, CED_LEVELS)})


def write_scores(
    name: str, rows: "pd.DataFrame", *, mse: float, folds: NDArray[np.integer] | None = None
) -> None:
    """Write the summary, the errors of each face and the CED curve of a model, and print a line.

    Args:
        name: Of the model.
        rows: From `per_face_errors`.
        mse: Mean squared error in 0..1 of the input.
        folds: In which each face was held out; None: the faces are those of the validation.
    """
    scores = summarize(rows, mse=mse, folds=folds)
    paths.replace_output(paths.SCORES / f"{name}.json").write_text(
        json.dumps(scores, indent=2) + "\n"
    )
    for folder, table in ((paths.FACES, rows), (paths.CED, ced_table(rows["nme"].to_numpy()))):
        table.to_csv(paths.replace_output(folder / f"{name}.csv"), index=False, float_format="%.6g")
    print(f"{name}: " + ", ".join(f"{key} {scores[key]:.5g}" for key in ("mse", "mae_px", "nme")))


def score_table(scores: dict[str, dict[str, object]], columns: Sequence[str]) -> str:
    """A Markdown table with a row per model."""
    header = ["model", *columns]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for model, values in scores.items():
        cells = [model, *(_cell(values[column]) for column in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
