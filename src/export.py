"""Export a trained model: `python src/export.py MODEL`.

For example:
  python src/export.py resnet18                     # -> models/resnet18.onnx
  python src/export.py resnet18 --half --out small.safetensors
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from keypoints.annotation.default_model import model_file
from keypoints.core.cli import exit_on_error
from keypoints.models.checkpoint import ModelFileError
from keypoints.models.predict import load_model


def export(given: argparse.Namespace) -> Path:
    """Write the file that the command line asks for; its path."""
    path = model_file(given.model)
    if path.suffix == ".onnx":
        raise ModelFileError(f"{path}: is an export; say the .safetensors file of its model")
    suffix = ".safetensors" if given.half else ".onnx"
    out = given.out or path.with_suffix(".half.safetensors" if given.half else suffix)
    if out.suffix != suffix or out.resolve() == path.resolve():
        raise ModelFileError(f"--out {out}: should be another file than the model's, a {suffix}")
    trained = load_model(path)
    if given.half:
        from keypoints.models.predict import save_model

        save_model(out, trained.network.half(), trained.settings)
        return out
    from keypoints.export.onnx import write_onnx

    write_onnx(out, trained, of=path)
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, and say where to; exit 1 with a message where a user can mend something."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("model", metavar="MODEL", help="of models/, or a .safetensors file")
    parser.add_argument("--half", action="store_true", help="weights in half precision, no ONNX")
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: beside the model")
    with exit_on_error():
        out = export(parser.parse_args(arguments))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
