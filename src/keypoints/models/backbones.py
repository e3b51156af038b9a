"""Any timm backbone with one linear layer for the points: the write-up's third part had ResNet-18.

timm takes two seconds to import, so only a model that needs it does.
"""

import difflib
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from keypoints.config.messages import SettingsError
from keypoints.core.errors import first_line

_STRIDES = (4, 8, 16, 32)
_DAMAGE = (  # what torch raises where a .pth is not as it should be
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

if TYPE_CHECKING:
    from torch import nn


def timm_backbone(
    name: str,
    in_channels: int,
    input_size: tuple[int, int],
    *,
    n_outputs: int,
    pad_type: str | None = None,
    weights: Path | None = None,
) -> "nn.Module":
    """Build a backbone, with random or with given weights.

    Args:
        name: Of timm, with or without the tag of its weights: `resnet18.tv_in1k`.
        in_channels: Of the input.
        input_size: Height and width of the input, px.
        n_outputs: Numbers per face.
        pad_type: `same` for weights that were made with TensorFlow's padding.
        weights: A .safetensors or .pth file of the same architecture; None: random.

    Raises:
        SettingsError: If timm has no such backbone, it does not take `pad_type`, or the weights are
            those of another one.
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
    """Have the last layer say its points in whole precision."""
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
    blur_pool: bool = False,
    up_to: int = 32,
    weights: Path | None = None,
) -> Any:
    """Build a backbone that gives its features at strides 4, 8, 16 and 32, coarsest last.

    Args:
        name: Of timm, with or without the tag of its weights.
        in_channels: Of the input.
        pad_type: As for `timm_backbone`.
        blur_pool: Whether what is halved in size is blurred first, so that a shift by a pixel
            changes the features little (Zhang, Making convolutional networks shift-invariant again,
            2019). Weights that were made without it fit.
        up_to: The coarsest stride that is wanted.
        weights: As for `timm_backbone`; layers beyond the last features are passed over.

    Raises:
        SettingsError: As `timm_backbone`, or if it has no features at these strides.
    """
    options: dict[str, Any] = {"features_only": True, "in_chans": in_channels}
    if blur_pool:
        from timm.layers import BlurPool2d

        options["aa_layer"] = BlurPool2d
    backbone = _create(name, pad_type, **options)
    strides = backbone.feature_info.reduction()
    if not set(_STRIDES) <= set(strides):
        raise SettingsError(f"backbone {name}: has features at strides {strides}, not {_STRIDES}")
    levels = [strides.index(stride) for stride in _STRIDES if stride <= up_to]
    backbone = _create(name, pad_type, out_indices=levels, **options)
    _drop_unused_stages(backbone)
    if weights is not None:
        own = backbone.state_dict()
        found = {key: value for key, value in _read_weights(weights).items() if key in own}
        _load_weights(backbone, found, weights, ())
    return backbone


def _drop_unused_stages(backbone: Any) -> None:
    """Drop the stages behind the last features, which timm's EfficientNets and MobileNets keep."""
    ends = getattr(backbone, "_stage_out_idx", None)
    if ends and hasattr(backbone, "blocks"):
        backbone.blocks = backbone.blocks[: max(ends)]


def _fixed_size(name: str, input_size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """What tells a backbone that is built for one size of input, as transformers are, which one."""
    import timm

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # an unknown name, which `_create` tells
        return {}
    return {"img_size": input_size} if config is not None and config.fixed_input_size else {}


def _create(name: str, pad_type: str | None, **options: Any) -> Any:
    import timm

    if pad_type is not None:
        options["pad_type"] = pad_type
    known = timm.list_models()
    if name.split(".")[0] not in known:
        nearest = difflib.get_close_matches(name, known, n=3) or ["see timm.list_models()"]
        raise SettingsError(f"timm has no backbone {name!r}; near it: {', '.join(nearest)}")
    try:
        return timm.create_model(name, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise SettingsError(f"backbone {name}: {first_line(error)}") from error


def _load_weights(backbone: Any, found: dict[str, Any], path: Path, heads: tuple[str, ...]) -> None:
    """Load everything but the heads; a key that does not fit stops, none is passed over."""
    from timm.models import adapt_input_conv

    config = backbone.pretrained_cfg
    own = backbone.state_dict()
    kept = {key: value for key, value in found.items() if _is_carried_over(key, heads)}
    expected = {key for key in own if _is_carried_over(key, heads)}
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
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (*_DAMAGE, UnpicklingError, SafetensorError) as error:
        raise SettingsError(
            f"{path}: no weights that can be read ({first_line(error)}); fetch it again, or take "
            "another file: .safetensors, or a .pth of tensors alone"
        ) from error
    tensors = isinstance(found, dict) and all(map(torch.is_tensor, found.values()))
    if not tensors or not all(isinstance(name, str) for name in found):
        raise SettingsError(
            f"{path}: should hold tensors by their names, and nothing around them; save its state "
            "dict alone"
        )
    return found
