"""Learn a correction of a model's shapes from its training faces: `python src/calibrate.py MODEL`.

It is what an ensemble takes that is `calibrated`, one of a single member too. cross.py learns the
same from faces that were held out, which is sounder, and takes five trainings.
"""

import numpy as np

from keypoints import layout
from keypoints.command import run_stage
from keypoints.crops.store import CropStore
from keypoints.devices import choose_device
from keypoints.inference import check_fit, load_model
from keypoints.prediction.calibration import CalibrationError, fit_calibrator, has_shape
from keypoints.prediction.saved import ONCE, predict_faces
from keypoints.settings.params import read_params
from keypoints.stopwatch import recorded


def calibrate(name: str) -> None:
    """Predict the training faces as test faces are predicted, and keep what corrects them best."""
    params = read_params()
    trained = load_model(layout.model_file(name))
    settings = trained.settings
    points = settings.points
    if not has_shape(points):
        raise CalibrationError(f"{name}: too few points to have a shape: {len(points)}")
    device, at_test = choose_device(params.device), params.at_test.get(name, ONCE)
    with CropStore(layout.CROPS / settings.model.task) as store:
        check_fit(trained, name, store.format)
        rows = store.rows("train")
        rows = rows[np.isfinite(store.landmarks_photo[rows]).all(axis=(1, 2))]
        target = store.landmarks_photo[rows][:, list(points)]
        _, predicted = predict_faces(trained, store, rows, device, at_test)
        groups = store.faces(rows)["group"].tolist()
    calibrator = fit_calibrator(predicted.landmarks_photo, target, groups)
    calibrator.save(layout.fresh(layout.calibrator_file(name)))


if __name__ == "__main__":
    run_stage(recorded("calibrate", calibrate), __doc__)
