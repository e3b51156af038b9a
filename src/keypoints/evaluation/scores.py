"""Scores of predictions: a summary, a row of errors per face, and the CED curve."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.core.predictions import LandmarkPredictions
from keypoints.core.records import damaged_output, read_record, write_record
from keypoints.core.types import Array
from keypoints.crops.mean_shape import photo_to_unit
from keypoints.crops.store import CropStore
from keypoints.evaluation.baseline import baseline_sentence
from keypoints.evaluation.kinds import kinds_of, score_kinds
from keypoints.evaluation.metrics import (
    area_under_ced,
    ced_curve,
    face_norm,
    failure_rate,
    mean_absolute_error,
    normalized_mean_error,
    root_mean_square_error,
)

CED_LEVELS = np.linspace(0, 0.15, 151)  # NME
# Shown by DVC, the first decides; KIND_METRICS if there are several kinds of faces.
METRICS = ("mae_px", "baseline_mae_px", "nme", "rmse_px", "fr8")
KIND_METRICS = ("rmse_px", "baseline_rmse_px", "mae_px", "nme", "fr8")
_SCORES = tuple(sorted({*METRICS} & {*KIND_METRICS}))
_DETAILS = ("baseline_mae_px", "baseline_rmse_px", "baseline_nme", "nme_median", "auc8", "mse")


def per_face_errors(
    table: pd.DataFrame,  # rows of the store's faces.csv
    predicted: Array,  # in photo pixels, (n_faces, len(points), 2)
    target: Array,  # in photo pixels, all points of the scheme, (n_faces, n_points, 2)
    *,
    scheme: Scheme,
    points: tuple[int, ...],
) -> pd.DataFrame:
    """Compute a row of errors per face.

    The columns are face, group, view, norm_px (by which the errors are divided), mae_px, rmse_px,
    nme, and an nme_PART for each part of the face with predicted points. If the scheme has several
    kinds of faces, `kind` and `n_coordinates`, the number of known ones, follow the view.
    """
    norm, all_points = face_norm(target, scheme), target
    target = target[:, list(points)]
    rows = table[["face", "group", "view"]].reset_index(drop=True)
    if scheme.kinds:
        rows["kind"] = kinds_of(all_points, scheme)
        rows["n_coordinates"] = np.isfinite(target).sum(axis=(1, 2))
    rows["norm_px"] = norm
    rows["mae_px"] = mean_absolute_error(predicted, target)
    rows["rmse_px"] = root_mean_square_error(predicted, target)
    rows["nme"] = normalized_mean_error(predicted, target, norm=norm)
    for part, members in scheme.subset_parts(points).items():
        some, annotated = predicted[:, members], target[:, members]
        rows[f"nme_{part}"] = normalized_mean_error(some, annotated, norm=norm)
    return rows


def score_rows(
    store: CropStore, rows: NDArray[np.integer], predicted: Array, points: tuple[int, ...]
) -> tuple[pd.DataFrame, float]:
    """Score predictions in photo pixels, (n_faces, len(points), 2), for rows of a crop store.

    Unknown landmarks do not count.

    Returns:
        Errors from `per_face_errors`, and the mean squared error in 0..1 of the input.
    """
    target = store.landmarks_photo[rows]
    scheme = SCHEMES[store.format.scheme]
    errors = per_face_errors(store.faces(rows), predicted, target, scheme=scheme, points=points)
    map_to_unit = photo_to_unit(store, rows)
    predicted_unit, target_unit = (  # float32, like a network's output
        apply_map(map_to_unit, landmarks).astype(np.float32)
        for landmarks in (predicted, target[:, list(points)])
    )
    return errors, float(np.nanmean((predicted_unit - target_unit) ** 2))


def score_both_views(
    store: CropStore,
    rows: NDArray[np.integer],
    predictions: LandmarkPredictions,
    points: tuple[int, ...],
) -> tuple[pd.DataFrame, float, dict[str, pd.DataFrame]]:
    """Score predictions for rows of a crop store; if there are mirror twins, in both views.

    Half of the test faces of a data set with twins are mirrored. So that the scores of validation
    faces are comparable, the errors of each face are means over its photo and the mirrored photo.

    Returns:
        Errors from `per_face_errors`, the mean squared error in 0..1 of the input, and the errors
        in the views `original` and `mirrored`; no views if the data set has no twins.
    """
    as_is, mse = score_rows(store, rows, predictions.landmarks_photo, points)
    twins = store.faces(rows)["mirrored"].to_numpy()
    if np.isnan(twins).all():
        return as_is, mse, {}
    mirrored, mirrored_mse = score_rows(store, rows, predictions.mirrored_photo, points)
    errors, numbers = as_is.copy(), as_is.columns[as_is.columns.get_loc("norm_px") :]
    errors[numbers] = (as_is[numbers] + mirrored[numbers]) / 2
    errors["rmse_px"] = np.hypot(as_is["rmse_px"], mirrored["rmse_px"]) / np.sqrt(2)
    is_twin = twins == 1
    views = {
        "original": pd.concat([as_is[~is_twin], mirrored[is_twin]]),
        "mirrored": pd.concat([mirrored[~is_twin], as_is[is_twin]]),
    }
    return errors, (mse + mirrored_mse) / 2, views


def summarize(
    rows: pd.DataFrame,
    *,
    mse: float,
    views: Mapping[str, pd.DataFrame] | None = None,
    baseline: pd.DataFrame | None = None,
    folds: NDArray[np.integer] | None = None,
    kind_weights: Mapping[str, float] | None = None,
) -> dict[str, object]:
    """Summarize errors from `per_face_errors`.

    Args:
        rows: The errors.
        mse: Mean squared error in 0..1 of the input.
        views: The errors of each view, if not given by the column `view`.
        baseline: The errors of the mean shape, on the same faces.
        folds: Fold that held out each face; None: the faces are the validation faces.
        kind_weights: Weights of the kinds of faces, whose mixture `rmse_px` then describes.

    Returns:
        `mae_px` and `rmse_px` in photo pixels over all coordinates; `nme`, `nme_median`, `fr8` and
        `auc8` as fractions of the norm; `baseline_mae_px` and so on for the mean
        shape; `mse`; `nme_part` per part of the face; `view` per view; with folds, `fold` per fold
        and `fold_deviation`, the standard deviation between folds.
    """
    mean_errors = partial(_mean_errors, kind_weights=kind_weights)
    nme = rows["nme"].dropna().to_numpy()
    scores: dict[str, object] = {
        **mean_errors(rows),
        "fr8": failure_rate(nme),
        "split": "validation" if folds is None else "out of fold",
        "faces": len(rows),
        "mse": mse,
        "nme_median": float(np.median(nme)),
        "auc8": area_under_ced(nme),
        "nme_part": {c[4:]: float(rows[c].mean()) for c in rows.columns if c.startswith("nme_")},
    }
    if baseline is not None:
        errors = mean_errors(baseline)
        scores |= {f"baseline_{name}": error for name, error in errors.items()}
    views = views or {str(view): group for view, group in rows.groupby("view") if view != 0}
    if views:
        scores["view"] = {view: mean_errors(group) for view, group in views.items()}
    if folds is not None:
        per_fold = {str(fold): mean_errors(group) for fold, group in rows.groupby(folds)}
        deviation = pd.DataFrame(per_fold).std(axis=1).to_dict()
        scores |= {"fold": per_fold, "fold_deviation": deviation}
    return scores


def _mean_errors(rows: pd.DataFrame, kind_weights: Mapping[str, float] | None) -> dict[str, float]:
    mixture = {"rmse_px": score_kinds(rows, kind_weights)["rmse_px"]} if kind_weights else {}
    return {
        "mae_px": float(rows["mae_px"].mean()),
        "rmse_px": float(np.sqrt((rows["rmse_px"] ** 2).mean())),
        "nme": float(rows["nme"].mean()),
        **mixture,
    }


def ced_table(nme: Array) -> pd.DataFrame:
    """CED curve, with the columns nme and fraction (of the faces)."""
    return pd.DataFrame({"nme": CED_LEVELS, "fraction": ced_curve(nme, CED_LEVELS)})


def write_scores(
    name: str,
    rows: pd.DataFrame,
    *,
    mse: float,
    baseline: pd.DataFrame,
    views: Mapping[str, pd.DataFrame] | None = None,
    folds: NDArray[np.integer] | None = None,
    kind_weights: Mapping[str, float] | None = None,
) -> None:
    """Write the result of `summarize`, the errors per face and the CED curve, and print one line.

    `name` is that of the predictions. The METRICS of the summary, or the KIND_METRICS, go to
    metrics/scores/NAME.json, all other values to metrics/details/NAME.json, which with the weights
    of kinds of faces contains the scores of each kind.
    """
    scores: dict[str, Any] = summarize(
        rows, mse=mse, views=views, baseline=baseline, folds=folds, kind_weights=kind_weights
    )
    if kind_weights:
        scores |= score_kinds(rows, kind_weights)
    keys = KIND_METRICS if kind_weights else METRICS
    metrics = {key: scores[key] for key in keys}
    details = {key: value for key, value in scores.items() if key not in keys}
    for folder, values in ((paths.SCORES, metrics), (paths.DETAILS, details)):
        summary = paths.replace_output(folder / f"{name}.json")
        write_record(summary, values)
    ced = ced_table(rows["nme"].dropna().to_numpy())
    for folder, table in ((paths.FACES, rows), (paths.CED, ced)):
        table.to_csv(paths.replace_output(folder / f"{name}.csv"), index=False, float_format="%.6g")
    shown = ", ".join(f"{key} {scores[key]:.4g}" for key in keys[:3])
    sentence = baseline_sentence(*deciding_errors(scores))
    print(f"{name}: {shown}: {sentence}")


def scored_names(names: Iterable[str]) -> list[str]:
    """Those of the names whose predictions have been evaluated.

    Raises:
        PipelineError: If there are none.
    """
    found = [name for name in names if (paths.SCORES / f"{name}.json").is_file()]
    if not found:
        raise PipelineError(f"{paths.SCORES}: no model has been evaluated; run `dvc repro`")
    return found


def read_scores(name: str) -> dict[str, Any]:
    """Read all values that `write_scores` wrote about predictions of that name.

    Raises:
        PipelineError: If a file is damaged, or a value that all scores have is no number.
    """
    values: dict[str, Any] = {}
    for folder, keys in ((paths.SCORES, _SCORES), (paths.DETAILS, _DETAILS)):
        file = folder / f"{name}.json"
        values |= read_record(file)
        for key in keys:
            if not isinstance(values.get(key), int | float):
                raise damaged_output(file, ValueError(f"{key} is {values.get(key)}"))
    return values


def deciding_errors(scores: Mapping[str, Any]) -> tuple[float, float]:
    """The error by which models are compared, and that of the baseline, in photo pixels."""
    error, baseline = (KIND_METRICS if "kind" in scores else METRICS)[:2]
    return scores[error], scores[baseline]


def score_table(scores: dict[str, dict[str, object]], columns: Sequence[str]) -> str:
    """A Markdown table with a row per model."""
    rows = [["model", *columns], ["---"] * (1 + len(columns))]
    rows += [[model, *(_cell(values[c]) for c in columns)] for model, values in scores.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def baseline_list(scores: dict[str, dict[str, Any]]) -> str:
    """A Markdown list with a sentence per model that compares it with the baseline."""
    return "".join(
        f"- {model}: {baseline_sentence(*deciding_errors(values))}\n"
        for model, values in scores.items()
    )


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
