"""Which network looks at the user's photos, and how it is opened; torch waits for its turn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keypoints import layout
from keypoints.predictor import Predictor
from keypoints.trained_settings import ModelFileError, TrainedSettings, read_settings

ROOT = Path(__file__).resolve().parents[2]
PRETRAINED = ROOT / "pretrained" / "wild.safetensors"


def model_file(named: str | None) -> Path:
    """The file of a model that is named, or else of the best one that there is.

    Args:
        named: A model of models/, or a file; None: the committed network, until a model that was
            trained on real faces has a lower NME.

    Raises:
        ModelFileError: If there is no such model.
    """
    if named is None:
        return _best()
    path = Path(named) if Path(named).suffix else ROOT / layout.model_file(named)
    if not path.is_file():
        trained = sorted(file.stem for file in (ROOT / layout.MODELS).glob("*.safetensors"))
        there = f"models has {', '.join(trained)}" if trained else "no model is trained yet"
        raise ModelFileError(f"{path}: no such model; {there}")
    return path


def open_model(path: Path, device: str) -> tuple[TrainedSettings, Callable[[], Predictor]]:
    """The settings of a model file, at once, and what loads its network, which takes longer.

    Args:
        path: .safetensors, which torch runs, or .onnx, which onnxruntime runs.
        device: For torch: auto, cpu, cuda or mps.

    Raises:
        ModelFileError: If the file is no model of this project.
    """
    if path.suffix == ".onnx":
        from keypoints.onnx_predictor import open_onnx

        return open_onnx(path)

    def load() -> Predictor:
        from keypoints.devices import choose_device
        from keypoints.inference import load_model
        from keypoints.torch_predictor import torch_predictor

        return torch_predictor(load_model(path), choose_device(device))

    return read_settings(path), load


def _best() -> Path:
    own = _own_models()
    if PRETRAINED.is_file():
        own = [path for path in own if _trained_on_photos()]
        return min([PRETRAINED, *own], key=_nme)
    if not own:
        raise ModelFileError(f"{PRETRAINED}: missing, and no model of photos is trained yet")
    return min(own, key=_nme)


def _own_models() -> list[Path]:
    """Those that take a face's box and were scored."""
    found = sorted((ROOT / layout.MODELS).glob("*.safetensors"))
    return [path for path in found if read_settings(path).task.enlarge is not None]


def _trained_on_photos() -> bool:
    source = _read(ROOT / layout.RAW / "ibug" / "source.json")
    return source.get("source") == "public"


def _nme(path: Path) -> float:
    """On the validation faces; infinite where it was not scored."""
    is_own = path != PRETRAINED
    scores = ROOT / layout.SCORES / f"{path.stem}.json" if is_own else path.with_suffix(".json")
    return float(_read(scores).get("nme", float("inf")))


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}
