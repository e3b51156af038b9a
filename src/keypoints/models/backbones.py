"""Backbones of timm with their weights; imported late, because timm takes two seconds to import."""

import difflib
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from keypoints.config.messages import SettingsError
from keypoints.core.errors import first_line

if TYPE_CHECKING:
    from torch import nn

_STRIDES = (4, 8, 16, 32)
_LOAD_ERRORS = (  # raised by torch for a .pth that is damaged
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def create_regressor(
    name: str,
    in_channels: int,
    input_size: tuple[int, int],
    *,
    n_outputs: int,
    pad_type: str | None = None,
    weights: Path | None = None,
) -> "nn.Module":
    """Build a backbone with one linear layer for the outputs.

    Args:
        name: Name of a timm model, with or without the tag of its weights: `resnet18.tv_in1k`.
        in_channels: Channels of the input.
        input_size: Height and width of the input, px.
        n_outputs: Number of outputs per face.
        pad_type: `same` for weights made with TensorFlow's padding.
        weights: A .safetensors or .pth file of the same backbone; None: random weights.

    Raises:
        SettingsError: If timm has no such backbone, it does not support `pad_type`, or the weights
            belong to another one.
    """
    size = _fixed_size(name, input_size)
    backbone = _create(name, pad_type, num_classes=n_outputs, in_chans=in_channels, **size)
    if weights is not None:
        classifier = backbone.pretrained_cfg["classifier"]
        heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        _load_weights(backbone, _read_weights(weights), weights, heads)
    _float32_classifier(backbone)
    return backbone


def _float32_classifier(backbone: Any) -> None:
    """Replace the last layer by one that computes in float32."""
    from torch import nn

    from keypoints.models.network import Float32Linear

    last = backbone.get_classifier()
    for name, layer in list(backbone.named_modules()):
        if layer is last and isinstance(layer, nn.Linear):
            backbone.set_submodule(name, Float32Linear.like(layer))


def create_feature_extractor(
    name: str,
    in_channels: int,
    *,
    pad_type: str | None = None,
    weights: Path | None = None,
) -> Any:
    """Build a backbone that returns its features at strides 4, 8, 16 and 32, coarsest last.

    Args:
        name: Name of a timm model, with or without the tag of its weights.
        in_channels: Channels of the input.
        pad_type: `same` for weights made with TensorFlow's padding.
        weights: A .safetensors or .pth file of the same backbone, whose layers after the last
            features are ignored; None: random weights.

    Raises:
        SettingsError: If timm has no such backbone, it has no features at these strides, it does
            not support `pad_type`, or the weights belong to another one.
    """
    options: dict[str, Any] = {"features_only": True, "in_chans": in_channels}
    backbone = _create(name, pad_type, **options)
    strides = backbone.feature_info.reduction()
    if not set(_STRIDES) <= set(strides):
        raise SettingsError(
            f"backbone {name}: has features at strides {strides}, not {_STRIDES}; choose another "
            "backbone"
        )
    levels = [strides.index(stride) for stride in _STRIDES]
    backbone = _create(name, pad_type, out_indices=levels, **options)
    _drop_unused_stages(backbone)
    if weights is not None:
        own = backbone.state_dict()
        found = {key: value for key, value in _read_weights(weights).items() if key in own}
        _load_weights(backbone, found, weights, ())
    return backbone


def _drop_unused_stages(backbone: Any) -> None:
    """Drop the stages after the last features, which timm's EfficientNets and MobileNets keep."""
    ends = getattr(backbone, "_stage_out_idx", None)
    if ends and hasattr(backbone, "blocks"):
        backbone.blocks = backbone.blocks[: max(ends)]


def _fixed_size(name: str, input_size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """The `img_size` option of a backbone that is built for one input size, such as a ViT."""
    import timm

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # an unknown name, which `_create` reports
        return {}
    return {"img_size": input_size} if config is not None and config.fixed_input_size else {}


def _create(name: str, pad_type: str | None, **options: Any) -> Any:
    import timm

    if pad_type is not None:
        options["pad_type"] = pad_type
    known = timm.list_models()
    if name.split(".")[0] not in known:
        similar = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(similar)}?" if similar else "see timm.list_models()"
        raise SettingsError(f"timm has no backbone {name!r}; {hint}")
    try:
        return timm.create_model(name, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise SettingsError(f"backbone {name}: {first_line(error)}") from error


def _load_weights(backbone: Any, found: dict[str, Any], path: Path, heads: tuple[str, ...]) -> None:
    """Load everything except the heads; every other key must match."""
    from timm.models import adapt_input_conv

    config = backbone.pretrained_cfg
    own = backbone.state_dict()
    kept = {key: value for key, value in found.items() if _is_transferred(key, heads)}
    expected = {key for key in own if _is_transferred(key, heads)}
    first = f"{config['first_conv']}.weight"
    if first in kept and first in own and kept[first].shape[1:2] != own[first].shape[1:2]:
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


def _is_transferred(key: str, heads: tuple[str, ...]) -> bool:
    """Exclude classifiers, and the counts of batches, which older files lack and nothing uses."""
    is_head = key.startswith(tuple(f"{head}." for head in heads))
    return not is_head and not key.endswith("num_batches_tracked")


def _read_weights(path: Path) -> dict[str, Any]:
    """Read a state dict; a .pth is unpickled as tensors only, never as code."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (*_LOAD_ERRORS, UnpicklingError, SafetensorError) as error:
        raise SettingsError(
            f"{path}: not a readable weights file ({first_line(error)}); fetch it again, or use "
            "another one: .safetensors, or a .pth that contains only tensors"
        ) from error
    are_tensors = isinstance(found, dict) and all(map(torch.is_tensor, found.values()))
    if not are_tensors or not all(isinstance(name, str) for name in found):
        raise SettingsError(
            f"{path}: should contain tensors by name and nothing else; save only the state dict"
        )
    return found
