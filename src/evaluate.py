"""Score one model on its validation faces: `python src/evaluate.py MODEL`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.geometry import apply_map
from keypoints.core.landmarks import SCHEMES
from keypoints.core.timing import timed
from keypoints.crops.store import CropStore
from keypoints.evaluation.metrics import mean_squared_error
from keypoints.evaluation.scores import per_face_errors, write_scores
from keypoints.core.devices import choose_device
from keypoints.models.predict import ModelInfo, Predictions, check_compatible, load_model
from keypoints.prediction.tta import NO_TTA, predict_faces, write_predictions

if TYPE_CHECKING:
    import pandas as pd

N_SHOWN = 8  # faces on a sheet


def evaluate(name: str) -> None:
    """Write scores, errors per face, CED curve, predictions, and sheets of good and bad faces."""
    params = read_params()
    device = choose_device(params.device)
    trained = load_model(paths.model_file(name))
    settings = trained.settings
    with CropStore(paths.CROPS / settings.model.task) as store:
        check_compatible(trained, name, store.format)
        rows = store.rows("validation")
        at_test = params.at_test.get(name, NO_TTA)
        predictions, both = predict_faces(trained, store, rows, device, at_test)
        errors = per_face_errors(
            store.faces(rows),
            predictions.landmarks_photo,
            store.landmarks_photo[rows],
            scheme=SCHEMES[settings.scheme],
            points=settings.points,
        )
        mse = mean_squared_error(predictions.landmarks_unit, predictions.target_unit)
        write_scores(name, errors, mse=mse)
        write_predictions(name, "validation", both)
        by_error = np.argsort(errors["nme"].to_numpy(), kind="stable")
        for kind, chosen in (("good", by_error[:N_SHOWN]), ("bad", by_error[::-1][:N_SHOWN])):
            _draw_sheet(kind, chosen, store, rows, predictions, errors, settings)


def _draw_sheet(
    kind: str,
    chosen: NDArray[np.integer],
    store: CropStore,
    rows: NDArray[np.integer],
    predictions: Predictions,
    errors: "pd.DataFrame",
    settings: ModelInfo,
) -> None:
    from keypoints.evaluation.drawing import (
        face_sheet,  # Matplotlib: half a second, after the scores
    )

    photo_to_crop, points = store.photo_to_crop[rows[chosen]], list(settings.points)
    target_photo = store.landmarks_photo[rows[chosen]][:, points]
    face_sheet(
        paths.replace_output(paths.FIGURES / f"{settings.name}_{kind}.png"),
        [store.crop(row) for row in rows[chosen]],
        list(apply_map(photo_to_crop, target_photo)),
        list(apply_map(photo_to_crop, predictions.landmarks_photo[chosen])),
        [f"{face.face}: {face.mae_px:.1f} px" for face in errors.iloc[chosen].itertuples()],
        title=f"{settings.name}, {kind} validation faces",
    )


if __name__ == "__main__":
    run_stage(timed("evaluate", evaluate), __doc__)
