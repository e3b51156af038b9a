"""Options of `facial-keypoints annotate`, which are also those of `python src/annotate.py`."""

import argparse
import math
from pathlib import Path

from keypoints.annotation.writers import FORMATS
from keypoints.faces.face import Box

_DESCRIPTION = """Predict the landmarks of all faces in photos and videos.

  pip install .                                # 0.4 GB in an empty environment, no torch, no DVC
  facial-keypoints annotate me.jpg             # -> annotated/me_points.jpg, annotated/me.json

In the repository, `python src/annotate.py` is the same command; it also runs the models that the
pipeline trains. Both write photos with landmarks, JSON, contact sheets of all faces and, for
several files, album.html. Orange points are uncertain: the predictions for the face and for its
horizontal flip disagree.

Examples:
  {command} holiday/ --out points           # all photos of a folder
  {command} 'photos/**/*.png' --format csv  # a quoted pattern; one CSV for all photos
  find holiday -name '*.jpg' | {command} -  # a list of files
  {command} holiday/ --crop                 # upright, aligned portraits, one file per face
  {command} holiday/ --blur                 # photos with unrecognisable faces
  {command} clip.mp4 --every 5              # every fifth frame of a video
  {command} me.jpg --box=-20,80,200,200     # x, y, width and height of the face
  {command} party.jpg --thorough            # also turned heads beside upright ones
  {command} me.jpg --model resnet18         # a model of models/, or a file
"""


def script_parser() -> argparse.ArgumentParser:
    """The parser of `python src/annotate.py`."""
    parser = argparse.ArgumentParser(
        description=_DESCRIPTION.format(command="python src/annotate.py"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    return parser


def installed_parser() -> argparse.ArgumentParser:
    """The parser of `facial-keypoints`, whose only subcommand is `annotate`."""
    description = "Facial landmarks in photos and videos."
    parser = argparse.ArgumentParser(prog="facial-keypoints", description=description)
    annotate = parser.add_subparsers(required=True, title="command").add_parser(
        "annotate",
        help="predict the landmarks of all faces in photos and videos",
        description=_DESCRIPTION.format(command="facial-keypoints annotate"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(annotate)
    return parser


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="photo, video, folder, pattern, or - (a list)"
    )
    parser.add_argument(
        "--model",
        help="name of a model in models/, contenders/models/ or pretrained/, or a file, also an "
        "export (default: the committed network, unless a model trained on real faces has a lower "
        "NME)",
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
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument(
        "--crop", action="store_true", help="also write upright portraits, one file per face"
    )
    pictures.add_argument(
        "--blur",
        action="store_true",
        help="make faces unrecognisable instead of drawing points; includes --thorough",
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


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer; got {text}")
    return int(text)
