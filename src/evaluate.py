"""Score predictions of the validation faces: `python src/evaluate.py NAME`."""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map
from keypoints.core.landmarks import SCHEMES
from keypoints.core.predictions import read_info, read_predictions
from keypoints.core.timing import timed
from keypoints.core.types import Array
from keypoints.crops.store import CropStore
from keypoints.evaluation.baseline import predict_mean_shape
from keypoints.evaluation.drawing import comparison_tile, tile_grid
from keypoints.evaluation.kinds import read_kind_weights
from keypoints.evaluation.scores import score_both_views, score_rows, write_scores

N_SHOWN = 8  # faces of a figure


def evaluate(name: str) -> None:
    """Write scores, errors per face, the CED curve, and figures of good and bad faces."""
    info = read_info(name)
    predictions = read_predictions(name, "validation")
    predicted = predictions.landmarks_photo
    with CropStore(paths.CROPS / info.task) as store:
        rows = store.rows("validation")
        if len(rows) != len(predicted):
            raise PipelineError(
                f"predictions {name}: {len(predicted)} validation faces; task {info.task} has "
                f"{len(rows)}; run `dvc repro`"
            )
        errors, mse, views = score_both_views(store, rows, predictions, info.points)
        mean_shape = predict_mean_shape(store, rows, info.points)
        baseline, _ = score_rows(store, rows, mean_shape, info.points)
        weights = read_kind_weights(paths.CROPS / info.task, SCHEMES[store.format.scheme])
        write_scores(name, errors, mse=mse, views=views, baseline=baseline, kind_weights=weights)
        target = store.landmarks_photo[rows][:, list(info.points)]
        landmarks = np.stack([target, np.where(np.isnan(target), np.nan, predicted)])
        by_error = np.argsort(errors["nme"].to_numpy(), kind="stable")
        for kind, faces in (("good", by_error[:N_SHOWN]), ("bad", by_error[::-1][:N_SHOWN])):
            title = f"{name}, {kind} validation faces: annotated in green, predicted in red"
            figure = _draw(store, rows[faces], landmarks[:, faces], errors.iloc[faces], title)
            figure.save(paths.replace_output(paths.FIGURES / f"{name}_{kind}.png"))


def _draw(
    store: CropStore,
    rows: NDArray[np.integer],
    landmarks_photo: Array,  # annotated and predicted, (2, n_faces, n_points, 2)
    errors: pd.DataFrame,
    title: str,
) -> Image.Image:
    target_crop, predicted_crop = apply_map(store.photo_to_crop[rows], landmarks_photo)
    faces = zip(store.crops[rows], target_crop, predicted_crop, strict=True)
    tiles = [comparison_tile(*face) for face in faces]
    captions = [f"{face.face}: {face.mae_px:.1f} px" for face in errors.itertuples()]
    return Image.fromarray(tile_grid(tiles, captions, columns=4, title=title))


if __name__ == "__main__":
    run_stage(timed("evaluate", evaluate), __doc__)
