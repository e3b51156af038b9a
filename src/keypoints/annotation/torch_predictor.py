"""A predictor that torch runs, from a trained model."""

import numpy as np
import torch
from numpy.typing import NDArray

from keypoints.annotation.predictor import Predictor
from keypoints.models.predict import TrainedModel


def torch_predictor(trained: TrainedModel, device: torch.device) -> Predictor:
    """Put a trained model's network on a device, ready for crops."""
    settings = trained.settings
    network = trained.network.to(device).to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(255)
        return network(images).cpu().numpy()

    return Predictor(settings.name, settings.crop_format, settings.points, run)
