"""A trained network as one ONNX file: bytes of crops in, points in parts of the crop out."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from keypoints.annotation.onnx_predictor import CROPS, LANDMARKS, WEIGHTS, digest_of
from keypoints.models.checkpoint import SETTINGS
from keypoints.models.predict import TrainedModel

OPSET = 18  # of ONNX; what onnxruntime has taken since 2023


class WithPreprocessing(nn.Module):
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


def write_onnx(path: Path, trained: TrainedModel, *, of: Path | None = None) -> None:
    """Export a model, with its settings in the file's metadata.

    Args:
        path: Of the export; its folder is made.
        trained: The model.
        of: Its file, whose digest the export then carries.
    """
    task = trained.settings.task
    # Two faces: torch takes a batch of one for a constant.
    crops = torch.zeros(2, task.height, task.width, task.channels, dtype=torch.uint8)
    network = WithPreprocessing(trained.network).eval()
    with _quietly():
        program = torch.onnx.export(
            network,
            (crops,),
            input_names=[CROPS],
            output_names=[LANDMARKS],
            dynamic_shapes={CROPS: {0: torch.export.Dim("faces", min=1)}},
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # which folds norms into weights: half precision holds them no more
            verbose=False,
        )
    assert program is not None, "torch exports in memory where no file is given"
    model = program.model_proto
    onnxscript.optimizer.fold_constants(model)
    onnxscript.optimizer.remove_unused_nodes(model)
    _strip_metadata(model.graph)
    _halve_where_exact(model.graph)
    record = {SETTINGS: trained.settings.model_dump_json()}
    onnx.helper.set_model_props(model, record | ({WEIGHTS: digest_of(of)} if of else {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def _strip_metadata(graph: onnx.GraphProto) -> None:
    """The exporter notes which lines of which files on this machine made a node."""
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _halve_where_exact(graph: onnx.GraphProto) -> None:
    """Keep weights in half precision where none is changed; they are widened as it is loaded."""
    for weights in list(graph.initializer):
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32:
            continue
        halves = values.astype(np.float16)
        if not np.array_equal(halves, values):
            continue
        half = f"{weights.name}_half"
        widen = onnx.helper.make_node("Cast", [half], [weights.name], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, widen)
        weights.CopyFrom(onnx.numpy_helper.from_array(halves, half))


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
