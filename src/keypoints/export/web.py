"""The demo as a folder of files that any file server serves."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np

from keypoints.annotation.writers import FRAME
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.export.onnx import write_onnx
from keypoints.export.onnxruntime_web import DemoError, put_onnxruntime_web
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.predict import TrainedModel
from keypoints.rendered.wild import draw_wild_photo

_SITE = Path(__file__).parent / "site"
_STYLE = Path(__file__).parents[1] / "page" / "templates" / "style.css"
_SAMPLE_SEED = 13  # a face that is easy to like


def build_demo(folder: Path, trained: TrainedModel, *, downloads: Path) -> None:
    """Write page, network, onnxruntime-web and a drawn face.

    Args:
        folder: Of the demo; what is in it is replaced.
        trained: A model of a task with boxes.
        downloads: Where packages are kept.

    Raises:
        DemoError: If the model sees whole frames, or onnxruntime-web cannot be had.
    """
    settings = trained.settings
    if settings.task.box_scale is None:
        raise DemoError(f"{settings.name} sees whole frames; the demo needs a model of boxes")
    put_onnxruntime_web(folder / "ort", downloads)
    shutil.copytree(_SITE, folder, dirs_exist_ok=True)
    shutil.copy(_STYLE, folder)
    write_onnx(folder / "model.onnx", trained)
    sample = draw_wild_photo(np.random.default_rng(_SAMPLE_SEED))
    cv2.imwrite(str(folder / "sample.png"), sample.pixels)
    box = dict(zip(("x", "y", "width", "height"), sample.box, strict=True))
    record = describe(settings) | {"sample_box": box}
    (folder / "model.json").write_text(json.dumps(record) + "\n")


def describe(settings: ModelInfo) -> dict[str, object]:
    """What the page must know of a model."""
    scheme, points, task = SCHEMES[settings.scheme], settings.points, settings.task
    contours = [
        {"points": [points.index(point) for point in contour.points], "closed": contour.closed}
        for contour in scheme.contours
        if set(contour.points) <= set(points)
    ]
    return {
        "name": settings.name,
        "scheme": scheme.name,
        "frame": FRAME,
        "height": task.height,
        "width": task.width,
        "colour": task.colour,
        "box_scale": task.box_scale,
        "points": list(points),
        "flip_indices": flip_indices_of(points, scheme),
        "contours": contours,
    }
