"""Put the folds of a cross-validation together: `python src/cross.py MODEL N`.

The N models are those that `python src/train.py MODEL.KofN` trained. Each predicts the faces that
it has not seen: scores with their spread, and what `calibrate.py MODEL oof` learns from.
"""

import numpy as np
from numpy.typing import NDArray

from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.landmarks import SCHEMES
from keypoints.core.timing import timed
from keypoints.crops.store import CropStore
from keypoints.evaluation.scores import per_face_errors, write_scores
from keypoints.models.checkpoint import points_of
from keypoints.core.devices import choose_device
from keypoints.models.predict import check_compatible, load_model
from keypoints.prediction.tta import NO_TTA, LandmarkPredictions, predict_faces, write_predictions
from keypoints.training.folds import FoldError, folds_of


def cross(name: str, folds: str) -> None:
    """Write scores, errors per face, CED curve and predictions.

    Faces with a point that is not known are predicted, but not scored.
    """
    if not folds.isdecimal() or int(folds) < 2:
        raise FoldError(f"the number of folds should be 2 or more; got {folds!r}")
    params = read_params()
    task = params.model(name).task
    with CropStore(paths.CROPS / task) as store:
        rows = store.rows("train")
        faces, squares, fold_of = _out_of_fold(name, int(folds), store, params)
        scheme = SCHEMES[store.format.scheme]
        points = points_of(params.task(task), scheme)
        target = store.landmarks_photo[rows]
        known = np.isfinite(target).all(axis=(1, 2))
        table = store.faces(rows[known])
        predicted = faces.landmarks_photo[known]
        errors = per_face_errors(table, predicted, target[known], scheme=scheme, points=points)
    mse = float(squares[known].mean())
    write_scores(f"{name}_oof", errors, mse=mse, folds=fold_of[known])
    write_predictions(name, "oof", faces)


def _out_of_fold(
    name: str, n_folds: int, store: CropStore, params: Params
) -> tuple[LandmarkPredictions, NDArray[np.floating], NDArray[np.integer]]:
    """Predictions of the training faces, their mean squared errors in 0..1, and their folds."""
    device = choose_device(params.device)
    at_test = params.at_test.get(name, NO_TTA)
    held_out, plain, mirrored, squares, numbers = [], [], [], [], []
    for fold in folds_of(n_folds):
        trained = load_model(paths.model_file(fold.model_name(name)))
        check_compatible(trained, fold.model_name(name), store.format)
        held_out.append(fold.split(store)[1])
        said, faces = predict_faces(trained, store, held_out[-1], device, at_test)
        plain.append(faces.landmarks_photo)
        mirrored.append(faces.flipped_photo)
        squares.append(((said.landmarks_unit - said.target_unit) ** 2).mean(axis=(1, 2)))
        numbers.append(np.full(len(held_out[-1]), fold.number))
    order = np.argsort(np.concatenate(held_out))  # every row of the training faces, once
    faces = LandmarkPredictions(np.concatenate(plain)[order], np.concatenate(mirrored)[order])
    return faces, np.concatenate(squares)[order], np.concatenate(numbers)[order]


if __name__ == "__main__":
    run_stage(timed("cross", cross), __doc__)
