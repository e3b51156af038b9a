"""Find faces in photos and videos, and write their points: `python src/annotate.py PHOTO ...`.

For example:
  python src/annotate.py me.jpg                          # -> annotated/me_points.jpg, me.json
  python src/annotate.py holiday/ --out points           # all photos of a folder
  python src/annotate.py 'photos/**/*.png' --format csv  # a pattern, in quotes; one table of all
  find . -name '*.jpg' | python src/annotate.py -        # a list of files
  python src/annotate.py clip.mp4 --every 5              # each fifth picture of a video
  python src/annotate.py me.jpg --box=-20,80,200,200     # x, y, width, height of the face
  python src/annotate.py party.jpg --thorough            # small faces beside a large one, too
  python src/annotate.py me.jpg --model resnet18         # a model of models/, or a file
  python src/annotate.py me.jpg --onnx resnet18.onnx     # an export without its model
"""

import argparse
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper
from pathlib import Path

from tqdm import tqdm

from keypoints.annotation.default_model import model_file, open_model
from keypoints.annotation.inputs import find_files, iter_images
from keypoints.annotation.output import annotation_output, check_output_folder
from keypoints.annotation.pipeline import AnnotatedImage, annotate_pictures, detect_faces_in
from keypoints.annotation.writers import ENCODING_ERRORS, FORMATS
from keypoints.core.cli import exit_on_error
from keypoints.core.parallel import consume_in_background
from keypoints.faces.face import Box
from keypoints.models.checkpoint import ModelFileError


def annotate(given: argparse.Namespace) -> bool:
    """Annotate all photos that the command line names; whether all of them could be read."""
    settings, load = open_model(given.onnx or model_file(given.model), given.device)
    if settings.crop_format.box_scale is None and (given.box or given.thorough):
        raise ModelFileError(
            f"--box and --thorough: {settings.name} sees whole photos and no box; leave them out"
        )
    files = list(find_files(given.photos))
    check_output_folder(given.out, files)
    pictures = iter_images(files, every=given.every)
    with (
        ThreadPoolExecutor(1) as loader,
        annotation_output(given.out, settings, given.format) as output,
        tqdm(unit="picture", total=len(files), disable=None) as bar,
    ):
        network = loader.submit(load)  # while the first photos are decoded and searched
        searched = detect_faces_in(pictures, settings.crop_format, given.box, given.thorough)

        def write(annotated: AnnotatedImage) -> None:
            tqdm.write(output.write(annotated))
            bar.update()

        consume_in_background(write, annotate_pictures(searched, network.result))
    print(output.summary())
    return output.n_unread == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; exit 1 where a photo cannot be read."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ENCODING_ERRORS)
    with exit_on_error():
        done = annotate(parser().parse_args(arguments))
    sys.exit(0 if done else 1)


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="photo, folder, video, or -")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", help="of models/, or a file; default: pretrained/wild, or better")
    what.add_argument("--onnx", metavar="FILE", type=_export, help="an export without its model")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("annotated"))
    parser.add_argument("--box", metavar="X,Y,W,H", type=_box, help="of the face; none is searched")
    parser.add_argument(
        "--thorough", action="store_true", help="find small faces beside large ones"
    )
    parser.add_argument(
        "--format", action="append", default=[], choices=FORMATS, help="besides JSON; repeatable"
    )
    parser.add_argument(
        "--every", metavar="N", type=_count, default=1, help="picture of a video (1)"
    )
    parser.add_argument(
        "--device",
        default="auto",
        choices=("auto", "cpu", "cuda", "mps"),
        help="that torch uses; auto: torch only where the model has no export beside it",
    )
    return parser


def _box(text: str) -> Box:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"should be four numbers, X,Y,W,H; got {text}") from error
    if not all(map(math.isfinite, (x, y, width, height))):
        raise argparse.ArgumentTypeError(f"should be four finite numbers; got {text}")
    if min(width, height) <= 0:
        raise argparse.ArgumentTypeError(f"width and height should be positive; got {text}")
    return x, y, x + width, y + height


def _export(text: str) -> Path:
    if not text.endswith(".onnx"):
        raise argparse.ArgumentTypeError(f"should be an .onnx file; got {text}")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"should be 1, 2, 3 ...; got {text}")
    return int(text)


if __name__ == "__main__":
    main()
