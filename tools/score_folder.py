"""Score a model on the validation faces of another folder of its data set, say the public one.

`python src/transfer_score.py models/resnet18.safetensors --raw FOLDER` prints what metrics/scores/
would hold of a model that looks at each face once, whatever `at_test` says. Nothing is trained and
no training face is read: with a model of rendered faces it tells how far they carry.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from keypoints.config.messages import SettingsError
from keypoints.config.params import read_params
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.batches import BatchLoader
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropStore
from keypoints.evaluation.metrics import mean_squared_error
from keypoints.evaluation.scores import per_face_errors, summarize
from keypoints.faces.dataset import crop_format, load_dataset
from keypoints.core.devices import choose_device
from keypoints.models.predict import TrainedModel, load_model, predict


def score(model_file: Path, raw: Path) -> dict[str, object]:
    """Cut the validation faces as the model's task wants them, and score it on them.

    Args:
        model_file: Of this project, with all its settings.
        raw: Folder of the data set: `data/raw/ibug` of another checkout, or an unpacked archive.

    Raises:
        PipelineError: If the model or the set cannot be read, or no face is held out.
    """
    validation = read_params().validation
    if not raw.is_dir():
        raise SettingsError(f"--raw {raw}: no such folder")
    trained = load_model(model_file)
    task = trained.settings.task
    found = load_dataset(task.dataset, raw, validation)
    held_out = [face for face in found.faces if found.split(face) == "validation"]
    if not held_out:
        raise SettingsError(f"validation.{task.dataset}: no face of {raw} is held out; raise it")
    with TemporaryDirectory() as folder:
        crops = Path(folder) / "crops"
        write_crops(crops, raw, held_out, found.split, crop_format(task, found.scheme))
        with CropStore(crops) as store:
            return _score_store(trained, store)


def _score_store(trained: TrainedModel, store: CropStore) -> dict[str, object]:
    settings, rows = trained.settings, store.rows("validation")
    device = choose_device(read_params().device)
    batches = BatchLoader(store, rows, settings.points, batch_size=settings.model.batch_size)
    predictions = predict(trained.network.to(device), batches, device)
    errors = per_face_errors(
        store.faces(rows),
        predictions.landmarks_photo,
        store.landmarks_photo[rows],
        scheme=SCHEMES[settings.scheme],
        points=settings.points,
    )
    mse = mean_squared_error(predictions.landmarks_unit, predictions.target_unit)
    return summarize(errors, mse=mse)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_file", type=Path, help="a model of this project, .safetensors")
    parser.add_argument("--raw", type=Path, required=True, help="folder of the data set")
    arguments = parser.parse_args()
    try:
        print(json.dumps(score(arguments.model_file, arguments.raw), indent=2))
    except (PipelineError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
