"""What is left of a run of annotate.py: pictures with points, annotations, sheets, videos."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from keypoints.annotation.contact_sheet import ContactSheet
from keypoints.annotation.drawing import draw_faces
from keypoints.annotation.images import PhotoError
from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.annotation.writers import AnnotatedPhoto, AnnotationWriter, annotation_writers
from keypoints.core.landmarks import SCHEMES
from keypoints.models.checkpoint import ModelInfo

_LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".gif")


class AnnotationOutput:
    """Writes what belongs to a picture, one after the other.

    Args:
        folder: Of all outputs.
        settings: Of the model whose points the faces have.
        writers: Of annotations.

    Attributes:
        n_unread: Pictures that could not be read.
    """

    def __init__(self, folder: Path, settings: ModelInfo, writers: list[AnnotationWriter]) -> None:
        self._folder, self._writers = folder, writers
        self._scheme, self._points = SCHEMES[settings.scheme], settings.points
        self._sheet = ContactSheet(folder, self._scheme, self._points)
        self._video: tuple[Path, cv2.VideoWriter] | None = None
        self._n_pictures = self._n_faces = self.n_unread = 0

    def write(self, annotated: AnnotatedImage) -> str:
        """Write a picture's files; a line that says what was found."""
        picture, photo = annotated.picture, annotated.photo
        if photo is None:
            self.n_unread += 1
            return annotated.problem
        n_faces = len(annotated.faces)
        self._n_pictures, self._n_faces = self._n_pictures + 1, self._n_faces + n_faces
        stem = self._folder / picture.stem
        stem.parent.mkdir(parents=True, exist_ok=True)
        size = (photo.shape[0], photo.shape[1])
        for write in self._writers:
            write(AnnotatedPhoto(picture.shown_as, picture.stem, size, annotated.faces))
        for face in annotated.faces:
            self._sheet.add(photo, face)
        if picture.video_rate:
            shown = self._append(annotated, photo)
        elif n_faces:
            shown = self._draw(annotated, photo)
        else:
            return f"{picture.shown_as}: no face found"
        found = f"{_count(n_faces, 'face')}{_uncertainty_text(annotated)}"
        return f"{picture.shown_as}: {found} -> {shown}"

    def close(self) -> None:
        """Finish the video and the sheet that are not full yet."""
        if self._video:
            self._video[1].release()
            self._video = None
        self._sheet.finish()

    def summary(self) -> str:
        """What was found in all, and the sheets of it."""
        sheets = "".join(f", {path}" for path in self._sheet.written)
        unread = f", {self.n_unread} not read" if self.n_unread else ""
        found = f"{_count(self._n_faces, 'face')} in {_count(self._n_pictures, 'picture')}"
        return f"{found}{unread}{sheets}"

    def _drawn(self, annotated: AnnotatedImage, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return draw_faces(photo, annotated.faces, self._scheme, self._points)

    def _draw(self, annotated: AnnotatedImage, photo: NDArray[np.uint8]) -> Path:
        """What was stored without a loss stays so."""
        picture = annotated.picture
        kind = ".png" if picture.source.suffix.lower() in _LOSSLESS else ".jpg"
        path = self._folder / f"{picture.stem}_points{kind}"
        image = Image.fromarray(self._drawn(annotated, photo))
        image.save(path, quality=95, compress_level=1)  # of JPEG; of PNG
        return path

    def _append(self, annotated: AnnotatedImage, photo: NDArray[np.uint8]) -> Path:
        picture = annotated.picture
        path = self._folder / f"{Path(picture.stem).parent}_points.mp4"
        if self._video is None or self._video[0] != path:
            if self._video:
                self._video[1].release()
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            size = (photo.shape[1], photo.shape[0])
            self._video = path, cv2.VideoWriter(str(path), codec, picture.video_rate, size)
            if not self._video[1].isOpened():
                raise PhotoError(f"{path}: OpenCV cannot write a video here")
        self._video[1].write(self._drawn(annotated, photo)[..., ::-1])
        return path


def check_output_folder(folder: Path, files: Iterable[Path]) -> None:
    """See that no output can take the place of an input.

    Raises:
        PhotoError: If an input lies in the folder of the outputs.
    """
    inside = folder.resolve()
    for path in files:
        if inside in path.resolve().parents:
            raise PhotoError(f"--out {folder}: {path} lies there, and is read; name another folder")


@contextmanager
def annotation_output(
    folder: Path, settings: ModelInfo, formats: Sequence[str]
) -> Iterator[AnnotationOutput]:
    """An output whose files are whole at the end.

    Args:
        folder: Of all outputs; it is made.
        settings: Of the model whose points are written.
        formats: Of annotations, besides JSON.

    Raises:
        PhotoError: If there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotoError(f"--out {folder}: cannot be a folder ({error.strerror})") from error
    with annotation_writers(
        folder,
        formats,
        model=settings.name,
        scheme=settings.scheme,
        points=settings.points,
    ) as writers:
        output = AnnotationOutput(folder, settings, writers)
        try:
            yield output
        finally:
            output.close()


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _uncertainty_text(annotated: AnnotatedImage) -> str:
    """The mean uncertainty of all points, where there are any."""
    if not annotated.faces:
        return ""
    mean = np.mean([face.uncertainty_photo.mean() for face in annotated.faces])
    return f", its mirror image differs by {mean:.1f} px"
