"""The device that a network runs on, and the arithmetic that suits it."""

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from keypoints.core.errors import PipelineError

DeviceSetting = Literal["auto", "cpu", "cuda", "mps"]

# Parameters of glibc's mallopt, and values that keep all memory in the heap.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT_MEMORY = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 2**28}


def choose_device(setting: str) -> torch.device:
    """Device of a setting, or PipelineError; `auto` selects CUDA, else MPS, else the CPU.

    A process that computes on the CPU keeps its memory from then on.
    """
    accelerators = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    names = [*(name for name, is_available in accelerators.items() if is_available), "cpu"]
    if setting not in ("auto", *names):
        raise PipelineError(
            f"device: this machine has no {setting}; use {', '.join(names)} or auto"
        )
    device = torch.device(names[0] if setting == "auto" else setting)
    if device.type == "cpu":
        keep_freed_memory()
    return device


def keep_freed_memory() -> None:
    """Let this process reuse the memory of freed tensors instead of returning it to the system.

    A step allocates and frees gigabytes. By default, glibc gets the memory of each large tensor
    from the system, at the cost of a page fault per page. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: None)  # musl has none
    for parameter, value in _KEPT_MEMORY.items():
        mallopt(parameter, value)


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
