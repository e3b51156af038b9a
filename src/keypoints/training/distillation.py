"""Knowledge distillation: the predictions of a trained network are a second target.

Source: Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from keypoints.config.messages import SettingsError
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import load_model


@dataclass(frozen=True)
class Teacher:
    """A trained network that is not updated."""

    network: LandmarkNetwork  # in evaluation mode
    size: tuple[int, int]  # height and width of its input, px
    weight: float  # of its predictions relative to the labels, 0..1

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Predict landmarks_unit, (n, n_points, 2), for images of any size."""
        if images.shape[-2:] != self.size:
            images = functional.interpolate(images, self.size, mode="bilinear", antialias=True)
        return self.network(images).float()


def load_teacher(path: Path, student: ModelInfo) -> Teacher:
    """Load the teacher of a model.

    Raises:
        SettingsError: If the two models do not predict the same points in the same box.
        ModelFileError: If the file cannot be used.
    """
    trained = load_model(path)
    task, own = trained.info.task, student.task
    for name, theirs, ours in (
        ("scheme", trained.info.scheme, student.scheme),
        ("points", task.points, own.points),
        ("colour", task.colour, own.colour),
        ("box_scale", task.box_scale, own.box_scale),
        ("aspect ratio", task.width / task.height, own.width / own.height),
    ):
        if theirs != ours:
            raise SettingsError(
                f"teacher {path.name}: its {name} is {theirs}, that of {student.name} is {ours}; "
                "choose a teacher that predicts the same points in the same box"
            )
    return Teacher(trained.network, task.input_size, student.model.distill_weight)
