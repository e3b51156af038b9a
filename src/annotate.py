"""Predict the landmarks of all faces in photos and videos: `python src/annotate.py PHOTO ...`.

Writes photos with landmarks, JSON, and contact sheets of all faces. The uncertainty of a point is
the distance between the predictions for the face and for its horizontal flip.

Examples:
  python src/annotate.py me.jpg                          # -> annotated/me_points.jpg, me.json
  python src/annotate.py holiday/ --out points           # all photos of a folder
  python src/annotate.py 'photos/**/*.png' --format csv  # a quoted pattern; one CSV for all photos
  find . -name '*.jpg' | python src/annotate.py -        # a list of files
  python src/annotate.py clip.mp4 --every 5              # every fifth frame of a video
  python src/annotate.py me.jpg --box=-20,80,200,200     # x, y, width and height of the face
  python src/annotate.py party.jpg --thorough            # also turned heads beside upright ones
  python src/annotate.py me.jpg --model resnet18         # a model of models/, or a file
  python src/annotate.py me.jpg --onnx resnet18.onnx     # an export without its model
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

import argparse
import math
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper
from pathlib import Path

from tqdm import tqdm

from keypoints.annotation.default_model import model_file, open_model
from keypoints.annotation.images import PhotoError
from keypoints.annotation.inputs import find_files, iter_images
from keypoints.annotation.output import annotation_output
from keypoints.annotation.pipeline import AnnotatedImage, annotate_images, detect_faces_in
from keypoints.annotation.writers import ENCODING_ERRORS, FORMATS, escape_controls
from keypoints.core.cli import exit_on_error
from keypoints.core.errors import PipelineError
from keypoints.core.parallel import consume_in_background
from keypoints.faces.face import Box


def annotate(arguments: argparse.Namespace) -> bool:
    """Annotate all photos and videos; return whether all of them could be read and annotated."""
    info, load = open_model(arguments.onnx or model_file(arguments.model), arguments.device)
    if info.crop_format.box_scale is None and (arguments.box or arguments.thorough):
        raise PipelineError(
            f"--box and --thorough: {info.name} takes whole photos and no boxes; "
            "leave these options out"
        )
    files = find_files(arguments.photos)
    with (
        ThreadPoolExecutor(1) as loader,
        annotation_output(arguments.out, files.paths, info, arguments.format) as output,
        tqdm(unit="image", total=len(files.paths), disable=None) as bar,
    ):
        predictor = loader.submit(load)  # loads while the first photos are decoded
        images = iter_images(files.paths, every=arguments.every)
        detected = detect_faces_in(images, info.crop_format, arguments.box, arguments.thorough)

        def write(image: AnnotatedImage | PhotoError) -> None:
            tqdm.write(escape_controls(output.write(image)))
            bar.update()

        consume_in_background(write, annotate_images(detected, predictor.result))
    print(escape_controls(output.summary(files.left_out)))
    return output.is_complete


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and annotate; exit with code 1 if a file cannot be read."""
    warnings.filterwarnings("ignore", module="PIL")  # damaged photos are reported here
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ENCODING_ERRORS)
    with exit_on_error():
        all_read = annotate(parser().parse_args(arguments))
    sys.exit(0 if all_read else 1)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="photo, video, folder, pattern, or - (a list)"
    )
    models = parser.add_mutually_exclusive_group()
    models.add_argument(
        "--model",
        help="name of a model in models/ or contenders/models/, or a file (default: "
        "pretrained/wild.safetensors, unless a model trained on real faces has a lower NME)",
    )
    models.add_argument(
        "--onnx", metavar="FILE", type=_onnx_file, help="exported model, without its model file"
    )
    out_help = "output folder (default: annotated)"
    parser.add_argument("--out", metavar="DIR", type=Path, default="annotated", help=out_help)
    parser.add_argument(
        "--box", metavar="X,Y,W,H", type=_box, help="box of the face in px; skips face detection"
    )
    parser.add_argument(
        "--thorough", action="store_true", help="also detect turned heads beside upright ones"
    )
    parser.add_argument(
        "--format", action="append", default=[], choices=FORMATS, help="besides JSON; repeatable"
    )
    every_help = "annotate every Nth frame of a video (default: 1)"
    parser.add_argument("--every", metavar="N", type=_positive_int, default=1, help=every_help)
    parser.add_argument(
        "--device",
        default="auto",
        choices=("auto", "cpu", "cuda", "mps"),
        help="device for torch (default: auto, which runs the export beside the model without "
        "torch, or chooses the best device if there is no export)",
    )
    return parser


def _box(text: str) -> Box:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be four numbers, X,Y,W,H; got {text}") from error
    if not all(map(math.isfinite, (x, y, width, height))):
        raise argparse.ArgumentTypeError(f"must be four finite numbers; got {text}")
    if min(width, height) <= 0:
        raise argparse.ArgumentTypeError(f"width and height must be positive; got {text}")
    return x, y, x + width, y + height


def _onnx_file(text: str) -> Path:
    if not text.endswith(".onnx"):
        raise argparse.ArgumentTypeError(f"must be an .onnx file; got {text}")
    return Path(text)


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer; got {text}")
    return int(text)


if __name__ == "__main__":
    main()
