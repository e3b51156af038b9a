"""A trained network as the teacher of another one: what it says of drawn faces is learnt, too.

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
    """A network that no longer learns.

    Attributes:
        network: In evaluation mode.
        size: Height and width of its input, px.
        weight: Of what it says, against what is annotated, 0..1.
    """

    network: LandmarkNetwork
    size: tuple[int, int]
    weight: float

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """The points in images of any size, landmarks_unit, (n, n_points, 2)."""
        if images.shape[-2:] != self.size:
            images = functional.interpolate(images, self.size, mode="bilinear", antialias=True)
        return self.network(images).float()

    def to(self, device: torch.device) -> "Teacher":
        """The same on a device."""
        return Teacher(self.network.to(device), self.size, self.weight)


def load_teacher(path: Path, settings: ModelInfo) -> Teacher:
    """The teacher of a model.

    Args:
        path: A model file of this project.
        settings: Those of the model that is taught.

    Raises:
        SettingsError: If the two do not predict the same points in the same box.
        ModelFileError: If the file cannot be used.
    """
    trained = load_model(path)
    task, own = trained.settings.task, settings.task
    for name, theirs, ours in (
        ("markup", trained.settings.scheme, settings.scheme),
        ("points", task.points, own.points),
        ("colour", task.colour, own.colour),
        ("box_scale", task.box_scale, own.box_scale),
        ("shape", task.width / task.height, own.width / own.height),
    ):
        if theirs != ours:
            raise SettingsError(
                f"teacher {path.name}: its {name} is {theirs}, that of {settings.name} {ours}; "
                "take a teacher that predicts the same points in the same box"
            )
    return Teacher(trained.network.eval(), task.input_size, settings.model.distill_weight)
