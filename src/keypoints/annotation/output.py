"""Writes the results of annotate.py: annotations, photos and videos with landmarks, sheets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from keypoints.annotation.drawing import ContactSheet, draw_faces
from keypoints.annotation.images import PhotoError, Remark
from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.annotation.video_writer import VideoWriter
from keypoints.annotation.writers import AnnotationWriter, annotation_writers
from keypoints.core.errors import PipelineError, is_disk_full
from keypoints.core.landmarks import SCHEMES, Contour
from keypoints.evaluation.drawing import select_contours
from keypoints.models.checkpoint import ModelInfo

_LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".gif")


class AnnotationOutput:
    """Writes the files of one image after the other, and counts the images.

    Args:
        folder: Folder of all outputs.
        contours: Contours as positions in the faces' landmarks.
        writers: Writers of the annotations.
    """

    def __init__(
        self, folder: Path, contours: Sequence[Contour], writers: Sequence[AnnotationWriter]
    ) -> None:
        self._folder, self._contours, self._writers = folder, contours, writers
        self._sheet = ContactSheet(folder, contours)
        self._video: VideoWriter | None = None
        self._failed_video: Path | None = None  # the last one that could not be written
        self._n_images = self._n_faces = self._n_uncertain = 0
        self._n_unreadable = self._n_unwritten = 0

    def write(self, image: AnnotatedImage | PhotoError) -> str:
        """Write the files of an image and return a line that summarises them or names the failure.

        Raises:
            OSError: If the disk is full.
        """
        if isinstance(image, PhotoError):
            self._n_unreadable += not isinstance(image, Remark)
            return str(image)
        try:
            path = self._write_files(image)
        except PhotoError as error:
            self._n_unwritten += 1
            return str(error)
        except OSError as error:
            if is_disk_full(error):
                raise
            self._n_unwritten += 1
            return f"{image.input.name}: its results cannot be written ({error.strerror})"
        return _describe(image, path)

    @property
    def is_complete(self) -> bool:
        """Whether every image could be read and all results could be written."""
        return self._n_unreadable == self._n_unwritten == 0

    def close(self) -> None:
        """Finish the last video and the last sheet."""
        if self._video:
            self._video.close()
            self._video = None
        self._sheet.flush()

    def summary(self, left_out: Mapping[str, int]) -> str:
        """A line with the total numbers and the contact sheets.

        Args:
            left_out: Numbers of files and folders, by kind, that were not read.
        """
        parts = [f"{_count(self._n_faces, 'face')} in {_count(self._n_images, 'image')}"]
        numbers = {
            "of them uncertain": self._n_uncertain,
            "unreadable": self._n_unreadable,
            "not written": self._n_unwritten,
        }
        parts += [f"{number} {what}" for what, number in numbers.items() if number]
        line = ", ".join(parts)
        if left_out:
            counts = (_count(number, kind) for kind, number in left_out.items())
            line += f"; left out: {', '.join(counts)}"
        sheets = ", ".join(map(str, self._sheet.written))
        return line + (f" -> {sheets}" if sheets else "")

    def _write_files(self, image: AnnotatedImage) -> Path | None:
        """Write all files of an image; return the picture or video, if there is one."""
        self._n_images += 1
        self._n_faces += len(image.faces)
        self._n_uncertain += sum(not face.is_certain for face in image.faces)
        (self._folder / image.input.stem).parent.mkdir(parents=True, exist_ok=True)
        for write in self._writers:
            write(image)
        for face in image.faces:
            self._sheet.add(image.photo, face)
        if image.input.fps:
            return self._append_frame(image)
        return self._write_photo(image) if image.faces else None

    def _write_photo(self, image: AnnotatedImage) -> Path:
        """Write the photo with its landmarks, lossless if the input was."""
        suffix = ".png" if image.input.path.suffix.lower() in _LOSSLESS else ".jpg"
        path = self._folder / f"{image.input.stem}_points{suffix}"
        drawn = Image.fromarray(draw_faces(image.photo, image.faces, self._contours))
        drawn.save(path, quality=95, compress_level=1)  # of JPEG; of PNG
        return path

    def _append_frame(self, image: AnnotatedImage) -> Path | None:
        path = self._folder / f"{Path(image.input.stem).parent}_points.mp4"
        if path == self._failed_video:
            return None
        if self._video is None or self._video.path != path:
            if self._video:
                self._video.close()
            self._video = VideoWriter(path, image.input.fps)
        try:
            self._video.append(draw_faces(image.photo, image.faces, self._contours))
        except PhotoError:
            self._failed_video = path
            raise
        return path


@contextmanager
def annotation_output(
    folder: Path, inputs: Iterable[Path], info: ModelInfo, formats: Sequence[str]
) -> Iterator[AnnotationOutput]:
    """An output whose files are complete when the context ends.

    Args:
        folder: Folder of all outputs, which is created.
        inputs: Files that no output may overwrite.
        info: Metadata of the model that predicts the landmarks.
        formats: Formats of the annotations, besides JSON.

    Raises:
        PipelineError: If the folder contains an input or cannot be created.
    """
    resolved = folder.resolve()
    for path in inputs:
        if _contains(resolved, path):
            raise PipelineError(
                f"--out {folder}: the input {path} lies in this folder; choose another one"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PipelineError(
            f"--out {folder}: cannot create this folder ({error.strerror}); choose another one"
        ) from error
    contours = select_contours(SCHEMES[info.scheme], info.points)
    with annotation_writers(folder, formats, info) as writers:
        output = AnnotationOutput(folder, contours, writers)
        try:
            yield output
        finally:
            output.close()


def _contains(folder: Path, path: Path) -> bool:
    try:
        return folder in path.resolve().parents
    except (OSError, ValueError):  # a name that no file can have
        return False


def _describe(image: AnnotatedImage, path: Path | None) -> str:
    n_uncertain = sum(not face.is_certain for face in image.faces)
    found = "no face found"
    if image.faces:
        uncertainty = np.mean([face.uncertainty_photo.mean() for face in image.faces])
        uncertain = f" ({n_uncertain} uncertain)" if n_uncertain else ""
        found = f"{_count(len(image.faces), 'face')}{uncertain}, uncertainty {uncertainty:.1f} px"
    notes = "".join(f"; {note}" for note in image.notes)
    return f"{image.input.name}: {found}{notes}" + (f" -> {path}" if image.faces and path else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
