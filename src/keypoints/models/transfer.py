"""Initial weights from a model file of this project."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from keypoints.config.messages import SettingsError
from keypoints.core.errors import first_line
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.core.weights_folder import network_kind
from keypoints.crops.format import Task
from keypoints.models.landmark_mapping import interpolation_weights


@dataclass(frozen=True)
class CheckpointInfo:
    """The kind of a network, and the points that it predicts."""

    kind: str  # architecture and backbone
    scheme: Scheme | None  # None: unknown
    points: tuple[int, ...]  # indices in the scheme


def read_checkpoint_info(path: Path) -> CheckpointInfo | None:
    """Read which network a model file contains; None if it is not a file of this project.

    Raises:
        SettingsError: If the settings in the file are not those of this project.
    """
    try:
        with safe_open(path, "pt") as file:
            settings = (file.metadata() or {}).get("settings")
    except (OSError, SafetensorError):  # a .pth, or damaged: reading the weights reports it
        return None
    if settings is None:
        return None
    try:
        found = json.loads(settings)
        scheme = SCHEMES[found["scheme"]]
        points = Task.model_validate(found["task"]).points_of(scheme)
        return CheckpointInfo(network_kind(found["model"]), scheme, points)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: a model file whose settings this version cannot read ({first_line(error)}); "
            "train it again"
        ) from error


def load_matching_weights(
    network: nn.Module, path: Path, source: CheckpointInfo, target: CheckpointInfo
) -> None:
    """Load a model file of the same kind of network; adapt the last layer if the points differ.

    `source` describes the network in the file, and `target` the one that receives the weights.

    Raises:
        SettingsError: If the file has another kind of network, or a layer other than the last one
            does not fit.
    """
    if source.kind != target.kind:
        raise SettingsError(
            f"{path}: contains a network of the kind {source.kind}, from which {target.kind} "
            "cannot start"
        )
    own, found = network.state_dict(), load_file(path)
    last_layer = f"{[*own][-1].rpartition('.')[0]}."
    last = {name: value for name, value in found.items() if name.startswith(last_layer)}
    found |= _remap_last_layer(last, source, target)
    fitting = {
        name: value
        for name, value in found.items()
        if name in own and own[name].shape == value.shape
    }
    misfits = (own.keys() | found.keys()) - fitting.keys()
    if wrong := sorted(name for name in misfits if not name.startswith(last_layer)):
        raise SettingsError(
            f"{path}: does not fit this network: {wrong[0]} is missing, unknown or of another "
            f"shape ({len(wrong)} such)"
        )
    network.load_state_dict(fitting, strict=False)


def _remap_last_layer(
    layer: dict[str, Tensor], source: CheckpointInfo, target: CheckpointInfo
) -> dict[str, Tensor]:
    """Initialise the last layer for other points: each output is a mean over the nearest points.

    A mean of heat maps before the softmax becomes a product after it, whose peak lies between
    their peaks. A mean of coordinates lies between the coordinates.
    """
    if source.scheme is None or target.scheme is None:
        return {}
    weights = interpolation_weights(target.scheme, target.points, source.scheme, source.points)
    if weights is None:
        return {}
    mix = torch.from_numpy(weights)
    return {
        name: (mix @ value.float().reshape(mix.shape[1], -1)).reshape(-1, *value.shape[1:])
        for name, value in layer.items()
    }
