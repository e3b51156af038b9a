"""Initial weights from a model file of this project."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from keypoints.config.messages import SettingsError
from keypoints.core.errors import first_line
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.crops.format import Task
from keypoints.models.landmark_mapping import interpolation_weights
from keypoints.models.settings import ModelSettings


@dataclass(frozen=True)
class LandmarkSubset:
    """The points of a scheme that a network predicts, as indices."""

    scheme: Scheme
    points: tuple[int, ...]


@dataclass(frozen=True)
class CheckpointInfo:
    """The network in a model file.

    Attributes:
        kind: Architecture and backbone.
        landmarks: Points that it predicts.
    """

    kind: str
    landmarks: LandmarkSubset


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
        return CheckpointInfo(network_kind(found["model"]), LandmarkSubset(scheme, points))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: a model file whose settings this version cannot read ({first_line(error)}); "
            "train it again"
        ) from error


def load_matching_weights(
    network: nn.Module,
    model: ModelSettings,
    path: Path,
    trained: CheckpointInfo,
    landmarks: LandmarkSubset | None,
) -> None:
    """Load a model file of the same kind of network; adapt the last layer if the points differ.

    Args:
        network: Network that receives the weights.
        model: Settings of the network.
        path: The model file.
        trained: The network in the file.
        landmarks: Points of `network`; None: a last layer of another size stays as it is.

    Raises:
        SettingsError: If the file has another kind of network, or a layer other than the last one
            does not fit.
    """
    kind = network_kind(model.model_dump())
    if trained.kind != kind:
        raise SettingsError(
            f"{path}: contains a network of the kind {trained.kind}, from which {kind} cannot start"
        )
    own = network.state_dict()
    last_layer = f"{[*own][-1].rpartition('.')[0]}."
    with safe_open(path, "pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if landmarks:
        found |= _remap_last_layer(
            {name: value for name, value in found.items() if name.startswith(last_layer)},
            trained.landmarks,
            landmarks,
        )
    misfits = {
        name
        for name in own.keys() | found.keys()
        if name not in own or name not in found or own[name].shape != found[name].shape
    }
    wrong = sorted(name for name in misfits if not name.startswith(last_layer))
    if wrong:
        raise SettingsError(
            f"{path}: does not fit this network: {wrong[0]} is missing, unknown or of another "
            f"shape ({len(wrong)} such)"
        )
    fitting = {name: value for name, value in found.items() if name not in misfits}
    try:
        network.load_state_dict(fitting, strict=False)
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be loaded: {first_line(error)}") from error


def _remap_last_layer(
    layer: dict[str, Tensor], found: LandmarkSubset, wanted: LandmarkSubset
) -> dict[str, Tensor]:
    """Initialise the last layer for other points: each output is a mean of those of the nearest.

    A mean of heat maps before their softmax is a product of the maps after it, whose peak lies
    between theirs; a mean of coordinates lies between them, too.
    """
    weights = interpolation_weights(wanted.scheme, wanted.points, found.scheme, found.points)
    if weights is None:
        return {}
    mix = torch.from_numpy(weights)
    return {
        name: (mix @ value.float().reshape(mix.shape[1], -1)).reshape(-1, *value.shape[1:])
        for name, value in layer.items()
    }


def network_kind(model: dict[str, Any]) -> str:
    """Name the architecture and the backbone of a model, without the tag of the backbone's weights.

    Args:
        model: Settings of the model as plain values.
    """
    backbone = model.get("backbone")
    on_backbone = f" on {backbone.split('.')[0]}" if backbone else ""
    return f"{model['architecture']}{on_backbone}"
