"""Parts of benchmarks/gpu.py that measure speed and memory: each returns a record."""

import importlib.metadata
import math
import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch
from gpu_checks import Result, Run, open_run
from gpu_workspace import Options
from training_loops import ResidentLoop, compare_loops, initial_network, train_config, wait_for

from keypoints.core.devices import choose_device
from keypoints.crops.batches import to_input
from keypoints.training.loop import train

TARGET = 0.9  # speed of the training loop relative to a resident batch
PACKAGES = ("torchvision", "timm", "safetensors", "numpy", "pydantic", "onnxruntime")


def run_versions(options: Options, seconds: float) -> Result:
    """Versions of the libraries, the device, and the two limits of its speed."""
    device = choose_device(options.device)
    result: Result = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
    }
    for name in (*PACKAGES, "opencv-python-headless"):
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            result[name] = None
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.sm", "--format=csv,noheader"]
        result |= {
            "device": properties.name,
            "multiprocessors": properties.multi_processor_count,
            "memory, GiB": round(properties.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver, clock": subprocess.run(query, capture_output=True, text=True).stdout.strip(),
        }
    size = 512 if options.quick else 8192
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    source, target = (torch.randn(4 * size, size, device=device) for _ in range(2))
    product, copy = (
        _median_seconds(work, device)
        for work in (lambda: matrix @ matrix, lambda: target.copy_(source))
    )
    result["matrix product, TFLOP/s"] = round(2 * size**3 / product / 1e12, 2)
    result["copy, GB/s read and written"] = round(2 * source.nbytes / copy / 1e9, 1)
    return result


def _median_seconds(work: Callable[[], object], device: torch.device, rounds: int = 10) -> float:
    times = []
    for _ in range(rounds + 3):
        wait_for(device)
        start = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - start)
    return median(times[3:])


def run_speed(options: Options, seconds: float, name: str, batch_size: int | None = None) -> Result:
    """Compare the training loop with bare steps; time what else a step needs, and its memory."""
    each = 0.2 if options.quick else min(6.0, 0.2 * seconds)
    changes = {} if batch_size is None else {"batch_size": 6 if options.quick else batch_size}
    with open_run(options, name, **changes) as run:
        memory = _measure_memory(run)
        loops = compare_loops(run.settings, run.store, run.device, seconds=each)
        real, bare = (loops.steps / median(t) for t in (loops.times.first, loops.times.second))
        return (
            {
                "batch": loops.batch_size,
                "input, px": run.settings.task.input_size,
                "loop, steps/s": round(real, 2),
                "resident batch, steps/s": round(bare, 2),
                "loop, images/s": round(real * loops.batch_size, 1),
                "loop / resident batch": round(loops.times.speed_ratio, 3),
                "ok": loops.times.speed_ratio >= TARGET or run.device.type == "cpu",
            }
            | _time_parts(run, loops.steps)
            | memory
        )


def _measure_memory(run: Run) -> Result:
    """Peak memory of a short epoch of the training loop, MiB."""
    is_cuda = run.device.type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats()
    phase = run.phase()
    rows = np.resize(phase.train_batches.rows, 3 * phase.train_batches.batch_size)
    phase = replace(phase, train_batches=replace(phase.train_batches, rows=rows), epochs=1)
    network = initial_network(run.settings, run.store)
    list(train(network, [phase], train_config(run.settings, run.store, run.device)))
    result = {"crop store, MiB": math.prod(run.store.crops.shape) >> 20}
    if is_cuda:
        result["allocated at most, MiB"] = torch.cuda.max_memory_allocated() >> 20
        result["reserved at most, MiB"] = torch.cuda.max_memory_reserved() >> 20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result | {"peak memory of the process, MiB": peak >> 10}


def _time_parts(run: Run, steps: int) -> Result:
    """Steps per second of loading alone, and of a resident batch with tuned convolutions."""
    batches, device = run.phase().train_batches, run.device
    batches = replace(batches, rows=np.resize(batches.rows, steps * batches.batch_size))

    def load() -> None:
        for batch in batches.epoch(1):
            to_input(batch, device)
        wait_for(device)

    result = {"loading, steps/s": round(steps / _median_seconds(load, device, rounds=1), 2)}
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        resident = ResidentLoop(run.settings, run.store, device)
        resident.run(3)
        tuned = _median_seconds(lambda: resident.run(steps), device, rounds=3)
        torch.backends.cudnn.benchmark = False
        result["resident batch, cudnn.benchmark, steps/s"] = round(steps / tuned, 2)
    return result


def run_compile(options: Options, seconds: float) -> Result:
    """Compare compiled training steps with plain ones."""
    name = "nose_net" if options.quick else "resnet18"
    steps = 3 if options.quick else 50
    result: Result = {"model": name}
    losses = []
    with open_run(options, name) as run:
        batch = next(run.phase().train_batches.epoch(1))
        for label, compiled in (("plain", False), ("compiled", True)):
            trainer = run.trainer(compiled=compiled)
            trainer.set_lr(1e-4)
            start = time.perf_counter()
            losses.append([trainer.step(batch, number)[0].item() for number in range(3)])
            result[f"{label}, first steps, s"] = round(time.perf_counter() - start, 1)

            def run_steps(trainer: Any = trainer) -> None:
                for number in range(steps):
                    trainer.step(batch, number)

            step_seconds = _median_seconds(run_steps, run.device, rounds=3) / steps
            result[f"{label}, steps/s"] = round(1 / step_seconds, 2)
    difference = float(np.abs(np.divide(*losses) - 1).max())
    return result | {"difference of losses": difference, "ok": difference < 0.02}
