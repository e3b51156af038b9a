"""Predictors that run in torch."""

import numpy as np
import torch
from numpy.typing import NDArray

from keypoints.annotation.predictor import Predictor
from keypoints.models.predict import TrainedModel


def torch_predictor(trained: TrainedModel, device: torch.device) -> Predictor:
    """Move the network of a trained model to a device and wrap it as a predictor."""
    network = trained.network.to(device).to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(255)
        return network(images).cpu().numpy()

    return Predictor(trained.info, run)
