"""Score predictions of the validation faces: `python src/evaluate.py NAME`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map
from keypoints.core.predictions import read_info, read_predictions
from keypoints.core.timing import timed
from keypoints.core.types import Array
from keypoints.crops.store import CropStore
from keypoints.evaluation.scores import score_rows, write_scores

if TYPE_CHECKING:
    import pandas as pd

N_SHOWN = 8  # faces of a figure


def evaluate(name: str) -> None:
    """Write scores, errors per face, the CED curve, and figures of good and bad faces.

    Args:
        name: Name of the predictions: a model, a corrected model or an ensemble.
    """
    info = read_info(name)
    predicted = read_predictions(name, "validation").landmarks_photo
    with CropStore(paths.CROPS / info.task) as store:
        rows = store.rows("validation")
        if len(rows) != len(predicted):
            raise PipelineError(
                f"predictions {name}: {len(predicted)} validation faces; task {info.task} has "
                f"{len(rows)}; run `dvc repro`"
            )
        errors, mse = score_rows(store, rows, predicted, info.points)
        write_scores(name, errors, mse=mse)
        target = store.landmarks_photo[rows][:, list(info.points)]
        by_error = np.argsort(errors["nme"].to_numpy(), kind="stable")
        for kind, faces in (("good", by_error[:N_SHOWN]), ("bad", by_error[::-1][:N_SHOWN])):
            file, landmarks = f"{name}_{kind}.png", (target[faces], predicted[faces])
            title = f"{name}, {kind} validation faces: annotated in green, predicted in red"
            _write_figure(file, store, rows[faces], landmarks, errors.iloc[faces], title=title)


def _write_figure(
    file: str,
    store: CropStore,
    rows: NDArray[np.integer],
    landmarks_photo: tuple[Array, Array],
    errors: "pd.DataFrame",
    *,
    title: str,
) -> None:
    from PIL import Image  # OpenCV and Pillow load after the scores are printed

    from keypoints.evaluation.drawing import comparison_tile, tile_grid

    target_crop, predicted_crop = (
        apply_map(store.photo_to_crop[rows], points) for points in landmarks_photo
    )
    faces = zip(store.crops[rows], target_crop, predicted_crop, strict=True)
    figure = tile_grid(
        [comparison_tile(*face) for face in faces],
        [f"{face.face}: {face.mae_px:.1f} px" for face in errors.itertuples()],
        columns=4,
        title=title,
    )
    Image.fromarray(figure).save(paths.replace_output(paths.FIGURES / file))


if __name__ == "__main__":
    run_stage(timed("evaluate", evaluate), __doc__)
