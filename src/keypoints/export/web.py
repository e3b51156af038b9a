"""Exports a model as a static web page that predicts landmarks in the visitor's browser."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np

from keypoints.annotation.writers import FRAME
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.paths import repo_root
from keypoints.evaluation.drawing import select_contours
from keypoints.export.onnx import write_onnx
from keypoints.export.onnxruntime_web import unpack_onnxruntime_web
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.predict import TrainedModel
from keypoints.rendered.ibug_photo import render_ibug_photo

_DOWNLOADS = Path(".downloads")
_SITE = Path(__file__).parent / "site"
_STYLE = Path(__file__).parents[1] / "report" / "templates" / "style.css"
_SAMPLE_SEED = 13  # a likeable face


def write_site(folder: Path, trained: TrainedModel) -> None:
    """Write the page, the network, onnxruntime-web and a rendered sample face.

    Args:
        folder: Folder of the page; its files are replaced.
        trained: A model of a task with boxes.

    Raises:
        PipelineError: If the model takes whole frames, or onnxruntime-web is not available.
    """
    info = trained.settings
    if info.task.box_scale is None:
        raise PipelineError(
            f"{info.name} takes whole frames, but the page needs a model that takes boxes; "
            "choose another model"
        )
    unpack_onnxruntime_web(folder / "ort", repo_root() / _DOWNLOADS)
    shutil.copytree(_SITE, folder, dirs_exist_ok=True)
    shutil.copy(_STYLE, folder)
    write_onnx(folder / "model.onnx", trained)
    sample = render_ibug_photo(np.random.default_rng(_SAMPLE_SEED))
    cv2.imwrite(str(folder / "sample.png"), sample.pixels)
    box = dict(zip(("x", "y", "width", "height"), sample.box, strict=True))
    record = describe_model(info) | {"sample_box": box}
    (folder / "model.json").write_text(json.dumps(record) + "\n")


def describe_model(info: ModelInfo) -> dict[str, object]:
    """The properties of a model that the page's scripts need."""
    scheme, points, task = SCHEMES[info.scheme], info.points, info.task
    contours = [
        {"points": contour.points, "closed": contour.closed}
        for contour in select_contours(scheme, points)
        if len(contour.points) > 1
    ]
    return {
        "name": info.name,
        "scheme": scheme.name,
        "frame": FRAME,
        "height": task.height,
        "width": task.width,
        "colour": task.colour,
        "box_scale": task.box_scale,
        "points": points,
        "flip_indices": flip_indices_of(points, scheme),
        "contours": contours,
    }
