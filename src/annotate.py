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

from keypoints.annotation.annotating import AnnotatedPicture, annotate_pictures, search_pictures
from keypoints.annotation.files import FORMATS, ODD_NAMES
from keypoints.annotation.output import annotation_output, check_output_folder
from keypoints.annotation.photo_list import find_files, pictures_of
from keypoints.command import errors_as_messages
from keypoints.faces import Box
from keypoints.parallel import do_behind
from keypoints.prediction.chosen_model import model_file, open_model
from keypoints.trained_settings import ModelFileError


def annotate(given: argparse.Namespace) -> bool:
    """Annotate all photos that the command line names; whether all of them could be read."""
    settings, load = open_model(given.onnx or model_file(given.model), given.device)
    if settings.crop_format.enlarge is None and (given.box or given.thorough):
        raise ModelFileError(
            f"--box and --thorough: {settings.name} sees whole photos and no box; leave them out"
        )
    files = list(find_files(given.photos))
    check_output_folder(given.out, files)
    pictures = pictures_of(files, every=given.every)
    with (
        ThreadPoolExecutor(1) as loader,
        annotation_output(given.out, settings, given.format) as output,
        tqdm(unit="picture", total=len(files), disable=None) as bar,
    ):
        network = loader.submit(load)  # while the first photos are decoded and searched
        searched = search_pictures(pictures, settings.crop_format, given.box, given.thorough)

        def write(annotated: AnnotatedPicture) -> None:
            tqdm.write(output.write(annotated))
            bar.update()

        do_behind(write, annotate_pictures(searched, network.result))
    print(output.summary())
    return output.n_unread == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; exit 1 where a photo cannot be read."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ODD_NAMES)
    with errors_as_messages():
        done = annotate(parser().parse_args(arguments))
    sys.exit(0 if done else 1)


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    style = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    made.add_argument("photos", metavar="PHOTO", nargs="+", help="photo, folder, video, or -")
    what = made.add_mutually_exclusive_group()
    what.add_argument("--model", help="of models/, or a file; default: pretrained/wild, or better")
    what.add_argument("--onnx", metavar="FILE", type=_export, help="an export without its model")
    made.add_argument("--out", metavar="DIR", type=Path, default=Path("annotated"))
    made.add_argument("--box", metavar="X,Y,W,H", type=_box, help="of the face; none is searched")
    made.add_argument("--thorough", action="store_true", help="find small faces beside large ones")
    made.add_argument(
        "--format", action="append", default=[], choices=FORMATS, help="besides JSON; repeatable"
    )
    made.add_argument("--every", metavar="N", type=_count, default=1, help="picture of a video (1)")
    made.add_argument(
        "--device",
        default="auto",
        choices=("auto", "cpu", "cuda", "mps"),
        help="that torch uses; auto: torch only where the model has no export beside it",
    )
    return made


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
