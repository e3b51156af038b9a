"""Cross-validate a model: `python src/cross_validate.py MODEL N`.

Trains the model without each of N folds of its training faces in turn. The predictions MODEL_folds
of a training face are those of the model that was trained without it; of the other faces, the mean
of all N models. The predictions of the training faces are scored as MODEL_oof (out of fold). A
repeated call skips the finished models and continues the training of an interrupted one.
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

import re

import numpy as np
from numpy.typing import NDArray

from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES
from keypoints.core.predictions import (
    LandmarkPredictions,
    PredictionsInfo,
    Split,
    write_predictions,
)
from keypoints.crops.store import CropStore
from keypoints.evaluation.baseline import predict_mean_shape
from keypoints.evaluation.kinds import read_kind_weights
from keypoints.evaluation.scores import (
    read_scores,
    score_both_views,
    score_rows,
    write_scores,
)
from keypoints.models.predict import load_model
from keypoints.prediction.ensemble import combine
from keypoints.prediction.tta import TestTimeAugmentation, predict_faces, read_tta
from keypoints.training.folds import Fold, make_folds
from keypoints.training.run import train_model, training_processes
from keypoints.training.settings import read_train_settings


def cross_validate(name: str, n_folds: str) -> None:
    """Train the models of all folds; write the predictions MODEL_folds, the scores MODEL_oof."""
    if not re.fullmatch(r"\d{1,9}", n_folds) or int(n_folds) < 2:
        raise PipelineError(f"the number of folds should be 2 or more; got {n_folds!r}")
    params = read_params()
    settings = read_train_settings(params, name)
    tta = read_tta(params, name)  # a wrong setting is an error before the training
    with CropStore(paths.CROPS / settings.model.task) as store:
        folds = make_folds(store, int(n_folds))
    with training_processes(params) as group:
        checkpoints = [
            train_model(read_train_settings(params, fold.model_name(name)), params, group)
            for fold in folds
        ]
    if not group.is_main:
        return
    with CropStore(paths.CROPS / settings.model.task) as store:
        info = PredictionsInfo(
            settings.model.task, settings.task.dataset, settings.info(store.format.scheme).points
        )
        predictions, fold_numbers = _predict(name, folds, store, params, tta)
        write_predictions(f"{name}_folds", info, predictions)
        _score(f"{name}_oof", predictions["train"], fold_numbers, info, store)
    for checkpoint in checkpoints:
        checkpoint.discard()


def _predict(
    name: str, folds: list[Fold], store: CropStore, params: Params, tta: TestTimeAugmentation
) -> tuple[dict[Split, LandmarkPredictions], NDArray[np.integer]]:
    """Predictions of each split, in the order of the store, and each training face's fold."""
    device = choose_device(params.read("device", DeviceSetting))
    others: list[Split] = [split for split in ("validation", "test") if len(store.rows(split))]
    held_out, out_of_fold = [], []
    members: dict[Split, dict[str, LandmarkPredictions]] = {split: {} for split in others}
    for fold in folds:
        model = fold.model_name(name)
        trained = load_model(paths.model_file(model))
        held_out.append(fold.split(store)[1])
        out_of_fold.append(predict_faces(trained, store, held_out[-1], device, tta))
        for split in others:
            members[split][model] = predict_faces(trained, store, store.rows(split), device, tta)
    order = np.argsort(np.concatenate(held_out))  # each training face is in exactly one fold
    fold_numbers = np.repeat([fold.number for fold in folds], [len(rows) for rows in held_out])
    arrays = zip(*(vars(faces).values() for faces in out_of_fold), strict=True)
    train = LandmarkPredictions(*(np.concatenate(array)[order] for array in arrays))
    means = {split: combine("mean", models) for split, models in members.items()}
    return {"train": train, **means}, fold_numbers[order]


def _score(
    name: str,
    faces: LandmarkPredictions,
    fold_numbers: NDArray[np.integer],
    info: PredictionsInfo,
    store: CropStore,
) -> None:
    """Write scores of out-of-fold predictions; print their standard deviation between folds.

    The baseline is the mean shape of all training faces, those of the fold included.
    """
    rows, points = store.rows("train"), info.points
    errors, mse, views = score_both_views(store, rows, faces, points)
    baseline, _ = score_rows(store, rows, predict_mean_shape(store, rows, points), points)
    weights = read_kind_weights(paths.CROPS / info.task, SCHEMES[store.format.scheme])
    write_scores(
        name,
        errors,
        mse=mse,
        baseline=baseline,
        views=views,
        folds=fold_numbers,
        kind_weights=weights,
    )
    deviation = read_scores(name)["fold_deviation"]
    shown = ", ".join(f"{key} {value:.4g}" for key, value in deviation.items())
    print(f"{name}: standard deviation of {fold_numbers.max()} folds: {shown}")


if __name__ == "__main__":
    run_stage(cross_validate, __doc__)
