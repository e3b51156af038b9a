"""Score one model on its validation faces: `python src/evaluate.py MODEL`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keypoints import layout
from keypoints.command import run_stage
from keypoints.crops.store import CropStore
from keypoints.devices import choose_device
from keypoints.geometry import apply_map
from keypoints.inference import Predictions, TrainedSettings, check_fit, load_model
from keypoints.landmarks import SCHEMES
from keypoints.prediction.saved import ONCE, predict_faces, write_predictions
from keypoints.scoring.metrics import mean_squared_error
from keypoints.scoring.scores import face_errors, write_tables
from keypoints.settings.params import read_params
from keypoints.stopwatch import recorded

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8  # faces on a sheet


def evaluate(name: str) -> None:
    """Write scores, errors per face, CED curve, predictions, and sheets of good and bad faces."""
    params = read_params()
    device = choose_device(params.device)
    trained = load_model(layout.model_file(name))
    settings = trained.settings
    with CropStore(layout.CROPS / settings.model.task) as store:
        check_fit(trained, name, store.format)
        rows = store.rows("validation")
        at_test = params.at_test.get(name, ONCE)
        predictions, both = predict_faces(trained, store, rows, device, at_test)
        errors = face_errors(
            store.faces(rows),
            predictions.landmarks_photo,
            store.landmarks_photo[rows],
            scheme=SCHEMES[settings.scheme],
            points=settings.points,
        )
        mse = mean_squared_error(predictions.landmarks_unit, predictions.target_unit)
        write_tables(name, errors, mse=mse)
        write_predictions(name, "validation", both)
        by_error = np.argsort(errors["nme"].to_numpy(), kind="stable")
        for kind, chosen in (("good", by_error[:SHOWN]), ("bad", by_error[::-1][:SHOWN])):
            _draw_sheet(kind, chosen, store, rows, predictions, errors, settings)


def _draw_sheet(
    kind: str,
    chosen: NDArray[np.integer],
    store: CropStore,
    rows: NDArray[np.integer],
    predictions: Predictions,
    errors: "pd.DataFrame",
    settings: TrainedSettings,
) -> None:
    from keypoints.figures import face_sheet  # Matplotlib: half a second, after the scores

    photo_to_crop, points = store.photo_to_crop[rows[chosen]], list(settings.points)
    target_photo = store.landmarks_photo[rows[chosen]][:, points]
    face_sheet(
        layout.fresh(layout.PICTURES / f"{settings.name}_{kind}.png"),
        [store.crop(row) for row in rows[chosen]],
        list(apply_map(photo_to_crop, target_photo)),
        list(apply_map(photo_to_crop, predictions.landmarks_photo[chosen])),
        [f"{face.face}: {face.mae_px:.1f} px" for face in errors.iloc[chosen].itertuples()],
        title=f"{settings.name}, {kind} validation faces",
    )


if __name__ == "__main__":
    run_stage(recorded("evaluate", evaluate), __doc__)
