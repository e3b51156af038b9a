"""Predict the test faces and write the Kaggle CSV: `python src/submit.py MODEL`."""

from keypoints import layout
from keypoints.batches import Batches
from keypoints.command import run_stage
from keypoints.competitions import competition_of
from keypoints.competitions.terms import read_asked_faces
from keypoints.crops import CropStore
from keypoints.devices import choose_device
from keypoints.inference import check_fit, load_model
from keypoints.predictions import predict_twice, write_predictions
from keypoints.settings import read_params
from keypoints.stopwatch import recorded
from keypoints.submission import check_submission, write_submission


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
        batches = Batches(store, rows, settings.points, batch_size=settings.model.batch_size)
        both = predict_twice(trained, batches, device)[1]
    path = layout.submission_file(name)
    unchecked = layout.fresh(path.with_suffix(".unchecked"))
    write_submission(unchecked, both.landmarks_photo, asked)
    check_submission(unchecked, asked, shown_as=path)
    unchecked.replace(path)
    write_predictions(name, "test", both)


if __name__ == "__main__":
    run_stage(recorded("submit", submit), __doc__)
