"""What a network takes over from a model file of this project: its first weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from keypoints.config.data import Task
from keypoints.config.messages import SettingsError
from keypoints.config.models import ModelSettings
from keypoints.core.errors import first_line
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.models.checkpoint import points_of
from keypoints.models.landmark_mapping import interpolation_weights


@dataclass(frozen=True)
class LandmarkSubset:
    """Which points of which scheme a network predicts."""

    scheme: Scheme
    points: tuple[int, ...]


@dataclass(frozen=True)
class CheckpointInfo:
    """What the weights in a model file of this project are those of."""

    kind: str
    markup: LandmarkSubset


def read_checkpoint_info(path: Path) -> CheckpointInfo | None:
    """What a model file of this project holds; None for any other file."""
    try:
        with safe_open(path, "pt") as file:
            settings = (file.metadata() or {}).get("settings")
    except (OSError, SafetensorError):  # a .pth, or damaged: who reads it as weights says so
        return None
    if settings is None:
        return None
    try:
        found = json.loads(settings)
        scheme = SCHEMES[found["scheme"]]
        markup = LandmarkSubset(scheme, points_of(Task.model_validate(found["task"]), scheme))
        return CheckpointInfo(_kind(found["model"]), markup)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: a model file with other settings than this project's ({first_line(error)})"
        ) from error


def load_matching_weights(
    network: nn.Module,
    model: ModelSettings,
    path: Path,
    trained: CheckpointInfo,
    markup: LandmarkSubset | None,
) -> None:
    """Take over the layers of a trained network of the same kind; a last one that differs, adapted.

    Raises:
        SettingsError: If it is of another kind, or anything but the last layer does not fit.
    """
    ours = _kind(model.model_dump())
    if trained.kind != ours:
        raise SettingsError(f"{path}: holds a {trained.kind}, from which a {ours} cannot start")
    own = network.state_dict()
    last = f"{[*own][-1].rpartition('.')[0]}."
    with safe_open(path, "pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if markup:
        found |= _remap_last_layer(
            {name: value for name, value in found.items() if name.startswith(last)},
            trained.markup,
            markup,
        )
    misfits = {
        name
        for name in own.keys() | found.keys()
        if name not in own or name not in found or own[name].shape != found[name].shape
    }
    wrong = sorted(name for name in misfits if not name.startswith(last))
    if wrong:
        raise SettingsError(
            f"{path}: does not fit this network: {wrong[0]} is missing, unknown or of another "
            f"shape ({len(wrong)} such)"
        )
    fits = {name: value for name, value in found.items() if name not in misfits}
    try:
        network.load_state_dict(fits, strict=False)
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be started from: {first_line(error)}") from error


def _remap_last_layer(
    layer: dict[str, Tensor], found: LandmarkSubset, wanted: LandmarkSubset
) -> dict[str, Tensor]:
    """A last layer for other points: what it says of each is a mean of what it said of the nearest.

    A mean of maps before their softmax is a product of maps after it, whose peak lies between
    theirs; one of coordinates lies there anyway.
    """
    shares = interpolation_weights(wanted.scheme, wanted.points, found.scheme, found.points)
    if shares is None:
        return {}
    mix = torch.from_numpy(shares)
    return {
        name: (mix @ value.float().reshape(mix.shape[1], -1)).reshape(-1, *value.shape[1:])
        for name, value in layer.items()
    }


def _kind(model: dict[str, Any]) -> str:
    """An architecture and its backbone, in words; the tag of a backbone's weights is no matter."""
    backbone = model.get("backbone")
    on = f" on {backbone.split('.')[0]}" if backbone else ""
    return f"{model['architecture']}{on}"
