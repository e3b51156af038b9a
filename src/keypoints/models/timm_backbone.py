"""Any timm backbone with one linear layer for the points: the write-up's third part had ResNet-18.

timm takes two seconds to import, so only a model that needs it does.
"""

import difflib
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

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
    if weights is not None:
        overlay = {"state_dict": _read_weights(weights)}
        options |= {"pretrained": True, "pretrained_cfg_overlay": overlay}
    known = timm.list_models()
    if name.split(".")[0] not in known:
        nearest = difflib.get_close_matches(name, known, n=3) or ["see timm.list_models()"]
        raise SettingsError(f"timm has no backbone {name!r}; near it: {', '.join(nearest)}")
    try:
        return timm.create_model(name, num_classes=n_outputs, in_chans=in_channels, **options)
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"backbone {name}: {str(error).splitlines()[0]}") from error


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
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(f"{path}: no weights that can be read ({reason})") from error
