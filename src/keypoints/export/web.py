"""Exports a model as a static web page that finds faces and their landmarks in the browser."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from keypoints.annotation.annotator import Annotator
from keypoints.annotation.onnx_predictor import open_onnx
from keypoints.annotation.predictor import MAX_DISAGREEMENT, MAX_POINT_DISAGREEMENT
from keypoints.annotation.writers import FRAME
from keypoints.annotation.yunet import yunet_file
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.paths import repo_root
from keypoints.evaluation.drawing import select_contours
from keypoints.export.onnxruntime_web import unpack_onnxruntime_web
from keypoints.models.checkpoint import ModelInfo

_SITE = Path(__file__).parent / "site"
_STYLE = Path(__file__).parents[1] / "report" / "templates" / "style.css"
_SAMPLE = Path("data/photos/eileen_collins.jpg")  # in the public domain


def write_site(folder: Path, model: Path) -> None:
    """Write the page, its networks, onnxruntime-web and the sample photo; replace old files.

    Args:
        folder: Folder of the page.
        model: An export of the network that predicts the landmarks.

    Raises:
        PipelineError: If the model takes whole frames, or onnxruntime-web is not available.
    """
    info, _ = open_onnx(model)
    if info.task.box_scale is None:
        raise PipelineError(
            f"{info.name} takes whole frames, but the page needs a model that takes boxes; "
            "choose another model"
        )
    root = repo_root()
    unpack_onnxruntime_web(folder / "ort", root / ".downloads")
    shutil.copytree(_SITE, folder, dirs_exist_ok=True)
    shutil.copy(_STYLE, folder)
    shutil.copy(root / _SAMPLE, folder / "sample.jpg")
    shutil.copyfile(model, folder / "model.onnx")
    (folder / "yunet.onnx").write_bytes(yunet_file())
    networks = [*folder.glob("*.onnx"), *folder.glob("ort/*.wasm")]
    description = _describe_model(info) | {
        "megabytes": round(sum(file.stat().st_size for file in networks) / 1e6),
        "sample": {"name": "sample.jpg", "faces": _annotate(folder / "sample.jpg", model)},
    }
    (folder / "model.json").write_text(json.dumps(description) + "\n", encoding="utf-8")


def _describe_model(info: ModelInfo) -> dict[str, object]:
    """The properties of a model that the page's scripts need."""
    scheme, points = SCHEMES[info.scheme], info.points
    contours = [line for line in select_contours(scheme, points) if len(line.points) > 1]
    return {
        "name": info.name,
        "scheme": scheme.name,
        "frame": FRAME,
        **info.task.model_dump(include={"height", "width", "colour", "box_scale"}),
        "points": points,
        "flip_indices": flip_indices_of(points, scheme),
        "contours": [asdict(line) for line in contours],
        "max_disagreement": MAX_DISAGREEMENT,
        "max_point_disagreement": MAX_POINT_DISAGREEMENT,
    }


def _annotate(photo: Path, model: Path) -> list[dict[str, object]]:
    """The faces of a photo, which the page shows before its networks are loaded."""
    faces = Annotator(model)(photo)
    x0, y0, x1, y1 = faces.boxes.T
    columns = {
        "x": (x0 + x1) / 2,
        "y": (y0 + y1) / 2,
        "side": x1 - x0,
        "rotation": faces.rotations,
        "score": faces.scores,
        "points": faces.points,
        "uncertainty": faces.uncertainty,
    }
    values = [column.round(3).tolist() for column in columns.values()]
    return [dict(zip(columns, face, strict=True)) for face in zip(*values, strict=True)]
