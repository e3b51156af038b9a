"""Score a model on the validation faces of another folder of its data set, such as the public one.

`python tools/score_folder.py models/resnet18.safetensors --raw FOLDER` prints scores as in
metrics/scores/ and metrics/details/, without test-time augmentation. For example, they show how
well a model that was trained on rendered faces works on photos. No training face is read.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))

from keypoints.config.base import Fraction
from keypoints.config.messages import SettingsError
from keypoints.config.params import Params, read_params
from keypoints.core.cli import exit_on_error
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.evaluation.scores import score_rows, summarize
from keypoints.faces.dataset import find_dataset
from keypoints.models.predict import TrainedModel, load_model
from keypoints.prediction.tta import predict_faces


def score_folder(model_file: Path, raw: Path) -> dict[str, object]:
    """Crop the validation faces of a folder for the model's task, and score the model on them.

    Args:
        model_file: Model of this project.
        raw: Folder of the data set: data/raw/ibug of another clone, or an unpacked archive.

    Raises:
        PipelineError: If the model or the data set cannot be read, or no face is held out.
    """
    params = read_params()
    if not raw.is_dir():
        raise SettingsError(f"--raw {raw}: no such folder")
    trained = load_model(model_file)
    task = trained.info.task
    dataset = find_dataset(task.dataset)
    key = f"datasets.{task.dataset}.val_fraction"
    faces = dataset.read(raw)
    split = dataset.split(faces, params.read(key, Fraction))
    held_out = [face for face in faces if split(face) == "validation"]
    if not held_out:
        raise params.error(key, f"holds out no face of {raw}; increase it")
    with TemporaryDirectory() as folder:
        crops = Path(folder) / "crops"
        write_crops(crops, raw, held_out, split, CropFormat.of(task, dataset.scheme))
        with CropStore(crops) as store:
            return _score(trained, store, params)


def _score(trained: TrainedModel, store: CropStore, params: Params) -> dict[str, object]:
    rows = store.rows("validation")
    device = choose_device(params.read("device", DeviceSetting))
    predicted = predict_faces(trained, store, rows, device).landmarks_photo
    errors, mse = score_rows(store, rows, predicted, trained.info.points)
    return summarize(errors, mse=mse)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_file", type=Path, help="a model of this project, .safetensors")
    parser.add_argument("--raw", type=Path, required=True, help="folder of the data set")
    arguments = parser.parse_args()
    with exit_on_error():
        print(json.dumps(score_folder(arguments.model_file, arguments.raw), indent=2))


if __name__ == "__main__":
    main()
