"""Exports a model as a static web page that predicts landmarks in the visitor's browser."""

import json
import shutil
from dataclasses import asdict
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

_SITE = Path(__file__).parent / "site"
_STYLE = Path(__file__).parents[1] / "report" / "templates" / "style.css"
_SAMPLE_SEED = 13  # a likeable face


def write_site(folder: Path, trained: TrainedModel) -> None:
    """Write the page, the network, onnxruntime-web and a rendered sample face; replace old files.

    Raises:
        PipelineError: If the model takes whole frames, or onnxruntime-web is not available.
    """
    info = trained.info
    if info.task.box_scale is None:
        raise PipelineError(
            f"{info.name} takes whole frames, but the page needs a model that takes boxes; "
            "choose another model"
        )
    unpack_onnxruntime_web(folder / "ort", repo_root() / ".downloads")
    shutil.copytree(_SITE, folder, dirs_exist_ok=True)
    shutil.copy(_STYLE, folder)
    write_onnx(folder / "model.onnx", trained)
    sample = render_ibug_photo(np.random.default_rng(_SAMPLE_SEED))
    (folder / "sample.png").write_bytes(cv2.imencode(".png", sample.pixels)[1].tobytes())
    box = dict(zip(("x", "y", "width", "height"), sample.box, strict=True))
    record = _describe_model(info) | {"sample_box": box}
    (folder / "model.json").write_text(json.dumps(record) + "\n")


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
    }
