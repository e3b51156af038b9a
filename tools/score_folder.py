"""Score a model on the validation faces of another folder of its data set, such as the public one.

`python tools/score_folder.py models/resnet18.safetensors --raw FOLDER` prints scores as in
metrics/scores/ and metrics/details/, for example of a model that was trained on rendered faces, on
real ones. With `--flip`, predictions are averaged with those of the flipped images. No training
face is read.

`--fit N` first fits a linear map of the predicted points to N training faces of the folder and
their flips. It adapts a network that was trained on rendered faces to the style of real labels.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np

from keypoints.config.base import Fraction
from keypoints.config.messages import SettingsError
from keypoints.config.params import Params, read_params
from keypoints.core.cli import exit_on_error
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.core.errors import shorten_list
from keypoints.core.geometry import hflip_landmarks
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.predictions import LandmarkPredictions
from keypoints.core.splits import take_groups
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.evaluation.scores import score_both_views, summarize
from keypoints.faces.dataset import find_dataset, is_rendered
from keypoints.faces.face_list import DiskBackedFaces
from keypoints.models.predict import TrainedModel, load_model
from keypoints.prediction.shape_correction import MIN_POINTS, ShapeCorrection, fit_correction
from keypoints.prediction.tta import TestTimeAugmentation, predict_faces


def score_folder(
    model_file: Path, raw: Path, *, n_fit: int = 0, flip: bool = False
) -> dict[str, object]:
    """Score a model on the validation faces of a folder.

    Args:
        model_file: Model of this project.
        raw: Folder of the data set: data/raw/ibug of another clone, or an unpacked archive.
        n_fit: Number of training faces, of different photos or persons, to fit a linear map to.
        flip: Whether to average predictions with those of the flipped images.

    Raises:
        PipelineError: If the model or the data set cannot be read, or no face is held out.
    """
    params, trained = read_params(), load_model(model_file)
    device = choose_device(params.read("device", DeviceSetting))
    points, tta = trained.info.points, TestTimeAugmentation(scales=[1.0], flip=flip)
    if n_fit and len(points) < MIN_POINTS:
        raise SettingsError(f"--fit: a map of {len(points)} point(s) is not supported")
    with crop_folder(trained, raw, params, n_train=n_fit) as store:
        rows = store.rows("validation")
        predictions = predict_faces(trained, store, rows, device, tta)
        if n_fit:
            train_rows = store.rows("train")
            learnt_from = predict_faces(trained, store, train_rows, device, tta)
            correction = _fit(learnt_from, store, train_rows, points)
            predictions = replace(
                predictions,
                landmarks_photo=correction.predict(predictions.landmarks_photo),
                mirrored_photo=correction.predict(predictions.mirrored_photo),
            )
        errors, mse, views = score_both_views(store, rows, predictions, points)
        return summarize(errors, mse=mse, views=views)


@contextmanager
def crop_folder(
    trained: TrainedModel, raw: Path, params: Params, *, n_train: int
) -> Iterator[CropStore]:
    """Crop the validation faces and some training faces of a folder for the model's task."""
    if not raw.is_dir():
        raise SettingsError(f"--raw {raw}: no such folder")
    task = trained.info.task
    dataset = find_dataset(task.dataset)
    key = f"datasets.{task.dataset}.val_fraction"
    faces = dataset.read(raw)
    split = dataset.split(faces, params.read(key, Fraction))
    if isinstance(faces, DiskBackedFaces) and faces.left_out:
        names = shorten_list([entry.name for entry in faces.left_out])
        print(f"warning: {len(faces.left_out)} face(s) left out: {names}", file=sys.stderr)
    held_out = [face for face in faces if split(face) == "validation"]
    if not held_out:
        raise params.error(key, f"holds out no face of {raw}; increase it")
    train = [face for face in faces if split(face) == "train" and not face.is_mirrored]
    first = {face.group: face for face in reversed(train)}.values()  # of each group
    is_taken = take_groups([face.group for face in first], n_train)
    train = [face for face, taken in zip(first, is_taken, strict=True) if taken]
    offset = dataset.label_offset if task.symmetric_labels and not is_rendered(raw) else None
    with TemporaryDirectory() as folder:
        crops, format_ = Path(folder) / "crops", CropFormat.of(task, dataset.scheme)
        write_crops(crops, raw, [*held_out, *train], split, format_, label_offset=offset)
        with CropStore(crops) as store:
            yield store


def _fit(
    predictions: LandmarkPredictions,
    store: CropStore,
    rows: np.ndarray,
    points: tuple[int, ...],
) -> ShapeCorrection:
    """Fit a correction to faces and their flips, since few faces determine a symmetric map best."""
    flip_indices = flip_indices_of(points, SCHEMES[store.format.scheme])
    labels = store.landmarks_photo[rows][:, list(points)]
    predicted, target = (
        np.concatenate([landmarks, hflip_landmarks(mirrored, flip_indices)])
        for landmarks, mirrored in (
            (predictions.landmarks_photo, predictions.mirrored_photo),
            (labels, labels),
        )
    )
    return fit_correction(predicted, target, 2 * store.faces(rows)["group"].tolist())


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_file", type=Path, help="a model of this project, .safetensors")
    parser.add_argument("--raw", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--fit", type=int, default=0, help="training faces to fit a map to (0)")
    parser.add_argument("--flip", action="store_true", help="average with the flipped images")
    arguments = parser.parse_args()
    with exit_on_error():
        model_file, raw = arguments.model_file, arguments.raw
        scores = score_folder(model_file, raw, n_fit=arguments.fit, flip=arguments.flip)
        print(json.dumps(scores, indent=2))


if __name__ == "__main__":
    main()
