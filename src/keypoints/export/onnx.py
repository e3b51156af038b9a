"""Exports trained networks to ONNX: uint8 crops in, landmarks_unit out."""

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

from keypoints.annotation.onnx_predictor import CROPS, LANDMARKS, WEIGHTS
from keypoints.core.hashing import sha256_of
from keypoints.core.paths import atomic_file
from keypoints.models.checkpoint import SETTINGS
from keypoints.models.predict import TrainedModel

OPSET = 18  # supported by onnxruntime since 2023


class WithPreprocessing(nn.Module):
    """Wraps a network of images in 0..1 to take uint8 crops, (n, height, width, channels)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> Tensor:
        """Predict landmarks_unit, (n, n_points, 2)."""
        return self.network(crops.permute(0, 3, 1, 2).float() / 255)


def write_onnx(path: Path, trained: TrainedModel, *, model: Path | None = None) -> None:
    """Export a model, with its settings and the digest of its file `model` in the metadata."""
    task = trained.info.task
    # Two faces, because torch exports a batch size of one as a constant.
    crops = torch.zeros(2, task.height, task.width, task.channels, dtype=torch.uint8)
    network = WithPreprocessing(trained.network).eval()
    with _silence_exporter():
        program = torch.onnx.export(
            network,
            (crops,),
            input_names=[CROPS],
            output_names=[LANDMARKS],
            dynamic_shapes={CROPS: {0: torch.export.Dim("faces", min=1)}},
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # it would fold norms into weights, which float16 then cannot represent
            verbose=False,
        )
    assert program is not None, "torch returns the program if it is given no file"
    exported = program.model_proto
    onnxscript.optimizer.fold_constants(exported)
    onnxscript.optimizer.remove_unused_nodes(exported)
    _strip_metadata(exported.graph)
    _store_as_float16_if_exact(exported.graph)
    metadata = {SETTINGS: trained.info.model_dump_json()}
    if model is not None:
        metadata[WEIGHTS] = sha256_of(model)
    onnx.helper.set_model_props(exported, metadata)
    with atomic_file(path) as temporary:
        temporary.write_bytes(exported.SerializeToString())


def _strip_metadata(graph: onnx.GraphProto) -> None:
    """Remove the file names and line numbers of this machine that the exporter records."""
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _store_as_float16_if_exact(graph: onnx.GraphProto) -> None:
    """Store weights as float16 if that changes no value, with a cast back to float32 on loading."""
    for weights in list(graph.initializer):
        values = onnx.numpy_helper.to_array(weights)
        is_float32 = values.dtype == np.float32
        if is_float32 and np.array_equal(halves := values.astype(np.float16), values):
            half = f"{weights.name}_half"
            cast = onnx.helper.make_node("Cast", [half], [weights.name], to=onnx.TensorProto.FLOAT)
            graph.node.insert(0, cast)
            weights.CopyFrom(onnx.numpy_helper.from_array(halves, half))


@contextlib.contextmanager
def _silence_exporter() -> Iterator[None]:
    """Silence warnings of torch's exporter about its own code, which users cannot fix."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)
