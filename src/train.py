"""Train a model: `python src/train.py MODEL`.

`python src/train.py MODEL.2of5` trains it without the second of five folds of its training faces.
`torchrun ... src/train.py MODEL` trains it in all processes that torchrun starts.
"""

from keypoints.config.params import read_params
from keypoints.core.cli import run_stage
from keypoints.training.run import train_model, training_processes
from keypoints.training.settings import read_train_settings


def train(name: str) -> None:
    """Train a model; write its weights and its history."""
    params = read_params()
    settings = read_train_settings(params, name)
    with training_processes(params) as group:
        checkpoint = train_model(settings, params, group)
    checkpoint.discard()  # not before all processes have finished: any of them may have to continue


if __name__ == "__main__":
    run_stage(train, __doc__)
