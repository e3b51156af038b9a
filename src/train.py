"""Train one model with the settings of params.yaml: `python src/train.py MODEL`.

`python src/train.py MODEL.2of5` trains it without the second of five folds of its training faces.
`torchrun ... src/train.py MODEL` trains it in all processes that torchrun starts.
"""

from functools import partial

from keypoints import layout
from keypoints.command import run_stage
from keypoints.crops.batches import Batches
from keypoints.crops.device_pixels import pixels_on
from keypoints.crops.store import CropStore
from keypoints.devices import choose_device
from keypoints.inference import TrainedSettings, save_model
from keypoints.landmarks import SCHEMES
from keypoints.models import build_network
from keypoints.settings.params import read_params
from keypoints.sources.weights import teacher_of
from keypoints.training.folds import parse_item, sides_of
from keypoints.training.history import tell, write_history
from keypoints.training.loop import LearningError, train, with_last_good
from keypoints.training.losses import make_loss
from keypoints.training.resume import open_state, run_digest
from keypoints.training.starting import first_weights
from keypoints.training.teaching import load_teacher
from keypoints.training.team import LONG_PATIENCE, PATIENCE, together


def train_model(name: str) -> None:
    """Train a model; write its weights and its history."""
    params = read_params()
    base, fold = parse_item(name)
    model, task = params.model(base), params.task(params.model(base).task)
    seed = params.seed if model.seed is None else model.seed
    epochs = model.epochs
    crops, (start, started_by) = layout.CROPS / model.task, first_weights(base, model, fold)
    patience = LONG_PATIENCE if params.compile else PATIENCE
    with CropStore(crops) as store, together(params.processes, patience) as team:
        settings = TrainedSettings(
            name=name,
            seed=seed,
            lr=params.lr * model.lr_scale,
            scheme=store.format.scheme,
            model=model,
            task=task,
        )
        train_rows, validation_rows = sides_of(store, fold, model.groups)
        points = settings.points
        device = choose_device(params.device)
        batches = partial(
            Batches,
            store,
            points=points,
            batch_size=model.batch_size,
            pixels=pixels_on(device, store),
        )
        examples = batches(
            train_rows,
            augment=model.augment,
            epochs=epochs,
            seed=seed,
            with_sizes=model.loss_by_size > 0,
            part=team.part,
        )
        network = build_network(
            model,
            task,
            len(points),
            seed=seed,
            mean_unit=examples.mean_unit(),
            weights=start,
            scheme=SCHEMES[store.format.scheme],
        )
        taught_by = teacher_of(layout.WEIGHTS / base) if model.teacher else None
        run = f"{device}, {team.size} processes" if team.size > 1 else str(device)
        run += ", compiled" if params.compile else ""
        digest = run_digest(settings.model_dump_json(), run, [crops, started_by])
        state = open_state(name, digest)
        results = train(
            network,
            examples,
            batches(team.part_of(validation_rows)),
            loss=make_loss(model, SCHEMES[store.format.scheme], points),
            lr=settings.lr,
            lr_decay=model.lr_decay,
            recipe=model.recipe,
            epochs=epochs,
            seed=seed,
            device=device,
            state=state if team.leads else None,
            team=team,
            teacher=load_teacher(taught_by, settings) if taught_by else None,
            compiled=params.compile,
        )
        try:
            history = list(tell(results, epochs) if team.leads else results)
        except LearningError as error:
            raise with_last_good(error, state, network, settings) from error
        if team.leads:
            save_model(layout.fresh(layout.model_file(name)), network, settings)
            write_history(layout.fresh(layout.HISTORY / f"{name}.csv"), history)
            state.discard()


if __name__ == "__main__":
    run_stage(train_model, __doc__)
