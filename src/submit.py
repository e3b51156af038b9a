"""Predict the test faces and write the Kaggle CSV: `python src/submit.py MODEL`."""

from keypoints import layout
from keypoints.batches import Batches
from keypoints.command import run_stage
from keypoints.crops import CropStore
from keypoints.devices import choose_device
from keypoints.inference import load_model, predict
from keypoints.settings import read_params
from keypoints.submission import SubmissionError, read_submission, write_submission


def submit(name: str) -> None:
    """Write submissions/MODEL.csv, and read it back as the competition will."""
    device = choose_device(read_params().device)
    trained = load_model(layout.model_file(name))
    settings = trained.settings
    path = layout.submission_file(name)
    with CropStore(layout.CROPS / settings.model.task) as store:
        rows = store.rows("test")
        if not len(rows):
            raise SubmissionError(f"{path}: task {settings.model.task} has no test faces")
        batches = Batches(store, rows, settings.points, batch_size=settings.model.batch_size)
        landmarks_photo = predict(trained.network.to(device), batches, device).landmarks_photo
    unchecked = layout.fresh(path.with_suffix(".unchecked"))
    write_submission(unchecked, landmarks_photo)
    read_submission(unchecked, n_faces=len(rows), n_points=len(settings.points))
    unchecked.replace(path)
    print(f"{path}: {len(rows)} faces, {landmarks_photo.size:,} rows")


if __name__ == "__main__":
    run_stage(submit, __doc__)
