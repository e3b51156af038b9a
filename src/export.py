"""Export a trained model: `python src/export.py MODEL`.

Examples:
  python src/export.py resnet18                              # -> models/resnet18.onnx
  python src/export.py resnet18 --half                       # -> models/resnet18.half.safetensors
  python src/export.py resnet18 --half --out small.safetensors
  python src/export.py --web demo                            # a web page with annotate.py's model
  python src/export.py resnet18 --web demo                   # a web page with another model
  python -m http.server --directory demo                     # serves it at http://localhost:8000
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from keypoints.annotation.default_model import is_export, model_file
from keypoints.core.cli import exit_on_error
from keypoints.core.errors import PipelineError
from keypoints.core.paths import atomic_file
from keypoints.models.checkpoint import ModelFileError
from keypoints.models.predict import load_model, save_model


def export(arguments: argparse.Namespace) -> str:
    """Export a model and return a message with the name of the result."""
    path = model_file(arguments.model)
    if arguments.web:
        from keypoints.export.web import write_site

        write_site(arguments.web, _current_export(path))
        return f"{arguments.web}: serve it with `python -m http.server --directory {arguments.web}`"
    if is_export(path):
        problem = "an export already, or no model file"
        raise PipelineError(f"{path}: {problem}; give the .safetensors file of its model")
    suffix = ".safetensors" if arguments.half else ".onnx"
    out = arguments.out or path.with_suffix(".half.safetensors" if arguments.half else ".onnx")
    if out.suffix.lower() != suffix or out.resolve() == path.resolve():
        raise PipelineError(f"--out {out}: must be a {suffix} file, and not {path} itself")
    trained = load_model(path)
    if arguments.half:
        with atomic_file(out) as temporary:
            save_model(temporary, trained.network.half(), trained.info)
    else:
        from keypoints.export.onnx import write_onnx  # a slow import

        write_onnx(out, trained, model=path)
    return f"{out}: {out.stat().st_size / 1e6:.1f} MB"


def _current_export(path: Path) -> Path:
    """The export beside a model file, written first if it is missing or of other weights."""
    from keypoints.annotation.onnx_predictor import open_onnx  # slow imports

    exported = path.with_suffix(".onnx")
    if path != exported:
        try:
            open_onnx(exported, model=path)
        except ModelFileError:
            from keypoints.export.onnx import write_onnx

            write_onnx(exported, load_model(path), model=path)
    return exported


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and export; exit with code 1 if the user can fix the problem."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="name of a model in models/ or contenders/models/, or a .safetensors file; "
        "with --web, it is optional and may be an export",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--half", action="store_true", help="write a model file with float16 weights, not ONNX"
    )
    kind.add_argument(
        "--web", metavar="DIR", type=Path, help="folder for a page that runs it in the browser"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="file of the export (default: beside the model)"
    )
    given = parser.parse_args(arguments)
    if given.web and given.out:
        parser.error("--out cannot be combined with --web, which names a folder")
    if not given.web and not given.model:
        parser.error("MODEL is required unless --web is given")
    with exit_on_error():
        print(export(given))


if __name__ == "__main__":
    main()
