"""The device that a network runs on, and the arithmetic that suits it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from keypoints.core.errors import PipelineError

DeviceSetting = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(setting: str) -> torch.device:
    """Device of a setting, or PipelineError; `auto` selects CUDA, else MPS, else the CPU."""
    accelerators = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    names = [*(name for name, is_available in accelerators.items() if is_available), "cpu"]
    if setting not in ("auto", *names):
        raise PipelineError(
            f"device: this machine has no {setting}; use {', '.join(names)} or auto"
        )
    return torch.device(names[0] if setting == "auto" else setting)


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's generator of one device; `torch.manual_seed` seeds all, in 100 us."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def supports_fused_optimizer(device: torch.device) -> bool:
    """Whether torch's optimisers can update all parameters of a device in one step."""
    return device.type in ("cpu", "cuda")


def to_device(values: NDArray | Tensor, device: torch.device) -> Tensor:
    """Move an array or a tensor to a device, asynchronously on CUDA."""
    tensor = torch.as_tensor(values).contiguous()
    if device.type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()  # copies from other memory are synchronous
    return tensor.to(device, non_blocking=device.type != "mps")


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Mixed precision on CUDA, with bfloat16; CPUs were measured to be slower with it."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
