"""Writes the results of annotate.py: annotations, photos and videos with landmarks, sheets."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from keypoints.annotation.drawing import ContactSheet, draw_faces
from keypoints.annotation.images import PhotoError
from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.annotation.writers import AnnotationWriter, annotation_writers
from keypoints.core.errors import PipelineError
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
        self._video: tuple[Path, cv2.VideoWriter] | None = None
        self._n_images = self._n_faces = self.n_unreadable = 0

    def write(self, image: AnnotatedImage | PhotoError) -> str:
        """Write the files of an image and return a line that summarises them.

        Raises:
            PipelineError: If a video cannot be written.
        """
        if isinstance(image, PhotoError):
            self.n_unreadable += 1
            return str(image)
        self._n_images += 1
        self._n_faces += len(image.faces)
        (self._folder / image.input.stem).parent.mkdir(parents=True, exist_ok=True)
        for write in self._writers:
            write(image)
        for face in image.faces:
            self._sheet.add(image.photo, face)
        if image.input.fps:
            path = self._append_frame(image)
        elif image.faces:
            path = self._write_photo(image)
        if not image.faces:
            return f"{image.input.name}: no face found"
        uncertainty = np.mean([face.uncertainty_photo.mean() for face in image.faces])
        found = f"{_count(len(image.faces), 'face')}, uncertainty {uncertainty:.1f} px"
        return f"{image.input.name}: {found} -> {path}"

    def close(self) -> None:
        """Finish the last video and the last sheet."""
        if self._video:
            self._video[1].release()
            self._video = None
        self._sheet.flush()

    def summary(self) -> str:
        """A line with the total numbers and the contact sheets."""
        found = f"{_count(self._n_faces, 'face')} in {_count(self._n_images, 'image')}"
        unreadable = f", {self.n_unreadable} unreadable" if self.n_unreadable else ""
        sheets = ", ".join(map(str, self._sheet.written))
        return f"{found}{unreadable}" + (f" -> {sheets}" if sheets else "")

    def _write_photo(self, image: AnnotatedImage) -> Path:
        """Write the photo with its landmarks, lossless if the input was."""
        suffix = ".png" if image.input.path.suffix.lower() in _LOSSLESS else ".jpg"
        path = self._folder / f"{image.input.stem}_points{suffix}"
        drawn = Image.fromarray(draw_faces(image.photo, image.faces, self._contours))
        drawn.save(path, quality=95, compress_level=1)  # of JPEG; of PNG
        return path

    def _append_frame(self, image: AnnotatedImage) -> Path:
        path = self._folder / f"{Path(image.input.stem).parent}_points.mp4"
        if self._video is None or self._video[0] != path:
            if self._video:
                self._video[1].release()
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            size = (image.photo.shape[1], image.photo.shape[0])
            self._video = path, cv2.VideoWriter(str(path), codec, image.input.fps, size)
            if not self._video[1].isOpened():
                raise PipelineError(
                    f"{path}: OpenCV cannot write a video here; choose another folder with --out"
                )
        drawn = draw_faces(image.photo, image.faces, self._contours)
        self._video[1].write(drawn[..., ::-1])
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
        if resolved in path.resolve().parents:
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
