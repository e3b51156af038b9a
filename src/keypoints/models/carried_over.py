"""What a network takes over from a model file of this project: its first weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from keypoints.errors import first_line
from keypoints.landmarks import SCHEMES, Scheme
from keypoints.models.correspondence import shares_of
from keypoints.settings.data import Task
from keypoints.settings.errors import SettingsError
from keypoints.settings.models import AnyModel
from keypoints.trained_settings import points_of


@dataclass(frozen=True)
class Markup:
    """Which points of which scheme a network predicts."""

    scheme: Scheme
    points: tuple[int, ...]


@dataclass(frozen=True)
class Held:
    """What the weights in a model file of this project are those of."""

    kind: str
    markup: Markup


def trained_of(path: Path) -> Held | None:
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
        markup = Markup(scheme, points_of(Task.model_validate(found["task"]), scheme))
        return Held(_kind(found["model"]), markup)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: a model file with other settings than this project's ({first_line(error)})"
        ) from error


def carry_over(
    network: nn.Module, model: AnyModel, path: Path, trained: Held, markup: Markup | None
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
        found |= _for_other_points(
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


def _for_other_points(layer: dict[str, Tensor], found: Markup, wanted: Markup) -> dict[str, Tensor]:
    """A last layer for other points: what it says of each is a mean of what it said of the nearest.

    A mean of maps before their softmax is a product of maps after it, whose peak lies between
    theirs; one of coordinates lies there anyway.
    """
    shares = shares_of(wanted.scheme, wanted.points, found.scheme, found.points)
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
