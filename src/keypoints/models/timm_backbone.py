"""Any timm backbone with one linear layer for the points: the write-up's third part had ResNet-18.

timm takes two seconds to import, so only a model that needs it does.
"""

import difflib
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from keypoints.errors import first_line
from keypoints.settings import SettingsError

if TYPE_CHECKING:
    from torch import nn


def timm_backbone(
    name: str,
    in_channels: int,
    *,
    n_outputs: int,
    pad_type: str | None = None,
    weights: Path | None = None,
) -> "nn.Module":
    """Build a backbone, with random or with given weights.

    Args:
        name: Of timm, with or without the tag of its weights: `resnet18.tv_in1k`.
        in_channels: Of the input.
        n_outputs: Numbers per face.
        pad_type: `same` for weights that were made with TensorFlow's padding.
        weights: A .safetensors or .pth file of the same architecture; None: random.

    Raises:
        SettingsError: If timm has no such backbone, it does not take `pad_type`, or the weights are
            those of another one.
    """
    import timm

    options: dict[str, Any] = {} if pad_type is None else {"pad_type": pad_type}
    known = timm.list_models()
    if name.split(".")[0] not in known:
        nearest = difflib.get_close_matches(name, known, n=3) or ["see timm.list_models()"]
        raise SettingsError(f"timm has no backbone {name!r}; near it: {', '.join(nearest)}")
    try:
        backbone = timm.create_model(name, num_classes=n_outputs, in_chans=in_channels, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise SettingsError(f"backbone {name}: {first_line(error)}") from error
    if weights is not None:
        _load_weights(backbone, weights)
    return backbone


def _load_weights(backbone: "nn.Module", path: Path) -> None:
    """Load everything but the classifier; a key that does not fit stops, none is passed over."""
    from timm.models import adapt_input_conv

    config: Any = backbone.pretrained_cfg
    classifier = config["classifier"]
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    found, own = _read_weights(path), backbone.state_dict()
    kept = {key: value for key, value in found.items() if _is_carried_over(key, heads)}
    expected = {key for key in own if _is_carried_over(key, heads)}
    first = f"{config['first_conv']}.weight"
    if first in kept and first in own and kept[first].shape[1] != own[first].shape[1]:
        kept[first] = adapt_input_conv(own[first].shape[1], kept[first])
    wrong = sorted(expected ^ kept.keys()) or [
        key for key in sorted(expected) if kept[key].shape != own[key].shape
    ]
    if wrong:
        raise SettingsError(
            f"{path}: not the weights of this backbone: {wrong[0]} is missing, unknown or of "
            f"another shape ({len(wrong)} such)"
        )
    backbone.load_state_dict(kept, strict=False)


def _is_carried_over(key: str, heads: tuple[str, ...]) -> bool:
    """Not a classifier's, nor the count of batches, which older files lack and nothing reads."""
    is_head = key.startswith(tuple(f"{head}." for head in heads))
    return not is_head and not key.endswith("num_batches_tracked")


def _read_weights(path: Path) -> dict[str, Any]:
    """Read a state dict; a .pth is unpickled as tensors only, never as code."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError, SafetensorError) as error:
        raise SettingsError(f"{path}: no weights that can be read ({first_line(error)})") from error
