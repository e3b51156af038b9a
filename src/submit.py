"""Predict the test faces and write the Kaggle CSV: `python src/submit.py MODEL`."""

from keypoints import layout
from keypoints.command import run_stage
from keypoints.competitions import competition_of
from keypoints.competitions.terms import read_asked_faces
from keypoints.crops.store import CropStore
from keypoints.devices import choose_device
from keypoints.inference import check_fit, load_model
from keypoints.prediction.saved import ONCE, predict_faces, write_predictions
from keypoints.settings.params import read_params
from keypoints.stopwatch import recorded
from keypoints.submission import write_checked


def submit(name: str) -> None:
    """Write submissions/MODEL.csv, read it back as the competition will, keep the predictions."""
    params = read_params()
    device = choose_device(params.device)
    trained = load_model(layout.model_file(name))
    settings = trained.settings
    competition = competition_of(settings.task.dataset, preferred=params.competition)
    asked = read_asked_faces(competition, layout.CROPS / settings.model.task)
    with CropStore(layout.CROPS / settings.model.task) as store:
        check_fit(trained, name, store.format)
        rows = store.rows("test")
        at_test = params.at_test.get(name, ONCE)
        both = predict_faces(trained, store, rows, device, at_test)[1]
    write_checked(layout.submission_file(name), both.landmarks_photo, asked)
    write_predictions(name, "test", both)


if __name__ == "__main__":
    run_stage(recorded("submit", submit), __doc__)
