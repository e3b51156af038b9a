"""The registry: from the settings of a model to its network.

An architecture is a module of this package. To add one: write the module, its settings in
`keypoints.settings`, and its line in `_build_body`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from keypoints.chance import Purpose, torch_seed
from keypoints.correspondence import shares_of
from keypoints.errors import first_line
from keypoints.landmarks import SCHEMES, Scheme
from keypoints.models.first_weights import start_at
from keypoints.settings.data import Task
from keypoints.settings.errors import SettingsError
from keypoints.settings.models import (
    AnyModel,
    FaceNetModel,
    HeatmapModel,
    NoseNetModel,
    OnBackbone,
    PipModel,
)
from keypoints.trained_settings import points_of


class LandmarkNetwork(nn.Module):
    """A body between the two things that all networks share: normalisation and the points' shape.

    Args:
        body: From (n, channels, height, width) to (n, 2 x n_points).
        mean: Of each channel, 0..1.
        std: Of each channel.
    """

    def __init__(self, body: nn.Module, *, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.body = body
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Predict landmarks.

        Args:
            images: (n, channels, height, width), 0..1.

        Returns:
            landmarks_unit, (n, n_points, 2).
        """
        return self.body((images - self.mean) / self.std).unflatten(1, (-1, 2))


@runtime_checkable
class HasRaw(Protocol):
    """A body that decodes its points from something that a loss may want to see."""

    def raw(self, images: Tensor) -> Any:
        """Maps or a grid, from normalised images."""

    def decode(self, raw: Any) -> Tensor:
        """The points, (n, 2 x n_points)."""


@runtime_checkable
class TakesNeighbours(Protocol):
    """A body that should know which points lie next to each other."""

    def learn_neighbours(self, mean_unit: NDArray[np.floating]) -> None:
        """From the mean shape, (n_points, 2)."""


class WithRaw(nn.Module):
    """A network under training: it also says what the points are decoded from, for the loss."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Any]:
        """Predict landmarks_unit; and maps or a grid, None where its kind has none."""
        network = self._network
        if not isinstance(network, LandmarkNetwork) or not isinstance(network.body, HasRaw):
            return network(images), None
        raw = network.body.raw((images - network.mean) / network.std)
        return network.body.decode(raw).unflatten(1, (-1, 2)), raw


def build_network(
    model: AnyModel,
    task: Task,
    n_points: int,
    *,
    seed: int,
    mean_unit: NDArray[np.floating] | None = None,
    weights: Path | None = None,
    scheme: Scheme | None = None,
) -> LandmarkNetwork:
    """Build a model's network with first weights that are a function of what is given.

    Args:
        model: Settings of the model.
        task: Settings of its task.
        n_points: Points to predict.
        seed: Of the run.
        mean_unit: The mean shape, (n_points, 2) in 0..1 of the input: the first predictions lie
            near it, where the last layer is linear. None: the middle of the input.
        weights: Pre-trained weights of the backbone, or a model file of this project; None: random.
        scheme: The markup of the points. A last layer from a model file of another number of points
            is put together from those that lie nearest, or passed over: where nothing is known of
            how the markups agree, or this is None.

    Raises:
        SettingsError: If the settings do not fit each other or the weights.
    """
    trained = None if weights is None else _trained_of(weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Purpose.WEIGHTS))
        try:
            body = _build_body(model, task, 2 * n_points, None if trained else weights)
        except (MemoryError, RuntimeError) as error:
            raise SettingsError(f"the network cannot be built: {first_line(error)}") from error
    shape = np.full((n_points, 2), 0.5) if mean_unit is None else mean_unit
    start_at(shape, body)
    if isinstance(body, TakesNeighbours):
        body.learn_neighbours(shape)
    network = LandmarkNetwork(body, mean=model.mean, std=model.std)
    if isinstance(model, OnBackbone):
        _try_input(network, model, task)
    if weights is not None and trained is not None:
        markup = None if scheme is None else _Markup(scheme, points_of(task, scheme))
        _start_from(network, model, weights, trained, markup)
    return network


@torch.inference_mode()
def _try_input(network: LandmarkNetwork, model: OnBackbone, task: Task) -> None:
    """See now, not after the first batch was read, whether a backbone takes inputs of this size."""
    network.eval()
    try:
        network(torch.zeros(1, task.channels, *task.input_size, device=network.mean.device))
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise SettingsError(
            f"backbone {model.backbone}: does not take an input of {task.input_size} px "
            f"({first_line(error)}); change height and width of its task, or the backbone"
        ) from error
    network.train()


@dataclass(frozen=True)
class _Markup:
    """Which points of which scheme a network predicts."""

    scheme: Scheme
    points: tuple[int, ...]


@dataclass(frozen=True)
class _Trained:
    """What the weights in a model file of this project are those of."""

    kind: str
    markup: _Markup


def _trained_of(path: Path) -> _Trained | None:
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
        markup = _Markup(scheme, points_of(Task.model_validate(found["task"]), scheme))
        return _Trained(_kind(found["model"]), markup)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: a model file with other settings than this project's ({first_line(error)})"
        ) from error


def _start_from(
    network: LandmarkNetwork, model: AnyModel, path: Path, trained: _Trained, markup: _Markup | None
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


def _for_other_points(
    layer: dict[str, Tensor], found: _Markup, wanted: _Markup
) -> dict[str, Tensor]:
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


def _build_body(model: AnyModel, task: Task, n_outputs: int, weights: Path | None) -> nn.Module:
    if isinstance(model, NoseNetModel):
        from keypoints.models.nose_net import NoseNet

        return NoseNet(
            task.channels,
            task.input_size,
            channels=model.channels,
            hidden=model.hidden,
            kernels=model.kernels,
            n_outputs=n_outputs,
        )
    if isinstance(model, FaceNetModel):
        from keypoints.models.face_net import FaceNet

        return FaceNet(task.channels, task.input_size, n_outputs=n_outputs)
    if isinstance(model, HeatmapModel):
        from keypoints.models.heatmap_net import HeatmapNet

        return HeatmapNet(
            model.backbone,
            task.channels,
            channels=model.channels,
            separable=model.separable,
            n_points=n_outputs // 2,
            pad_type=model.pad_type,
            anti_aliased=model.anti_aliased,
            weights=weights,
        )
    if isinstance(model, PipModel):
        from keypoints.models.pip_net import PipNet

        return PipNet(
            model.backbone,
            task.channels,
            stride=model.stride,
            neighbours=model.neighbours,
            n_points=n_outputs // 2,
            pad_type=model.pad_type,
            anti_aliased=model.anti_aliased,
            weights=weights,
        )
    from keypoints.models.timm_backbone import timm_backbone

    return timm_backbone(
        model.backbone,
        task.channels,
        task.input_size,
        n_outputs=n_outputs,
        pad_type=model.pad_type,
        weights=weights,
    )
