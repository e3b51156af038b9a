"""Score and submit what several models say together: `python src/ensemble.py ENSEMBLE`.

It takes the members' saved predictions and writes what evaluate and submit write of a model.
"""

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import load_submission_spec
from keypoints.competition.registry import competition_of
from keypoints.competition.submission import write_validated
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.geometry import apply_map, compose, unit_map
from keypoints.core.landmarks import SCHEMES
from keypoints.core.timing import timed
from keypoints.crops.store import CropStore
from keypoints.evaluation.metrics import mean_squared_error
from keypoints.evaluation.scores import per_face_errors, write_scores
from keypoints.models.checkpoint import points_of
from keypoints.prediction.ensemble import combine
from keypoints.prediction.shape_correction import load_calibrator
from keypoints.prediction.tta import LandmarkPredictions, Split, read_predictions, write_predictions


def ensemble(name: str) -> None:
    """Write scores, errors per face, CED curve, predictions, and the CSV where one is asked for."""
    params = read_params()
    task_name = params.model(params.ensemble(name).members[0]).task
    task = params.task(task_name)
    with CropStore(paths.CROPS / task_name) as store:
        scheme = SCHEMES[store.format.scheme]
        points = points_of(task, scheme)
        rows, has_test = store.rows("validation"), len(store.rows("test")) > 0
        predicted = _predicted(name, "validation", params).landmarks_photo
        target = store.landmarks_photo[rows]
        table = store.faces(rows)
        errors = per_face_errors(table, predicted, target, scheme=scheme, points=points)
        mse = _squared_error(store, rows, predicted, target[:, list(points)])
    write_scores(name, errors, mse=mse)
    if has_test:
        competition = competition_of(task.dataset, preferred=params.competition)
        asked = load_submission_spec(competition, paths.CROPS / task_name)
        of_test = _predicted(name, "test", params).landmarks_photo
        write_validated(paths.submission_file(name), of_test, asked)


def _predicted(name: str, split: Split, params: Params) -> LandmarkPredictions:
    """What the members say together, which is also kept."""
    settings = params.ensemble(name)
    members = {member: read_predictions(member, split) for member in settings.members}
    if settings.calibrated:
        of_folds = settings.calibrated == "oof"
        members = {name: _calibrated(name, faces, of_folds) for name, faces in members.items()}
    together = combine(settings.reduce, members)
    write_predictions(name, split, together)
    return together


def _calibrated(member: str, faces: LandmarkPredictions, of_folds: bool) -> LandmarkPredictions:
    correct = load_calibrator(paths.calibrator_file(member, of_folds=of_folds)).apply
    return LandmarkPredictions(correct(faces.landmarks_photo), correct(faces.flipped_photo))


def _squared_error(
    store: CropStore,
    rows: NDArray[np.integer],
    predicted_photo: NDArray[np.floating],
    target_photo: NDArray[np.floating],
) -> float:
    """In 0..1 of the input of the first member's task."""
    size = store.format.height, store.format.width
    crop_to_unit = compose(unit_map(size), store.format.crop_to_input())
    photo_to_unit = compose(crop_to_unit, store.photo_to_crop[rows])
    frames = (apply_map(photo_to_unit, points) for points in (predicted_photo, target_photo))
    return mean_squared_error(*frames)


if __name__ == "__main__":
    run_stage(timed("ensemble", ensemble), __doc__)
