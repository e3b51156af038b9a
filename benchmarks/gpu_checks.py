"""Parts of benchmarks/gpu.py that check results: each returns its measurements as a record."""

import csv
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from gpu_workspace import ROOT, Options
from numpy.typing import NDArray
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from training_loops import initial_network, train_config, wait_for

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.devices import choose_device, seed_torch
from keypoints.crops.augment import Augment, sample_params
from keypoints.crops.batches import BatchLoader
from keypoints.crops.cpu_crops import CpuCropReader
from keypoints.crops.gpu_crops import CropReader, GpuCropReader
from keypoints.crops.store import CropStore
from keypoints.models.predict import load_model, predict
from keypoints.training.distributed import SINGLE_PROCESS
from keypoints.training.loop import FiniteLossCheck, Phase
from keypoints.training.run import make_phases, train_model
from keypoints.training.settings import TrainSettings, read_train_settings
from keypoints.training.trainer import Trainer

CPU = torch.device("cpu")
Result = dict[str, Any]
EVERY_KIND = Augment(
    translate=10,
    rotation=45,
    brightness=0.2,
    saturation=0.2,
    scale=0.2,
    gamma=0.5,
    blur=2.0,
    hflip=0.5,
    erase=0.5,
)
# With random weights, deep networks with batch norms amplify rounding until no gradient is alike.
TRAINED = {"sharp_224": ROOT / "pretrained/sharp_224.safetensors"}
PIXEL_LIMIT = 2  # of 255
PREDICTION_LIMIT = 0.25  # px of the input: convolutions of a GPU use TF32


@dataclass(frozen=True)
class Run:
    """A model with its open store, on a device.

    Attributes:
        settings: Settings of the model.
        store: Crop store of its task.
        device: Device that is tested.
        weights: Model file with the initial weights of trainers; None: random.
    """

    settings: TrainSettings
    store: CropStore
    device: torch.device
    weights: Path | None = None

    def phase(self, device: torch.device | None = None) -> Phase:
        """The phase at full size, with its batches."""
        return make_phases(self.settings, self.store, device or self.device, SINGLE_PROCESS)[-1]

    def trainer(self, device: torch.device | None = None, *, compiled: bool = False) -> Trainer:
        """A trainer of a network with its initial weights."""
        device = device or self.device
        network = initial_network(self.settings, self.store, self.weights).to(device)
        config = train_config(self.settings, self.store, device, compiled=compiled)
        return Trainer(network.to(memory_format=torch.channels_last), config)


@contextmanager
def open_run(options: Options, name: str, **changes: Any) -> Iterator[Run]:
    """Open a model of the workspace, with changed settings."""
    settings = change_model(read_train_settings(read_params(), name), **changes)
    with CropStore(paths.CROPS / settings.model.task) as store:
        yield Run(settings, store, choose_device(options.device))


def change_model(settings: TrainSettings, **changes: Any) -> TrainSettings:
    """The settings with other values of the model."""
    return replace(settings, model=settings.model.model_copy(update=changes))


def run_crops(options: Options, seconds: float) -> Result:
    """Compare augmented crops of the GPU with those of the CPU, in colour and in grayscale."""
    result: Result = {}
    for name in ("resnet18", "face_net"):
        with open_run(options, name) as run:
            result[run.settings.model.task] = _compare_crops(run)
    return result


def _compare_crops(run: Run) -> Result:
    rows = np.arange(min(len(run.store), 64))
    size = run.store.format.input_size
    params = sample_params(EVERY_KIND, size, seed=1, epoch=1, rows=rows)
    maps = np.tile(run.store.format.crop_to_input(), (len(rows), 1, 1))
    maps[:, :, 2] += np.random.default_rng(1).uniform(-5, 5, (len(rows), 2))
    reference: CropReader = CpuCropReader(run.store)
    try:
        expected = torch.as_tensor(reference.read(rows, maps, size, params))
    except ImportError:  # without OpenCV; tests compare the two on a CPU
        reference = GpuCropReader(run.store, CPU)
        expected = torch.as_tensor(reference.read(rows, maps, size, params))
    found = GpuCropReader(run.store, run.device).read(rows, maps, size, params).cpu()
    difference = (found.int() - expected.int()).abs()
    return {
        "reference": type(reference).__name__,
        "largest difference": int(difference.max()),
        "fraction of equal values": float((difference == 0).float().mean()),
        "ok": int(difference.max()) <= PIXEL_LIMIT,
    }


