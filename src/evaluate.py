"""Score one model on its validation faces: `python src/evaluate.py MODEL`."""

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints import layout
from keypoints.batches import Batches
from keypoints.command import run_stage
from keypoints.crops import CropStore
from keypoints.devices import choose_device
from keypoints.figures import face_sheet
from keypoints.geometry import apply_map
from keypoints.inference import Predictions, TrainedSettings, check_fit, load_model
from keypoints.landmarks import SCHEMES
from keypoints.metrics import mean_squared_error
from keypoints.predictions import predict_twice, write_predictions
from keypoints.scores import ced_table, face_errors, summarize
from keypoints.settings import read_params
from keypoints.stopwatch import recorded

SHOWN = 8  # faces on a sheet


def evaluate(name: str) -> None:
    """Write scores, errors per face, CED curve, predictions, and sheets of good and bad faces."""
    device = choose_device(read_params().device)
    trained = load_model(layout.model_file(name))
    settings = trained.settings
    with CropStore(layout.CROPS / settings.model.task) as store:
        check_fit(trained, name, store.format)
        rows = store.rows("validation")
        batches = Batches(store, rows, settings.points, batch_size=settings.model.batch_size)
        predictions, both = predict_twice(trained, batches, device)
        errors = face_errors(
            store.faces(rows),
            predictions.landmarks_photo,
            store.landmarks_photo[rows],
            scheme=SCHEMES[settings.scheme],
            points=settings.points,
        )
        _write_tables(name, predictions, errors)
        write_predictions(name, "validation", both)
        by_error = np.argsort(errors["nme"].to_numpy(), kind="stable")
        for kind, chosen in (("good", by_error[:SHOWN]), ("bad", by_error[::-1][:SHOWN])):
            _draw_sheet(kind, chosen, store, rows, predictions, errors, settings)


def _write_tables(name: str, predictions: Predictions, errors: pd.DataFrame) -> None:
    mse = mean_squared_error(predictions.landmarks_unit, predictions.target_unit)
    scores = summarize(errors, mse=mse)
    layout.fresh(layout.SCORES / f"{name}.json").write_text(json.dumps(scores, indent=2) + "\n")
    for folder, table in (
        (layout.FACES, errors),
        (layout.CED, ced_table(errors["nme"].to_numpy())),
    ):
        table.to_csv(layout.fresh(folder / f"{name}.csv"), index=False, float_format="%.6g")
    print(f"{name}: " + ", ".join(f"{key} {scores[key]:.5g}" for key in ("mse", "mae_px", "nme")))


def _draw_sheet(
    kind: str,
    chosen: NDArray[np.integer],
    store: CropStore,
    rows: NDArray[np.integer],
    predictions: Predictions,
    errors: pd.DataFrame,
    settings: TrainedSettings,
) -> None:
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
