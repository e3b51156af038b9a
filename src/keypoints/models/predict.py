"""Model files with their weights, and predictions of trained networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map, invert
from keypoints.core.types import Array
from keypoints.crops.batches import BatchLoader, to_input
from keypoints.crops.format import CropFormat
from keypoints.models.build import build_network
from keypoints.models.checkpoint import (
    LOAD_ERRORS,
    SETTINGS,
    ModelFileError,
    ModelInfo,
    model_file_error,
    parse_info,
)
from keypoints.models.network import LandmarkNetwork

_INITIALIZERS = (  # of Tensor and torch.nn.init
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
)


@dataclass(frozen=True)
class TrainedModel:
    """A trained network and the settings that it was trained with."""

    network: LandmarkNetwork
    info: ModelInfo


def save_model(path: Path, network: nn.Module, info: ModelInfo) -> None:
    """Write weights and settings as one safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    # `save_file` would create a file that only its owner can read.
    path.write_bytes(save(weights, metadata={SETTINGS: info.model_dump_json()}))


def load_model(path: Path) -> TrainedModel:
    """Read a model file with weights in single or half precision; the network is in eval mode.

    Raises:
        ModelFileError: If the file is missing, damaged, or not a model of this project.
    """
    try:
        with safe_open(path, "pt") as file:
            info = parse_info(file.metadata() or {})
            weights = {name: _to_float32(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        with _WithoutInitialWeights():
            with torch.device("meta"):  # compares the shapes before any memory is allocated
                _check_weights(weights, _build(info))
            network = _build(info)
        network.load_state_dict(weights)
    except (*LOAD_ERRORS, SafetensorError, PipelineError) as error:
        raise model_file_error(path, error) from error
    return TrainedModel(network.eval(), info)


class _WithoutInitialWeights(TorchFunctionMode):
    """Leave the memory of new weights as it is: random numbers for them take most of the time."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever the function returns
        """Skip the functions that draw random numbers in place."""
        if getattr(func, "__name__", "") in _INITIALIZERS:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def _to_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _build(info: ModelInfo) -> LandmarkNetwork:
    return build_network(info.model, info.task, len(info.points), seed=info.seed)


def _check_weights(weights: dict[str, Tensor], network: nn.Module) -> None:
    expected = network.state_dict()
    for name in sorted(expected.keys() ^ weights.keys()):
        raise ValueError(f"{name} is {'missing' if name in expected else 'unknown'}")
    for name, value in weights.items():
        found, wanted = (
            f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
            for tensor in (value, expected[name])
        )
        if found != wanted:
            raise ValueError(f"{name} is {found}, but its settings require {wanted}")
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} has a value that is not finite")


def check_compatible(trained: TrainedModel, name: str, format_: CropFormat) -> None:
    """Check that a model file contains the model `name`, trained on crops of a format.

    Raises:
        ModelFileError: If it contains another model, or the crops have another format.
    """
    info, remedy = trained.info, f"run `dvc repro train@{name}`"
    if info.name != name:
        raise ModelFileError(f"model {name}: its file has {info.name}; {remedy}")
    for key, stored in asdict(format_).items():
        own = info.scheme if key == "scheme" else getattr(info.task, key)
        if own != stored:
            raise ModelFileError(
                f"model {name}: trained on crops of {key} {own}; those of task {info.model.task} "
                f"have {stored}; {remedy}"
            )


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a network, in the order of the batches' rows."""

    landmarks_unit: NDArray[np.float32]  # predicted, (n_faces, n_points, 2)
    target_unit: NDArray[np.float32]  # annotated, NaN where unknown, (n_faces, n_points, 2)
    photo_to_unit: Array  # maps from the photos to 0..1 of the input, (n_faces, 2, 3)

    @property
    def landmarks_photo(self) -> Array:
        """Predicted landmarks in photo pixels, (n_faces, n_points, 2)."""
        return apply_map(invert(self.photo_to_unit), self.landmarks_unit.astype(float))


@torch.inference_mode()
def predict(network: nn.Module, batches: BatchLoader, device: torch.device) -> Predictions:
    """Predict all faces of the batches, in float32 on every device."""
    network.eval()
    outputs, targets, maps = [], [], []
    for batch in batches.epoch():
        outputs.append(network(to_input(batch, device)))
        targets.append(batch.landmarks_unit)
        maps.append(batch.photo_to_unit)
    return Predictions(
        torch.cat(outputs).cpu().numpy(), np.concatenate(targets), np.concatenate(maps)
    )
