"""A trained network as one ONNX file: bytes of crops in, points in parts of the crop out."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from keypoints.inference import Trained
from keypoints.onnx_predictor import CROPS, LANDMARKS, SETTINGS

OPSET = 18  # of ONNX; what onnxruntime has taken since 2023


class FromBytes(nn.Module):
    """A network with the way from bytes to its input, normalisation included.

    Args:
        network: From (n, channels, height, width), 0..1, to landmarks_unit.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> Tensor:
        """Predict landmarks.

        Args:
            crops: (n, height, width, channels) uint8, red, green and blue or grey.

        Returns:
            landmarks_unit, (n, n_points, 2).
        """
        return self.network(crops.permute(0, 3, 1, 2).float() / 255)


def write_onnx(path: Path, trained: Trained) -> None:
    """Export a model, with its settings in the file's metadata."""
    task = trained.settings.task
    # Two faces: torch takes a batch of one for a constant.
    crops = torch.zeros(2, task.height, task.width, task.channels, dtype=torch.uint8)
    network = FromBytes(trained.network).eval()
    with _quietly():
        program = torch.onnx.export(
            network,
            (crops,),
            input_names=[CROPS],
            output_names=[LANDMARKS],
            dynamic_shapes={CROPS: {0: torch.export.Dim("faces", min=1)}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None, "torch exports in memory where no file is given"
    model = program.model_proto
    onnx.helper.set_model_props(model, {SETTINGS: trained.settings.model_dump_json()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter tells of its own deprecated parts, which no user can mend."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)
