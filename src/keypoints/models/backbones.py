"""Backbones of timm with their weights; imported late, because timm takes two seconds to import."""

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import nn

from keypoints.config.backbone_name import check_backbone
from keypoints.config.messages import SettingsError
from keypoints.core.errors import first_line
from keypoints.core.weights_folder import is_safetensors
from keypoints.models.build import NetworkShape
from keypoints.models.checkpoint import LOAD_ERRORS
from keypoints.models.network import Float32Linear
from keypoints.models.settings import BackboneSettings

_STRIDES = (4, 8, 16, 32)


def create_regressor(
    settings: BackboneSettings, shape: NetworkShape, weights: Path | None
) -> nn.Module:
    """Build a backbone with one linear layer for the points, which computes in float32.

    `weights` is a .safetensors or .pth file of the same backbone; None: random weights.

    Raises:
        SettingsError: If timm has no such backbone, it does not support `pad_type`, or the weights
            belong to another one.
    """
    options = {"num_classes": 2 * shape.n_points, "in_chans": shape.in_channels}
    backbone = _create(settings, **options, **_fixed_size(settings.backbone, shape.input_size))
    if weights is not None:
        classifier = backbone.pretrained_cfg["classifier"]
        heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        _load_weights(backbone, _read_weights(weights), weights, heads)
    last = backbone.get_classifier()
    for name, layer in list(backbone.named_modules()):
        if layer is last and isinstance(layer, nn.Linear):
            backbone.set_submodule(name, Float32Linear.like(layer))
    return backbone


def create_feature_extractor(
    settings: BackboneSettings, in_channels: int, weights: Path | None
) -> Any:
    """Build a backbone that returns its features at strides 4, 8, 16 and 32, coarsest last.

    `weights` is a .safetensors or .pth file of the same backbone, whose layers after the last
    features are ignored; None: random weights.

    Raises:
        SettingsError: If timm has no such backbone, it has no features at these strides, it does
            not support `pad_type`, or the weights belong to another one.
    """
    options: dict[str, Any] = {"features_only": True, "in_chans": in_channels}
    strides = _create(settings, **options).feature_info.reduction()
    if not set(_STRIDES) <= set(strides):
        raise SettingsError(
            f"backbone {settings.backbone}: has features at strides {strides}, not {_STRIDES}; "
            "choose another backbone"
        )
    levels = [strides.index(stride) for stride in _STRIDES]
    backbone = _create(settings, out_indices=levels, **options)
    ends = getattr(backbone, "_stage_out_idx", None)
    if ends and hasattr(backbone, "blocks"):
        # timm's EfficientNets and MobileNets keep the stages after the last features
        backbone.blocks = backbone.blocks[: max(ends)]
    if weights is not None:
        own = backbone.state_dict()
        found = {key: value for key, value in _read_weights(weights).items() if key in own}
        _load_weights(backbone, found, weights)
    return backbone


def _fixed_size(name: str, input_size: tuple[int, int]) -> dict[str, Any]:
    """The `img_size` option of a backbone that is built for one input size, such as a ViT."""
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # an unknown name, which `_create` reports
        return {}
    return {"img_size": input_size} if config is not None and config.fixed_input_size else {}


def _create(settings: BackboneSettings, **options: Any) -> Any:
    name = settings.backbone
    check_backbone(name)
    if settings.pad_type is not None:
        options["pad_type"] = settings.pad_type
    try:
        return timm.create_model(name, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise SettingsError(f"backbone {name}: {first_line(error)}") from error


def _load_weights(
    backbone: Any, found: dict[str, Any], path: Path, heads: tuple[str, ...] = ()
) -> None:
    """Load all weights except those of the heads; all other keys must match."""
    own = _without_heads(backbone.state_dict(), heads)
    found = _without_heads(found, heads)
    first = f"{backbone.pretrained_cfg['first_conv']}.weight"
    if first in found and first in own and found[first].shape[1:2] != own[first].shape[1:2]:
        found[first] = adapt_input_conv(own[first].shape[1], found[first])
    wrong = sorted(own.keys() ^ found.keys()) or [
        key for key in sorted(own) if found[key].shape != own[key].shape
    ]
    if wrong:
        raise SettingsError(
            f"{path}: not the weights of this backbone: {wrong[0]} is missing, unknown or of "
            f"another shape ({len(wrong)} such)"
        )
    backbone.load_state_dict(found, strict=False)


def _without_heads(weights: dict[str, Any], heads: tuple[str, ...]) -> dict[str, Any]:
    """Leave out the heads and the batch counts, which are unused and missing in older files."""
    prefixes = tuple(f"{head}." for head in heads)
    return {
        key: value
        for key, value in weights.items()
        if not key.startswith(prefixes) and not key.endswith("num_batches_tracked")
    }


def _read_weights(path: Path) -> dict[str, Any]:
    """Read a state dict; a .pth is unpickled as tensors only, never as code."""
    try:
        if is_safetensors(path):
            found = load_file(path)
        else:
            with path.open("rb") as file:  # torch would choose the format by the name
                found = torch.load(file, map_location="cpu", weights_only=True)
    except (*LOAD_ERRORS, SafetensorError) as error:
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