def run_step(options: Options, seconds: float, name: str) -> Result:
    """Compare a training step with float32 on the CPU, relative to bfloat16 there."""
    with open_run(options, name, batch_size=4 if options.quick else 16) as run:
        run = replace(run, weights=TRAINED.get(name))
        loss, gradient = _step(run, CPU)
        bfloat16 = torch.autocast("cpu", dtype=torch.bfloat16)
        _, rounded = _step(run, CPU, bfloat16)
        own_loss, own = _step(run, run.device)
        error, expected_error = (_relative(each, gradient) for each in (own, rounded))
        loss_error = abs(own_loss / loss - 1)
    return {
        "loss error": loss_error,
        "gradient error": error,
        "gradient error of bfloat16 on the CPU": expected_error,
        "ok": loss_error < 0.02 and error < max(2 * expected_error, 0.02),
    }


def _step(run: Run, device: torch.device, precision: Any = None) -> tuple[float, Tensor]:
    """Loss and gradient of one step on unaugmented faces."""
    trainer = run.trainer(device)
    trainer.set_lr(0.0)
    batches = run.phase(CPU).validation_batches
    batch = next(replace(batches, rows=run.phase(CPU).train_batches.rows).epoch())
    changed = patch("keypoints.training.trainer.autocast", lambda device: precision)
    with changed if precision is not None else nullcontext():
        loss, _ = trainer.step(batch)
    gradients = [weights.grad.flatten() for weights in trainer.network.parameters()]
    return loss.item(), torch.cat(gradients).double().cpu()


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def run_training(options: Options, seconds: float, name: str) -> Result:
    """Train a model for two epochs and predict with its file on the CPU."""
    with open_run(options, name, epochs=2) as run:
        train_model(run.settings, read_params(), SINGLE_PROCESS).discard()
        trained = load_model(paths.model_file(name))
        batches = run.phase(CPU).validation_batches
        batches = replace(batches, rows=batches.rows[:16])
        on_cpu = predict(trained.network, batches, CPU).landmarks_unit
        on_device = predict(trained.network.to(run.device), batches, run.device).landmarks_unit
        difference = np.abs(on_cpu - on_device).max() * max(run.settings.task.input_size)
    history = read_history(name)
    return {
        "val_mse": [row["val_mse"] for row in history],
        "difference to the CPU's predictions, px": float(difference),
        "ok": len(history) == 2 and bool(difference < PREDICTION_LIMIT),
    }


def read_history(name: str) -> list[dict[str, float]]:
    """Read the history of a model, a row per epoch."""
    with paths.history_file(name).open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def train_command(options: Options, name: str) -> list[str]:
    """Command of the train stage of a model."""
    script = "benchmarks/gpu_stage.py" if options.device == "cpu" else "src/train.py"
    return [sys.executable, str(ROOT / script), name]


def run_stage(options: Options, seconds: float) -> Result:
    """Train resnet18 with its stage: 20 epochs of the task's training faces."""
    start = time.perf_counter()
    subprocess.run(train_command(options, "resnet18"), check=True)
    history = read_history("resnet18")
    epochs = [row["seconds"] for row in history]
    return {
        "stage, s": round(time.perf_counter() - start, 2),
        "epochs, s": [round(each, 3) for each in epochs],
        "all epochs, s": round(sum(epochs), 2),
        "val_mse": [row["val_mse"] for row in history],
    }


