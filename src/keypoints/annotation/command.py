"""Runs `facial-keypoints annotate`, which is also `python src/annotate.py`."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper

from tqdm import tqdm

from keypoints.annotation.command_line import installed_parser, script_parser
from keypoints.annotation.default_model import model_file, open_model
from keypoints.annotation.images import PhotoError
from keypoints.annotation.inputs import find_files, iter_images
from keypoints.annotation.output import annotation_output
from keypoints.annotation.pipeline import AnnotatedImage, annotate_images, detect_faces_in
from keypoints.annotation.writers import ENCODING_ERRORS, escape_controls
from keypoints.core.cli import exit_on_error
from keypoints.core.errors import PipelineError
from keypoints.core.parallel import consume_in_background


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
    """Run the script: annotate, and exit with code 1 if a file cannot be read."""
    _run(script_parser().parse_args(arguments))


def main_installed(arguments: Sequence[str] | None = None) -> None:
    """Run the installed command `facial-keypoints`."""
    _run(installed_parser().parse_args(arguments))


def _run(arguments: argparse.Namespace) -> None:
    warnings.filterwarnings("ignore", module="PIL")  # damaged photos are reported here
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ENCODING_ERRORS)
    with exit_on_error():
        all_read = annotate(arguments)
    sys.exit(0 if all_read else 1)
