"""Export a trained model: `python src/export.py MODEL`.

For example:
  python src/export.py resnet18                     # -> models/resnet18.onnx
  python src/export.py resnet18 --half --out small.safetensors
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from keypoints.command import errors_as_messages
from keypoints.inference import load_model
from keypoints.prediction.chosen_model import model_file
from keypoints.trained_settings import ModelFileError


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
        from keypoints.inference import save_model

        save_model(out, trained.network.half(), trained.settings)
        return out
    from keypoints.prediction.onnx_export import write_onnx

    write_onnx(out, trained, of=path)
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, and say where to; exit 1 with a message where a user can mend something."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("model", metavar="MODEL", help="of models/, or a .safetensors file")
    parser.add_argument("--half", action="store_true", help="weights in half precision, no ONNX")
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: beside the model")
    with errors_as_messages():
        out = export(parser.parse_args(arguments))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
