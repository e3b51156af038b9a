"""Learn a correction of a model's shapes: `python src/calibrate.py MODEL [train | oof]`.

It is what an ensemble takes that is `calibrated`, one of a single member too. train (`calibrated:
true`) learns from what the model says of its training faces; oof (`calibrated: oof`) from what its
folds said of faces that they had not seen (cross.py), which is sounder, and takes five trainings.
"""

import numpy as np
from numpy.typing import NDArray

from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.landmarks import SCHEMES
from keypoints.core.timing import timed
from keypoints.crops.store import CropStore
from keypoints.models.checkpoint import points_of
from keypoints.core.devices import choose_device
from keypoints.models.predict import check_compatible, load_model
from keypoints.prediction.shape_correction import CalibrationError, fit_calibrator, has_shape
from keypoints.prediction.tta import NO_TTA, predict_faces, read_predictions


def calibrate(name: str, faces: str = "train") -> None:
    """Keep what corrects the predictions of the training faces best, those with all points known.

    Args:
        name: Of the model.
        faces: train: predicted now, as test faces are. oof: as the folds predicted them.
    """
    if faces not in ("train", "oof"):
        raise CalibrationError(f"a correction is learnt from train or oof; got {faces!r}")
    params = read_params()
    task = params.model(name).task
    with CropStore(paths.CROPS / task) as store:
        points = points_of(params.task(task), SCHEMES[store.format.scheme])
        if not has_shape(points):
            raise CalibrationError(f"{name}: too few points to have a shape: {len(points)}")
        rows = store.rows("train")
        known = np.isfinite(store.landmarks_photo[rows]).all(axis=(1, 2))
        target = store.landmarks_photo[rows[known]][:, list(points)]
        groups = store.faces(rows[known])["group"].tolist()
        if faces == "oof":
            predicted = read_predictions(name, "oof").landmarks_photo[known]
        else:
            predicted = _predict(name, store, rows[known], params)
    calibrator = fit_calibrator(predicted, target, groups)
    calibrator.save(paths.replace_output(paths.calibrator_file(name, of_folds=faces == "oof")))


def _predict(
    name: str, store: CropStore, rows: NDArray[np.integer], params: Params
) -> NDArray[np.floating]:
    trained = load_model(paths.model_file(name))
    check_compatible(trained, name, store.format)
    device, at_test = choose_device(params.device), params.at_test.get(name, NO_TTA)
    _, predicted = predict_faces(trained, store, rows, device, at_test)
    return predicted.landmarks_photo


if __name__ == "__main__":
    run_stage(timed("calibrate", calibrate), __doc__)
