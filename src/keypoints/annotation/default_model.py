"""Finds and opens the model of annotate.py; imports torch only if it is needed.

In the repository, the default is the network of `pretrained/` or a better one of the pipeline. An
installed copy of the package contains that network as an export, and runs any other .onnx file.
"""

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keypoints.annotation.predictor import Predictor
from keypoints.core import paths
from keypoints.core.system_files import is_system_file
from keypoints.models.checkpoint import ModelFileError, ModelInfo, read_info

ROOT = Path(__file__).resolve().parents[3]
PACKAGED = Path(__file__).with_name("wild.onnx")  # only in an installed copy: see pyproject.toml
_PIPELINES = () if PACKAGED.is_file() else (ROOT, ROOT / paths.CONTENDERS)
_ONNX_MAGIC = b"\x08"  # key of the first field, the format's version
PRETRAINED = ROOT / "pretrained" / "wild.safetensors"


def model_file(name: str | None) -> Path:
    """Find the file of a model.

    Args:
        name: Name of a model in models/, contenders/models/ or pretrained/, or a file. None: the
            committed network, unless a model that was trained on real faces has a lower NME; in an
            installed copy, the network that it contains.

    Raises:
        ModelFileError: If there is no such model.
    """
    if name is None:
        return PACKAGED if PACKAGED.is_file() else _find_best()
    files = [Path(name)]
    if files[0].suffix.lower() not in (".safetensors", ".onnx") and not files[0].is_file():
        # A name may contain dots: model.half, or model.2of5, which is in a separate folder.
        candidates = paths.MODELS / f"{name}.safetensors", paths.model_file(name)
        files = [root / candidate for root in _PIPELINES for candidate in candidates]
        if _PIPELINES:
            files.append(PRETRAINED.with_name(f"{name}.safetensors"))
    found = next(filter(Path.is_file, files), None)
    if found is None and not _PIPELINES:
        raise ModelFileError(
            f"{files[0] if files else name}: no such file; an installed copy has no other models "
            "than its own and takes files, which `python src/export.py MODEL` writes in the "
            "repository"
        )
    if found is None:
        trained = sorted(file.stem for root in _PIPELINES for file in _trained_models(root))
        names = ", ".join(trained) or "none"
        committed = sorted(file.stem for file in _models_in(PRETRAINED.parent))
        raise ModelFileError(
            f"{files[0]}: no such model; trained models: {names}; models of "
            f"{PRETRAINED.parent.name}/: {', '.join(committed) or 'none'}"
        )
    return found


def open_model(path: Path, device: str) -> tuple[ModelInfo, Callable[[], Predictor]]:
    """Read the metadata of a model file; return them with a function that loads its network.

    Args:
        path: An export, which onnxruntime runs, or a .safetensors file, which torch runs unless an
            export of its weights lies beside it, which starts faster. The content counts, not the
            name.
        device: Device for torch: cpu, cuda or mps; auto: the export, or the best device.

    Raises:
        ModelFileError: If the file is not a model of this project.
    """
    export = path if is_export(path) else path.with_suffix(".onnx")
    if path == export or (device == "auto" and export.is_file()):
        from keypoints.annotation.onnx_predictor import open_onnx  # a slow import

        try:
            return open_onnx(export, model=None if path == export else path)
        except ModelFileError as error:
            if path == export:
                raise
            print(f"warning: {error}; torch runs the model instead", file=sys.stderr)
    if not find_spec("torch"):
        raise ModelFileError(
            f"{path}: needs torch, which is not installed; export the model with "
            "`python src/export.py` where it was trained, and give the .onnx file"
        )

    def load() -> Predictor:
        from keypoints.annotation.torch_predictor import torch_predictor
        from keypoints.core.devices import choose_device
        from keypoints.models.predict import load_model

        return torch_predictor(load_model(path), choose_device(device))

    return read_info(path), load


def is_export(path: Path) -> bool:
    """Whether a file is an export, by its content; by its name if it is missing or neither."""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(9)
        if start[8:] == b"{":  # after the length of a .safetensors file's header
            return False
        if start.startswith(_ONNX_MAGIC):
            return True
    return path.suffix.lower() != ".safetensors"


def _find_best() -> Path:
    committed = [PRETRAINED] if PRETRAINED.is_file() else []
    trained = [
        path
        for root in _PIPELINES
        for path in _trained_models(root)
        if (info := _read_info(path))
        and info.task.box_scale is not None
        and (not committed or _trained_on_real_faces(info, root))
    ]
    if not committed and not trained:
        raise ModelFileError(
            f"{PRETRAINED}: missing, and no model that takes boxes is trained; restore the file "
            "with `git checkout`, or train a model with `dvc repro`"
        )
    return min([*committed, *trained], key=lambda path: validation_nme(path) or float("inf"))


def _trained_models(root: Path) -> list[Path]:
    return _models_in(root / paths.MODELS)


def _models_in(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.safetensors"))
    return [file for file in files if not is_system_file(Path(file.name))]


def _read_info(path: Path) -> ModelInfo | None:
    """Metadata of one of several models; a damaged file is named and not considered."""
    try:
        return read_info(path)
    except ModelFileError as error:
        print(f"warning: {error}; another network is used", file=sys.stderr)
        return None


def _trained_on_real_faces(info: ModelInfo, root: Path) -> bool:
    source = root / paths.RAW / info.task.dataset / "source.json"
    return _read_json(source).get("source") == "public"


def validation_nme(path: Path) -> float | None:
    """NME of a model file on its validation faces, a fraction; None if it was not evaluated."""
    evaluated = path.parents[1] / paths.SCORES / f"{path.stem}.json"
    scores = path.with_suffix(".json") if path == PRETRAINED else evaluated
    return _read_json(scores).get("nme")


def _read_json(path: Path) -> dict[str, Any]:
    """Read a record; empty if there is none, or it is damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (TypeError, ValueError) as error:
        print(f"warning: {path}: not read, because it is not JSON ({error})", file=sys.stderr)
        return {}