def run_resume(options: Options, seconds: float) -> Result:
    """Kill a training after its first checkpoint and continue it; compare with an unbroken one."""
    command = train_command(options, "face_net")
    subprocess.run(command, check=True)
    expected = read_history("face_net")
    training = subprocess.Popen(command)
    while not list(Path(".resume").glob("*.state")) and training.poll() is None:
        time.sleep(0.005)
    training.kill()
    killed = training.wait() < 0
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    continued = re.search(r"continuing in (epoch \d+ after step \d+)", done.stdout)
    found = read_history("face_net")
    last, expected_last = found[-1]["val_mse"], expected[-1]["val_mse"]
    equal = last == expected_last if options.device == "cpu" else last < 2 * expected_last
    return {
        "killed": killed,
        "continued": continued[1] if continued else None,
        "val_mse": last,
        "val_mse without interruption": expected_last,
        "ok": killed and continued is not None and len(found) == len(expected) and equal,
    }


def run_synchronisation(options: Options, seconds: float) -> Result:
    """Look for synchronisation within steps, and for the kernels that take the time."""
    n_steps = 3 if options.quick else 20
    with open_run(options, "resnet18") as run:
        trainer, batches = run.trainer(), run.phase().train_batches
        _run_steps(trainer, batches, 2)
        wait_for(run.device)
        result: Result = {"steps": n_steps}
        if run.device.type == "cuda":
            result |= {"synchronising operation": _find_synchronisation(trainer, batches, n_steps)}
            result["ok"] = result["synchronising operation"] is None
        start = time.perf_counter()
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            _run_steps(trainer, batches, n_steps)
            wait_for(run.device)
        milliseconds = 1000 * (time.perf_counter() - start) / n_steps
    return result | {"ms per step": milliseconds} | _summarise(profiler, n_steps)


def _find_synchronisation(trainer: Trainer, batches: BatchLoader, n_steps: int) -> str | None:
    """First operation of some steps, and of loading their batches, that waits for the GPU."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        _run_steps(trainer, batches, n_steps)
    except RuntimeError as error:
        return str(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return None


def _run_steps(trainer: Trainer, batches: BatchLoader, n_steps: int) -> None:
    """Steps as the training loop runs them."""
    losses, device = FiniteLossCheck(n_steps + 1), trainer.config.device
    for number, batch in enumerate(islice(batches.epoch(1), n_steps)):
        seed_torch(number, device)
        trainer.set_lr(1e-4)
        loss, _ = trainer.step(batch, number)
        losses.add(loss, "", 1e-4)


def _summarise(profiler: profile, n_steps: int) -> Result:
    """Time of the GPU per step, the kernels that take most of it, and waits of the CPU."""
    events = profiler.key_averages()
    kernels = sorted(
        (event for event in events if event.device_type == torch.autograd.DeviceType.CUDA),
        key=lambda event: -event.self_device_time_total,
    )
    busy = sum(event.self_device_time_total for event in kernels)
    waits = {event.key: event.count for event in events if "ynchronize" in event.key}
    return {
        "ms of the GPU per step": busy / n_steps / 1000,
        "kernels": {
            event.key[:90]: [round(event.self_device_time_total / n_steps, 1), event.count]
            for event in kernels[:15]
        },
        "waits of all steps": waits,
    }


def run_onnx(options: Options, seconds: float) -> Result:
    """Compare the committed ONNX export on the GPU with the same export on the CPU."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return {"skipped": f"onnxruntime has only {onnxruntime.get_available_providers()}"}
    crops = np.random.default_rng(1).integers(0, 256, (64, 128, 128, 3), np.uint8)
    outputs: list[NDArray] = []
    result: Result = {}
    for provider in ("CPUExecutionProvider", "CUDAExecutionProvider"):
        session = onnxruntime.InferenceSession(ROOT / "pretrained/wild.onnx", providers=[provider])
        assert provider in session.get_providers(), f"{provider} could not be loaded"
        outputs.append(session.run(None, {"crops": crops})[0])
        start = time.perf_counter()
        for _ in range(10):
            session.run(None, {"crops": crops})
        result[f"{provider}, faces/s"] = round(640 / (time.perf_counter() - start), 1)
    difference = 128 * float(np.abs(outputs[0] - outputs[1]).max())
    return result | {"largest difference, px": difference, "ok": difference < PREDICTION_LIMIT}
