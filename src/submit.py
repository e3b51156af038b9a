"""Write the Kaggle CSV of some predictions: `python src/submit.py NAME`."""

from keypoints.competition.base import submission_spec_for
from keypoints.competition.submission import write_validated
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.predictions import read_info, read_predictions
from keypoints.core.timing import timed


def submit(name: str) -> None:
    """Write submissions/NAME.csv, and check it."""
    read_info(name)  # so that missing predictions are an error
    spec = submission_spec_for(name, read_params())
    predictions = read_predictions(name, "test")
    write_validated(paths.submission_file(name), predictions.landmarks_photo, spec)


if __name__ == "__main__":
    run_stage(timed("submit", submit), __doc__)
