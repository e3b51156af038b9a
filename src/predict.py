"""Predict the faces of a model's task: `python src/predict.py MODEL`.

This is the only stage that runs a trained network on a split of a data set.
"""

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.core.predictions import PredictionsInfo, Split, write_predictions
from keypoints.crops.store import CropStore
from keypoints.models.predict import check_compatible, load_model
from keypoints.prediction.correction_settings import CorrectionSettings
from keypoints.prediction.tta import predict_faces, read_tta


def predict(name: str) -> None:
    """Write data/predictions/MODEL with the validation faces and, if there are any, the test faces.

    The training faces are included if the model's shape correction learns from them.
    """
    params = read_params()
    device = choose_device(params.read("device", DeviceSetting))
    tta = read_tta(params, name)
    splits: list[Split] = ["validation", "test"]
    if name in params.names("corrections"):
        correction: CorrectionSettings = params.entry("corrections", name, CorrectionSettings)
        if correction.source == name:
            splits.append("train")
    trained = load_model(paths.model_file(name))
    settings = trained.info
    info = PredictionsInfo(settings.model.task, settings.task.dataset, settings.points)
    with CropStore(paths.CROPS / info.task) as store:
        check_compatible(trained, name, store.format)
        predictions = {
            split: predict_faces(trained, store, rows, device, tta)
            for split in splits
            if len(rows := store.rows(split))
        }
    write_predictions(name, info, predictions)
    counts = (f"{len(faces.landmarks_photo)} {split}" for split, faces in predictions.items())
    print(f"{name}: predicted {', '.join(counts)} faces")


if __name__ == "__main__":
    run_stage(predict, __doc__)
