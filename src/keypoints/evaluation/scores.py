"""Scores of predictions: a summary, a row of errors per face, and the CED curve."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.core import paths
from keypoints.core.geometry import apply_map, compose, unit_map
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.core.types import Array
from keypoints.crops.store import CropStore
from keypoints.evaluation.metrics import (
    area_under_ced,
    ced_curve,
    failure_rate,
    inter_ocular,
    mean_absolute_error,
    normalized_mean_error,
)

CED_LEVELS = np.linspace(0, 0.15, 151)  # NME


def per_face_errors(
    table: pd.DataFrame,  # rows of the store's faces.csv
    predicted: Array,  # in photo pixels, (n_faces, len(points), 2)
    target: Array,  # in photo pixels, all points of the scheme, (n_faces, n_points, 2)
    *,
    scheme: Scheme,
    points: tuple[int, ...],
) -> pd.DataFrame:
    """Compute a row of errors per face.

    The columns are face, group, view, inter_ocular_px, mae_px, rmse_px, nme, and an nme_PART for
    each part of the face with predicted points.
    """
    norm = inter_ocular(target, scheme.eye_corners)
    target = target[:, list(points)]
    rows = table[["face", "group", "view"]].reset_index(drop=True)
    rows["inter_ocular_px"] = norm
    rows["mae_px"] = mean_absolute_error(predicted, target)
    rows["rmse_px"] = np.sqrt(((predicted - target) ** 2).mean(axis=(1, 2)))
    rows["nme"] = normalized_mean_error(predicted, target, norm=norm)
    for part, members in scheme.subset_parts(points).items():
        some, annotated = predicted[:, members], target[:, members]
        rows[f"nme_{part}"] = normalized_mean_error(some, annotated, norm=norm)
    return rows


def score_rows(
    store: CropStore, rows: NDArray[np.integer], predicted: Array, points: tuple[int, ...]
) -> tuple[pd.DataFrame, float]:
    """Score predictions in photo pixels, (n_faces, len(points), 2), for rows of a crop store.

    All landmarks of these rows must be known.

    Returns:
        Errors from `per_face_errors`, and the mean squared error in 0..1 of the input.
    """
    target, format_ = store.landmarks_photo[rows], store.format
    scheme = SCHEMES[format_.scheme]
    errors = per_face_errors(store.faces(rows), predicted, target, scheme=scheme, points=points)
    photo_to_input = compose(format_.crop_to_input(), store.photo_to_crop[rows])
    photo_to_unit = compose(unit_map(format_.input_size), photo_to_input)
    predicted_unit, target_unit = (  # float32, like a network's output
        apply_map(photo_to_unit, landmarks).astype(np.float32)
        for landmarks in (predicted, target[:, list(points)])
    )
    return errors, float(np.mean((predicted_unit - target_unit) ** 2))


def summarize(
    rows: pd.DataFrame, *, mse: float, folds: NDArray[np.integer] | None = None
) -> dict[str, object]:
    """Summarize errors from `per_face_errors` as in metrics/scores/NAME.json.

    Args:
        rows: The errors.
        mse: Mean squared error in 0..1 of the input.
        folds: Fold that held out each face; None: the faces are the validation faces.

    Returns:
        `mse`; `mae_px` and `rmse_px` in photo pixels over all coordinates; `nme`, `nme_median`,
        `fr8` and `auc8` as fractions, with the inter-ocular distance as the norm; `nme_part` per
        part of the face; `view` per view of the IMM set; with folds, `fold` per fold and
        `fold_deviation`, the standard deviation between folds.
    """
    nme = rows["nme"].to_numpy()
    scores: dict[str, object] = {
        "split": "validation" if folds is None else "out of fold",
        "faces": len(rows),
        "mse": mse,
        **_mean_errors(rows),
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
        scores["view"] = {str(view): _mean_errors(group) for view, group in views}
    if folds is not None:
        per_fold = {str(fold): _mean_errors(group) for fold, group in rows.groupby(folds)}
        scores["fold"] = per_fold
        scores["fold_deviation"] = pd.DataFrame(per_fold).std(axis=1).to_dict()
    return scores


def _mean_errors(rows: pd.DataFrame) -> dict[str, float]:
    return {
        "mae_px": float(rows["mae_px"].mean()),
        "rmse_px": float(np.sqrt((rows["rmse_px"] ** 2).mean())),
        "nme": float(rows["nme"].mean()),
    }


def ced_table(nme: Array) -> pd.DataFrame:
    """CED curve, with the columns nme and fraction (of the faces)."""
    return pd.DataFrame({"nme": CED_LEVELS, "fraction": ced_curve(nme, CED_LEVELS)})


def write_scores(
    name: str, rows: pd.DataFrame, *, mse: float, folds: NDArray[np.integer] | None = None
) -> None:
    """Write the result of `summarize`, the errors per face and the CED curve, and print one line.

    `name` is that of the predictions.
    """
    scores = summarize(rows, mse=mse, folds=folds)
    summary = paths.replace_output(paths.SCORES / f"{name}.json")
    summary.write_text(json.dumps(scores, indent=2) + "\n")
    for folder, table in ((paths.FACES, rows), (paths.CED, ced_table(rows["nme"].to_numpy()))):
        table.to_csv(paths.replace_output(folder / f"{name}.csv"), index=False, float_format="%.6g")
    print(f"{name}: " + ", ".join(f"{key} {scores[key]:.5g}" for key in ("mse", "mae_px", "nme")))


def score_table(scores: dict[str, dict[str, object]], columns: Sequence[str]) -> str:
    """A Markdown table with a row per model."""
    rows = [["model", *columns], ["---"] * (1 + len(columns))]
    rows += [[model, *(_cell(values[c]) for c in columns)] for model, values in scores.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
