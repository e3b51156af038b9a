"""Which network looks at the user's photos, and how it is opened; torch waits for its turn."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keypoints.annotation.predictor import Predictor
from keypoints.core import paths
from keypoints.models.checkpoint import ModelFileError, ModelInfo, read_info

ROOT = Path(__file__).resolve().parents[3]
_PIPELINES = (ROOT, ROOT / "contenders")  # of pipelines; the data are in the first
_SUFFIXES = (".safetensors", ".onnx")
PRETRAINED = ROOT / "pretrained" / "wild.safetensors"


def model_file(named: str | None) -> Path:
    """The file of a model that is named, or else of the best one that there is.

    Args:
        named: A model of models/ or contenders/models/, or a file; None: the committed network,
            until a model that was trained on real faces has a lower NME.

    Raises:
        ModelFileError: If there is no such model.
    """
    if named is None:
        return _best()
    of_that_name = [place / paths.model_file(named) for place in _PIPELINES]
    is_file = Path(named).suffix in _SUFFIXES
    path = Path(named) if is_file else next(filter(Path.is_file, of_that_name), None)
    if path is None or not path.is_file():
        names = ", ".join(sorted(file.stem for place in _PIPELINES for file in _trained_in(place)))
        raise ModelFileError(
            f"{path or of_that_name[0]}: no such model; trained: {names or 'none'}"
        )
    return path


def open_model(path: Path, device: str) -> tuple[ModelInfo, Callable[[], Predictor]]:
    """The settings of a model file, at once, and what loads its network, which takes longer.

    Args:
        path: .onnx, which onnxruntime runs, or .safetensors: torch runs it, unless an export of
            these very weights lies beside it and starts sooner.
        device: For torch: cpu, cuda or mps; auto: whichever there is, or the export.

    Raises:
        ModelFileError: If the file is no model of this project.
    """
    if path.suffix == ".onnx":
        return _open_onnx(path)
    exported = path.with_suffix(".onnx")
    if device == "auto" and exported.is_file():
        try:
            return _open_onnx(exported, of=path)
        except ModelFileError as error:
            print(f"{error}. Until then torch runs the model", file=sys.stderr)

    def load() -> Predictor:
        from keypoints.annotation.torch_predictor import torch_predictor
        from keypoints.core.devices import choose_device
        from keypoints.models.predict import load_model

        return torch_predictor(load_model(path), choose_device(device))

    return read_info(path), load


def _open_onnx(path: Path, of: Path | None = None) -> tuple[ModelInfo, Callable[[], Predictor]]:
    from keypoints.annotation.onnx_predictor import open_onnx  # takes its time, too

    return open_onnx(path, of=of)


def _best() -> Path:
    has_committed = PRETRAINED.is_file()
    own = [
        path
        for place in _PIPELINES
        for path in _trained_in(place)
        if _takes_a_box(path) and (_trained_on_real_faces() or not has_committed)
    ]
    if not own and not has_committed:
        raise ModelFileError(f"{PRETRAINED}: missing, and no model of boxes is trained yet")
    return min([PRETRAINED, *own] if has_committed else own, key=_nme)


def _trained_in(place: Path) -> list[Path]:
    calibrators = paths.calibrator_file("*").name
    files = (place / paths.MODELS).glob("*.safetensors")
    return sorted(path for path in files if not path.match(calibrators))


def _takes_a_box(path: Path) -> bool:
    return read_info(path).task.box_scale is not None


def _trained_on_real_faces() -> bool:
    """Whether the faces that models are trained on are real ones, as their record says."""
    return _read(_PIPELINES[0] / paths.RAW / "ibug" / "source.json").get("source") == "public"


def _nme(path: Path) -> float:
    """On the validation faces; infinite where it was not scored."""
    place, scores = path.parents[1], paths.SCORES / f"{path.stem}.json"
    of_it = path.with_suffix(".json") if path == PRETRAINED else place / scores
    return float(_read(of_it).get("nme", float("inf")))


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}
