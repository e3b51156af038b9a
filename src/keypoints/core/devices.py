"""The device that a network runs on, and the arithmetic that pays there."""

from contextlib import AbstractContextManager, nullcontext

import torch
from numpy.typing import NDArray
from torch import Tensor

from keypoints.core.errors import PipelineError


class DeviceError(PipelineError):
    """A device that this machine does not have."""


def choose_device(setting: str) -> torch.device:
    """The device of a setting: `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        DeviceError: If the machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if setting == "auto":
        setting = next(name for name, is_there in available.items() if is_there)
    if not available[setting]:
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise DeviceError(f"device: this machine has no {setting}; it has {there} (or say auto)")
    return torch.device(setting)


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's generator of one device; `torch.manual_seed` takes 100 us to seed them all."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def supports_fused_optimizer(device: torch.device) -> bool:
    """Whether torch's optimisers step all weights at once on a device."""
    return device.type in ("cpu", "cuda")


def to_device(values: NDArray | Tensor, device: torch.device) -> Tensor:
    """An array on a device, or what is there already; on CUDA nobody waits for it to arrive."""
    tensor = torch.as_tensor(values).contiguous()
    if device.type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()  # what is in other memory is waited for
    return tensor.to(device, non_blocking=device.type != "mps")


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Half precision where it pays: bfloat16 on CUDA. On CPUs it was measured to be slower."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
