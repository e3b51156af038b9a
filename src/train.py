"""Train one model with the settings of params.yaml: `python src/train.py MODEL`.

`python src/train.py MODEL.2of5` trains it without the second of five folds of its training faces.
"""

from keypoints import layout
from keypoints.batches import Batches
from keypoints.command import run_stage
from keypoints.crops import CropStore
from keypoints.devices import choose_device
from keypoints.folds import parse_item
from keypoints.inference import TrainedSettings, save_model
from keypoints.losses import LOSSES
from keypoints.models import build_network
from keypoints.resume import StateFile, remove_old_states, run_digest
from keypoints.settings import SettingsError, read_params
from keypoints.training import LearningError, tell, train, write_history
from keypoints.weights import weights_of


def train_model(name: str) -> None:
    """Train a model; write its weights and its history."""
    params = read_params()
    base, fold = parse_item(name)
    model = params.model(base)
    device = choose_device(params.device)
    with CropStore(layout.CROPS / model.task) as store:
        lr = params.lr * model.lr_scale
        settings = TrainedSettings(
            name=name,
            seed=params.seed,
            lr=lr,
            scheme=store.format.scheme,
            model=model,
            task=params.task(model.task),
        )
        sides = fold.sides(store) if fold else (store.rows("train"), store.rows("validation"))
        train_rows, validation_rows = sides
        if not len(train_rows) or not len(validation_rows):
            raise SettingsError(
                f"models.{name}: a side of the split of task {model.task} is empty; change "
                f"validation.{settings.task.dataset} or draw more faces"
            )
        network = build_network(
            model,
            settings.task,
            len(settings.points),
            seed=params.seed,
            weights=weights_of(layout.WEIGHTS / base),
        )
        digest = run_digest(
            settings.model_dump_json(),
            str(device),
            [layout.CROPS / model.task, layout.WEIGHTS / base],
        )
        path = layout.state_file(name, digest)
        remove_old_states(path.parent)
        state = StateFile(path)
        results = train(
            network,
            Batches(
                store,
                train_rows,
                settings.points,
                batch_size=model.batch_size,
                augment=model.augment,
                epochs=model.epochs,
                seed=params.seed,
            ),
            Batches(store, validation_rows, settings.points, batch_size=model.batch_size),
            loss=LOSSES[model.loss],
            lr=lr,
            lr_decay=model.lr_decay,
            recipe=model.recipe,
            epochs=model.epochs,
            seed=params.seed,
            device=device,
            state=state,
        )
        try:
            history = list(tell(results, model.epochs))
        except LearningError as error:
            if error.good is None:
                raise
            kept = path.with_suffix(".last_good.safetensors")
            save_model(layout.fresh(kept), network, settings)
            raise LearningError(f"{error}\n{kept}: the last good weights, {error.good}") from error
    save_model(layout.fresh(layout.model_file(name)), network, settings)
    write_history(layout.fresh(layout.HISTORY / f"{name}.csv"), history)
    state.discard()


if __name__ == "__main__":
    run_stage(train_model, __doc__)
