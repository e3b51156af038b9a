"""Trains one model of params.yaml: from its crops to its model file."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated

import torch
from pydantic import Field

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.core.landmarks import SCHEMES
from keypoints.core.weights_folder import find_teacher
from keypoints.crops.batches import BatchLoader
from keypoints.crops.format import Task
from keypoints.crops.gpu_crops import make_crop_reader
from keypoints.crops.mean_shape import mean_shape_unit
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network, input_size_problem
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import save_model
from keypoints.models.settings import SizePhase
from keypoints.training.checkpoint import CheckpointFile, prune_checkpoints, run_fingerprint
from keypoints.training.distillation import load_teacher
from keypoints.training.distributed import ProcessGroup, launch_processes, process_group
from keypoints.training.folds import train_val_rows
from keypoints.training.history import EpochResult, log_progress, record_history
from keypoints.training.loop import (
    Phase,
    TrainingError,
    save_last_good,
    train,
    validate_mean_shape,
)
from keypoints.training.losses import make_loss
from keypoints.training.settings import TrainSettings, find_initial_weights
from keypoints.training.trainer import TrainConfig


def training_processes(params: Params) -> AbstractContextManager[ProcessGroup]:
    """Start the processes that the settings request, and join them."""
    launch_processes(params.read("processes", Annotated[int, Field(ge=1, le=64)]))
    return process_group()


def train_model(settings: TrainSettings, params: Params, group: ProcessGroup) -> CheckpointFile:
    """Train a model, or continue its training; write its weights and its history.

    `params` provides the settings that do not determine the weights: `device` and `compile`.

    Returns:
        The checkpoint of the run, for the caller to discard.

    Raises:
        TrainingError: If training cannot continue; the last good weights are saved.
        PipelineError: If a setting or a file cannot be used.
    """
    crops = paths.CROPS / settings.model.task
    weights, weights_source = find_initial_weights(settings.base, settings.model, settings.fold)
    device = choose_device(params.read("device", DeviceSetting))
    with CropStore(crops) as store:
        info = settings.info(store.format.scheme)
        phases = make_phases(settings, store, device, group)
        mean_unit = mean_shape_unit(store, phases[-1].train_batches.rows, info.points)
        network = build_network(
            info.model,
            info.task,
            len(info.points),
            seed=info.seed,
            mean_shape_unit=mean_unit,
            weights=weights,
            scheme=SCHEMES[info.scheme],
        )
        _check_sizes(params, settings, network)
        config = make_config(settings, info, device, compiled=params.read("compile", bool))
        machine = f"{device}, {group.world_size} process(es), compiled: {config.compile}"
        fingerprint = run_fingerprint(info.model_dump_json(), machine, [crops, weights_source])
        checkpoint = CheckpointFile(paths.checkpoint_file(info.name, fingerprint))
        prune_checkpoints(checkpoint.path.parent)
        own_checkpoint = checkpoint if group.is_main else None
        results = train(network, phases, config, checkpoint=own_checkpoint, group=group)
        try:
            *_, last = _record(results, settings, phases) if group.is_main else results
        except TrainingError as error:
            raise save_last_good(error, checkpoint, network, info) from error
        mean_shape_mse = validate_mean_shape(mean_unit, phases[-1].validation_batches, group)
        if group.is_main:
            save_model(paths.replace_output(paths.model_file(info.name)), network, info)
            _warn_if_useless(settings, last.val_mse, mean_shape_mse)
    return checkpoint


def _record(
    results: Iterator[EpochResult], settings: TrainSettings, phases: list[Phase]
) -> Iterator[EpochResult]:
    """Print and write each epoch as it ends."""
    name = settings.name
    logged = log_progress(results, phases[-1].last_epoch)
    return record_history(logged, paths.history_file(name), paths.training_metrics_file(name))


def _warn_if_useless(settings: TrainSettings, val_mse: float, mean_shape_mse: float) -> None:
    """Warn about a network that is not at least 5 % better than the mean shape (RMSE)."""
    if val_mse > 0.95**2 * mean_shape_mse:
        print(
            f"warning: {settings.name} is no better than the mean shape of the training faces "
            f"(val_mse {val_mse:.3g}, mean shape {mean_shape_mse:.3g}); try a lower learning rate "
            f"(lr is {settings.lr:g}) or more epochs",
            file=sys.stderr,
        )


def make_phases(
    settings: TrainSettings, store: CropStore, device: torch.device, group: ProcessGroup
) -> list[Phase]:
    """Create the phases of a training: those of `sizes`, and the one at full size."""
    model, task = settings.model, settings.task
    train_rows, validation_rows = train_val_rows(store, settings.fold, model.max_train_groups)
    loader = partial(
        BatchLoader,
        store,
        points=task.points_of(SCHEMES[store.format.scheme]),
        batch_size=model.batch_size,
        reader=make_crop_reader(device, store),
    )
    full_size = SizePhase(height=task.height, epochs=model.epochs, lr_scale=model.lr_scale)
    phases: list[Phase] = []
    for size in [*model.sizes, full_size]:
        first_epoch = phases[-1].last_epoch + 1 if phases else 1
        input_size = _input_size(task, size.height)
        train_batches = loader(
            train_rows,
            augment=settings.augment,
            epochs=size.epochs,
            first_epoch=first_epoch,
            seed=settings.seed,
            input_size=input_size,
            rank=group.rank,
            world_size=group.world_size,
        )
        validation_batches = loader(group.shard_rows(validation_rows), input_size=input_size)
        lr = settings.lr * size.lr_scale
        phases.append(Phase(train_batches, validation_batches, first_epoch, size.epochs, lr))
    return phases


def _input_size(task: Task, height: int) -> tuple[int, int]:
    return height, round(task.width * height / task.height)


def _check_sizes(params: Params, settings: TrainSettings, network: LandmarkNetwork) -> None:
    for size in settings.model.sizes:
        input_size = _input_size(settings.task, size.height)
        if problem := input_size_problem(network, settings.task.channels, input_size):
            key = f"models.{settings.base}.sizes"
            raise params.error(key, f"must be [], because the network {problem}")


def make_config(
    settings: TrainSettings, info: ModelInfo, device: torch.device, *, compiled: bool
) -> TrainConfig:
    """Create the options of a training.

    Raises:
        SettingsError, ModelFileError: If the teacher cannot be used.
    """
    model = info.model
    teacher = find_teacher(paths.WEIGHTS / settings.base) if model.teacher else None
    return TrainConfig(
        loss=make_loss(model, SCHEMES[info.scheme], info.points),
        optim=settings.optim,
        decay_fraction=model.decay_fraction,
        seed=info.seed,
        device=device,
        teacher=load_teacher(teacher, info) if teacher else None,
        compile=compiled,
    )
