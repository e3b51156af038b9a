"""Part of benchmarks/gpu.py that trains a large network for the remaining time."""

import time

import numpy as np
from gpu_checks import CPU, Result, change_model, open_run, read_history
from gpu_workspace import LARGE, Options

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.landmarks import SCHEMES
from keypoints.evaluation.metrics import inter_ocular, normalized_mean_error
from keypoints.models.predict import load_model, predict, save_model
from keypoints.models.settings import SizePhase
from keypoints.training.distributed import SINGLE_PROCESS
from keypoints.training.run import train_model
from keypoints.training.settings import TrainSettings

PHASES = ((0.5, 0.4, 2.0), (0.75, 0.25, 1.0))  # size, fraction of the epochs, lr_scale
COST = 0.4 * 0.5**2 + 0.25 * 0.75**2 + 0.35  # of an epoch, relative to one at full size
MARGIN = 0.8  # of the time, because the speed of epochs varies


def run_contender(options: Options, seconds: float) -> Result:
    """Train heat maps on progressively larger crops; write the weights in half precision."""
    end = time.monotonic() + seconds
    with open_run(options, LARGE) as run:
        train_model(_plan(run.settings, 4), read_params(), SINGLE_PROCESS).discard()
        epoch_seconds = read_history(LARGE)[-1]["seconds"]  # at full size
        n_epochs = int(MARGIN * (end - time.monotonic()) / (COST * epoch_seconds))
        settings = _plan(run.settings, 4 if options.quick else n_epochs)
        train_model(settings, read_params(), SINGLE_PROCESS).discard()
        trained = load_model(paths.model_file(LARGE))
        predictions = predict(
            trained.network.to(run.device), run.phase().validation_batches, run.device
        )
        rows = run.store.rows("validation")
        target = run.store.landmarks_photo[rows]
        norm = inter_ocular(target, SCHEMES[run.store.format.scheme].eye_corners)
        nme = normalized_mean_error(predictions.landmarks_photo, target, norm=norm)
    file = options.out / f"{LARGE}.half.safetensors"
    save_model(file, trained.network.to(CPU).half(), trained.info)
    return {
        "backbone": options.backbone,
        "epochs": [*(size.epochs for size in settings.model.sizes), settings.model.epochs],
        "NME of the validation faces": float(np.mean(nme)),
        "val_mse": [row["val_mse"] for row in read_history(LARGE)][-5:],
        "weights, MiB": round(file.stat().st_size / 2**20, 2),
        "ok": file.stat().st_size <= 16 * 2**20,
    }


def _plan(settings: TrainSettings, epochs: int) -> TrainSettings:
    """The settings with some epochs over all sizes, at least one of each size."""
    sizes = [
        SizePhase(
            height=round(size * settings.task.height),
            epochs=max(1, round(fraction * epochs)),
            lr_scale=lr_scale,
        )
        for size, fraction, lr_scale in PHASES
    ]
    last = max(1, epochs - sum(size.epochs for size in sizes))
    return change_model(settings, sizes=sizes, epochs=last)
