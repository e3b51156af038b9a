"""Runs `facial-keypoints annotate`, which is also `python src/annotate.py`."""

import argparse
import sys
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper
from pathlib import Path

from tqdm import tqdm

from keypoints.annotation.command_line import installed_parser, script_parser
from keypoints.annotation.default_model import model_file, open_model
from keypoints.annotation.images import PhotoError
from keypoints.annotation.inputs import count_images, find_files, is_folder, iter_images
from keypoints.annotation.output import OutputOptions, annotation_output
from keypoints.annotation.pipeline import AnnotatedImage, Search
from keypoints.annotation.video_pipeline import annotate_inputs
from keypoints.annotation.writers import ENCODING_ERRORS
from keypoints.core.cli import exit_on_error
from keypoints.core.errors import PipelineError, escape_controls
from keypoints.core.parallel import consume_in_background


def annotate(arguments: argparse.Namespace) -> bool:
    """Annotate all photos and videos; return whether all of them could be read and annotated."""
    info, load = open_model(model_file(arguments.model), arguments.device)
    needs_boxes = arguments.box or arguments.thorough or arguments.crop or arguments.blur
    if info.crop_format.box_scale is None and needs_boxes:
        raise PipelineError(
            f"--box, --thorough, --crop and --blur: {info.name} takes whole photos and no boxes; "
            "leave these options out"
        )
    files = find_files(arguments.photos, arguments.out)
    is_set = len(files.paths) > 1 or any(is_folder(Path(name)) for name in arguments.photos)
    n_images = count_images(files.paths, every=arguments.every)
    thorough = arguments.thorough or arguments.blur  # no face may be missed
    search = Search(info, arguments.box, thorough, every_frame=arguments.blur)
    options = OutputOptions(arguments.format, arguments.crop, arguments.blur, album=is_set)
    with (
        ThreadPoolExecutor(1) as loader,
        annotation_output(arguments.out, files.paths, info, options) as output,
        tqdm(unit="image", total=n_images, disable=None) as bar,
    ):
        predictor = loader.submit(load)  # loads while the first photos are decoded
        images = iter_images(files.paths, every=arguments.every)

        def write(image: AnnotatedImage | PhotoError) -> None:
            _print_lines(output.write(image))
            bar.update()

        consume_in_background(write, annotate_inputs(images, predictor.result, search))
        _print_lines(output.finish_video())
    _print_lines(output.failures.take_new())
    print(escape_controls(output.summary(files.left_out)))
    return output.is_complete


def _print_lines(lines: Iterable[str]) -> None:
    """Print lines above the progress bar."""
    for line in lines:
        tqdm.write(escape_controls(line))


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
