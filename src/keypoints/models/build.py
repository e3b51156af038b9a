"""Builds the network of a model; each architecture is a package, found by its name.

To add an architecture, add a package to `keypoints.architectures` with `SETTINGS`, `build` and,
optionally, `logits_loss`. torch and the reader
of `params.yaml` are imported late, because reading the settings in model files needs neither.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from keypoints.config.messages import SettingsError, join_names
from keypoints.core.errors import first_line
from keypoints.core.landmarks import Scheme
from keypoints.core.rng import Stream, torch_seed
from keypoints.core.weights_folder import network_kind
from keypoints.crops.format import Task
from keypoints.models.settings import ModelSettings

if TYPE_CHECKING:
    from torch import nn

    from keypoints.config.params import Params
    from keypoints.models.network import LandmarkNetwork


_PACKAGE = "keypoints.architectures"


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network's input and output."""

    in_channels: int
    input_size: tuple[int, int]  # height and width, px
    n_points: int


class Architecture(Protocol):
    """The interface of a package of `keypoints.architectures`.

    `build` takes the settings of a model, the shape and, if the architecture has a backbone, the
    file of the backbone's weights; it returns the body of a network. An architecture whose loss
    uses the logits also has `logits_loss(settings) -> LogitsLoss | None` (`models.network`).
    """

    SETTINGS: type[ModelSettings]
    build: Callable[..., "nn.Module"]


def architecture_names() -> list[str]:
    """Names of all architectures."""
    package = importlib.import_module(_PACKAGE)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def find_architecture(name: str) -> Architecture:
    """Import an architecture.

    Raises:
        SettingsError: If there is no architecture of this name.
    """
    names = architecture_names()
    if name not in names:
        raise SettingsError(f"must be one of {join_names(names)}; got {name!r}")
    return cast(Architecture, importlib.import_module(f"{_PACKAGE}.{name}"))


def read_model_settings(params: "Params", name: str) -> ModelSettings:
    """Read the settings of a model by the rules of its architecture.

    Raises:
        SettingsError: If there is no such model or architecture, or a setting is invalid.
    """
    key = f"models.{name}"
    params.entry("models", name, dict[str, Any])
    architecture: str = params.read(f"{key}.architecture", str)
    try:
        kind = find_architecture(architecture).SETTINGS
    except SettingsError as error:
        raise params.error(f"{key}.architecture", str(error)) from error
    return params.read(key, kind)


def build_network(
    model: ModelSettings,
    task: Task,
    n_points: int,
    *,
    seed: int,
    mean_shape_unit: NDArray[np.floating] | None = None,
    weights: Path | None = None,
    scheme: Scheme | None = None,
) -> "LandmarkNetwork":
    """Build the network of a model; its initial weights depend on the arguments only.

    The first predictions lie near `mean_shape_unit`, in 0..1 of the input, (n_points, 2), if the
    last layer is linear; None: near the centre of the input. `weights` is a file of pre-trained
    backbone weights or a model file of this project; None: random weights. If a model file has
    other points than `scheme`, its last layer is interpolated, or left random if no mapping
    between the schemes is known or `scheme` is None.

    Raises:
        SettingsError: If the settings do not fit each other or the weights.
    """
    from keypoints.models import init, network, transfer

    source = None if weights is None else transfer.read_checkpoint_info(weights)
    shape = NetworkShape(task.channels, task.input_size, n_points)
    body = _build_body(model, shape, None if source else weights, seed=seed)
    centre = np.full((n_points, 2), 0.5)
    init.init_output_bias(centre if mean_shape_unit is None else mean_shape_unit, body)
    built = network.LandmarkNetwork(body, mean=model.mean, std=model.std)
    kind = network_kind(model.model_dump())
    if problem := input_size_problem(built, task.channels, task.input_size):
        raise SettingsError(
            f"{kind} {problem}; change height and width of its task, or the architecture"
        )
    if weights is not None and source is not None:
        points = task.points_of(scheme) if scheme else ()
        target = transfer.CheckpointInfo(kind, scheme, points)
        transfer.load_matching_weights(built, weights, source, target)
    return built


def _build_body(
    model: ModelSettings, shape: NetworkShape, weights: Path | None, *, seed: int
) -> "nn.Module":
    import torch

    backbone_weights = [] if weights is None else [weights]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Stream.WEIGHTS))
        try:
            return find_architecture(model.architecture).build(model, shape, *backbone_weights)
        except (MemoryError, RuntimeError) as error:
            raise SettingsError(f"the network cannot be built: {first_line(error)}") from error


def input_size_problem(
    network: "LandmarkNetwork", channels: int, input_size: tuple[int, int]
) -> str | None:
    """Run a network once and leave it in training mode; return a problem as text, or None.

    A network on the meta device, which has no weights, is not run: it would take seconds.
    """
    import torch

    if network.mean.is_meta:
        return None
    network.eval()
    try:
        with torch.inference_mode():
            network(torch.zeros(1, channels, *input_size, device=network.mean.device))
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        return f"does not accept an input of {input_size} px ({first_line(error)})"
    finally:
        network.train()
    return None
