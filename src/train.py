"""Train one model with the settings of params.yaml: `python src/train.py MODEL`.

`python src/train.py MODEL.2of5` trains it without the second of five folds of its training faces.
`torchrun ... src/train.py MODEL` trains it in all processes that torchrun starts.
"""

from functools import partial

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.landmarks import SCHEMES
from keypoints.core.weights_folder import find_teacher
from keypoints.crops.batches import BatchLoader
from keypoints.crops.gpu_crops import make_crop_reader
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network
from keypoints.core.devices import choose_device
from keypoints.models.predict import ModelInfo, save_model
from keypoints.training.checkpoint import open_checkpoint, run_fingerprint
from keypoints.training.distillation import load_teacher
from keypoints.training.distributed import COMPILE_TIMEOUT, TIMEOUT, process_group
from keypoints.training.folds import parse_fold, train_val_rows
from keypoints.training.history import log_progress, write_history
from keypoints.training.initial_weights import find_initial_weights
from keypoints.training.loop import DivergenceError, save_last_good, train
from keypoints.training.losses import make_loss


def train_model(name: str) -> None:
    """Train a model; write its weights and its history."""
    params = read_params()
    base, fold = parse_fold(name)
    model, task = params.model(base), params.task(params.model(base).task)
    seed = params.seed if model.seed is None else model.seed
    epochs = model.epochs
    crops, (start, started_by) = paths.CROPS / model.task, find_initial_weights(base, model, fold)
    patience = COMPILE_TIMEOUT if params.compile else TIMEOUT
    with CropStore(crops) as store, process_group(params.processes, patience) as team:
        settings = ModelInfo(
            name=name,
            seed=seed,
            lr=params.lr * model.lr_scale,
            scheme=store.format.scheme,
            model=model,
            task=task,
        )
        train_rows, validation_rows = train_val_rows(store, fold, model.max_train_groups)
        points = settings.points
        device = choose_device(params.device)
        batches = partial(
            BatchLoader,
            store,
            points=points,
            batch_size=model.batch_size,
            pixels=make_crop_reader(device, store),
        )
        examples = batches(
            train_rows,
            augment=model.augment,
            epochs=epochs,
            seed=seed,
            with_face_sizes=model.size_weight > 0,
            part=team.shard,
        )
        network = build_network(
            model,
            task,
            len(points),
            seed=seed,
            mean_unit=examples.mean_shape_unit(),
            weights=start,
            scheme=SCHEMES[store.format.scheme],
        )
        taught_by = find_teacher(paths.WEIGHTS / base) if model.teacher else None
        run = f"{device}, {team.size} processes" if team.size > 1 else str(device)
        run += ", compiled" if params.compile else ""
        digest = run_fingerprint(settings.model_dump_json(), run, [crops, started_by])
        state = open_checkpoint(name, digest)
        results = train(
            network,
            examples,
            batches(team.shard_rows(validation_rows)),
            loss=make_loss(model, SCHEMES[store.format.scheme], points),
            lr=settings.lr,
            decay_fraction=model.decay_fraction,
            recipe=model.recipe,
            epochs=epochs,
            seed=seed,
            device=device,
            state=state if team.is_main else None,
            team=team,
            teacher=load_teacher(taught_by, settings) if taught_by else None,
            compiled=params.compile,
        )
        try:
            history = list(log_progress(results, epochs) if team.is_main else results)
        except DivergenceError as error:
            raise save_last_good(error, state, network, settings) from error
        if team.is_main:
            save_model(paths.replace_output(paths.model_file(name)), network, settings)
            write_history(paths.replace_output(paths.HISTORY / f"{name}.csv"), history)
            state.discard()


if __name__ == "__main__":
    run_stage(train_model, __doc__)
