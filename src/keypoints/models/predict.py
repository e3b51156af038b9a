"""From a trained model's file to predictions in photo pixels."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map, invert
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.store import CropFormat
from keypoints.models.build import build_network
from keypoints.models.checkpoint import (
    SETTINGS,
    ModelFileError,
    ModelInfo,
    invalid_model_error,
    missing_model_error,
    parse_info,
)
from keypoints.core.devices import to_device
from keypoints.models.network import LandmarkNetwork

Array = NDArray[np.floating]

_DAMAGE = (  # what torch raises where weights or sizes are not as they should be
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class TrainedModel:
    """A network with the settings that it was trained with."""

    network: LandmarkNetwork
    settings: ModelInfo


def save_model(path: Path, network: nn.Module, settings: ModelInfo) -> None:
    """Write weights and settings as one safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    # Bytes first: safetensors' own file could be read by its owner alone.
    path.write_bytes(save(weights, metadata={SETTINGS: settings.model_dump_json()}))


def load_model(path: Path) -> TrainedModel:
    """Read a model file, in half precision or whole, and build its network, ready to predict.

    Raises:
        ModelFileError: If the file is missing, damaged, or not one of this project's.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {name: _to_float32(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        settings = parse_info(metadata)
        with torch.device("meta"):  # shapes alone: whatever a file claims takes no memory
            _check_weights(weights, _network_of(settings))
        network = _network_of(settings)
        network.load_state_dict(weights)
    except FileNotFoundError as error:
        raise missing_model_error(path) from error
    except (*_DAMAGE, PipelineError, SafetensorError) as error:
        raise invalid_model_error(path, error) from error
    return TrainedModel(network.eval(), settings)


def _to_float32(tensor: Tensor) -> Tensor:
    """A file may hold half-precision numbers; networks work with whole ones."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _network_of(settings: ModelInfo) -> LandmarkNetwork:
    return build_network(settings.model, settings.task, len(settings.points), seed=settings.seed)


def _check_weights(weights: dict[str, Tensor], network: nn.Module) -> None:
    """Hold weights against the network that their settings ask for.

    Raises:
        ValueError: Naming the first of them that is missing, unknown or another.
    """
    expected = network.state_dict()
    for name in sorted(expected.keys() ^ weights.keys()):
        raise ValueError(f"{name} is {'missing' if name in expected else 'unknown'}")
    for name, value in weights.items():
        found, wanted = (
            f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
            for tensor in (value, expected[name])
        )
        if found != wanted:
            raise ValueError(f"{name} is {found} where its settings ask for {wanted}")
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} has a number that is not finite")


def check_compatible(trained: TrainedModel, name: str, format_: CropFormat) -> None:
    """See that a model file holds the model of that name, trained on such crops.

    Raises:
        ModelFileError: If it holds another one, or its crops were cut otherwise.
    """
    settings = trained.settings
    if settings.name != name:
        raise ModelFileError(f"model {name}: its file holds {settings.name}; train it anew")
    for key, stored in asdict(format_).items():
        own = settings.scheme if key == "scheme" else getattr(settings.task, key)
        if own != stored:
            raise ModelFileError(
                f"model {name}: trained on crops of {key} {own}; those of task "
                f"{settings.model.task} have {stored}; train it anew"
            )


def to_input(batch: Batch, device: torch.device) -> Tensor:
    """The images of a batch as the network takes them: 0..1, with the draw's colour change.

    Returns:
        (n, channels, height, width) float32 in channels-last memory format.
    """
    images = to_device(batch.images, device).permute(0, 3, 1, 2).float().div_(255)
    if batch.draws is None:
        return images
    brightness = to_device(batch.draws.brightness.astype(np.float32), device)
    images = images.mul_(brightness.view(-1, 1, 1, 1)).clamp_(0, 1)
    if images.shape[1] == 1:
        return images
    saturation = to_device(batch.draws.saturation.astype(np.float32), device)
    red, green, blue = images.split(1, dim=1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.lerp(grey, images, saturation.view(-1, 1, 1, 1)).clamp_(0, 1)


@dataclass(frozen=True)
class Predictions:
    """What a network says of some faces, in the order of their rows.

    Attributes:
        landmarks_unit: Predicted, (n_faces, n_points, 2).
        target_unit: Annotated, NaN where unknown.
        photo_to_unit: (n_faces, 2, 3).
    """

    landmarks_unit: NDArray[np.float32]
    target_unit: NDArray[np.float32]
    photo_to_unit: Array

    @property
    def landmarks_photo(self) -> Array:
        """The predicted points in pixels of the photos, (n_faces, n_points, 2)."""
        return apply_map(invert(self.photo_to_unit), self.landmarks_unit.astype(float))


@torch.inference_mode()
def predict(network: nn.Module, batches: BatchLoader, device: torch.device) -> Predictions:
    """Predict all faces of the batches, in full precision on every device."""
    network.eval()
    outputs, targets, maps = [], [], []
    for batch in batches.epoch():
        outputs.append(network(to_input(batch, device)))
        targets.append(batch.landmarks_unit)
        maps.append(batch.photo_to_unit)
    return Predictions(
        torch.cat(outputs).cpu().numpy(), np.concatenate(targets), np.concatenate(maps)
    )
