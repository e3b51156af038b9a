"""Predict the test faces and write the Kaggle CSV: `python src/submit.py MODEL`."""

from keypoints.competition.base import load_submission_spec
from keypoints.competition.registry import competition_of
from keypoints.competition.submission import write_validated
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.timing import timed
from keypoints.crops.store import CropStore
from keypoints.core.devices import choose_device
from keypoints.models.predict import check_compatible, load_model
from keypoints.prediction.tta import NO_TTA, predict_faces, write_predictions


def submit(name: str) -> None:
    """Write submissions/MODEL.csv, read it back as the competition will, keep the predictions."""
    params = read_params()
    device = choose_device(params.device)
    trained = load_model(paths.model_file(name))
    settings = trained.settings
    competition = competition_of(settings.task.dataset, preferred=params.competition)
    asked = load_submission_spec(competition, paths.CROPS / settings.model.task)
    with CropStore(paths.CROPS / settings.model.task) as store:
        check_compatible(trained, name, store.format)
        rows = store.rows("test")
        at_test = params.at_test.get(name, NO_TTA)
        both = predict_faces(trained, store, rows, device, at_test)[1]
    write_validated(paths.submission_file(name), both.landmarks_photo, asked)
    write_predictions(name, "test", both)


if __name__ == "__main__":
    run_stage(timed("submit", submit), __doc__)
