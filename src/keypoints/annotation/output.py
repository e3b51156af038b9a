"""Writes the results of annotate.py: annotations, photos, videos, portraits, sheets, the album."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.album import Album, open_album
from keypoints.annotation.blurring import blur_faces
from keypoints.annotation.descriptions import count, describe_faces, model_parts
from keypoints.annotation.drawing import ContactSheet, draw_faces, write_picture
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.images import PhotoError, Remark, describe
from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.annotation.portraits import crop_portrait, portrait_points
from keypoints.annotation.predictor import PredictedFace
from keypoints.annotation.video_output import VideoOutput
from keypoints.annotation.writers import AnnotationWriter, annotation_writers
from keypoints.core.errors import PipelineError, is_disk_full, os_error_message
from keypoints.core.landmarks import SCHEMES
from keypoints.evaluation.drawing import select_contours
from keypoints.models.checkpoint import ModelInfo

PORTRAITS = "portraits"  # folder
_LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".gif")


@dataclass(frozen=True)
class OutputOptions:
    """What is written besides JSON and photos with landmarks.

    Attributes:
        formats: Formats of the annotations, out of FORMATS.
        crop: Portraits of all faces.
        blur: Photos with unrecognisable faces, and no other pictures of faces.
        album: A page of all photos.
    """

    formats: Sequence[str] = ()
    crop: bool = False
    blur: bool = False
    album: bool = False


class AnnotationOutput:
    """Writes the files of one image after the other, and counts the images.

    Args:
        folder: Folder of all outputs.
        info: Metadata of the model that predicts the landmarks.
        options: What is written.
        writers: Writers of the annotations.
        album: Page of all photos, if it is written.
    """

    def __init__(
        self,
        folder: Path,
        info: ModelInfo,
        options: OutputOptions,
        writers: Sequence[AnnotationWriter],
        album: Album | None,
    ) -> None:
        self._folder, self._options, self._writers, self._album = folder, options, writers, album
        self._contours = select_contours(SCHEMES[info.scheme], info.points)
        self._parts, self._portrait_points = model_parts(info), portrait_points(info)
        self._sheet = ContactSheet(folder, self._contours)
        self._video: VideoOutput | None = None
        self._n_images = self._n_faces = self._n_uncertain = 0
        self._n_failed = self._n_unwritten = 0

    def write(self, image: AnnotatedImage | PhotoError) -> list[str]:
        """Write the files of an image; return lines about photos, finished videos and failures.

        Raises:
            PipelineError: If the disk is full.
        """
        if isinstance(image, PhotoError):
            self._n_failed += not isinstance(image, Remark)
            if self._album:
                self._album.add_failure(str(image))
            return [str(image)]
        is_next = self._video is not None and self._video.stem != image.input.video
        lines = self.finish_video() if is_next else []
        try:
            return lines + self._write_files(image)
        except (PhotoError, OSError) as error:
            return [*lines, self._describe_unwritten(image.input.name, error)]

    def finish_video(self) -> list[str]:
        """Complete the video whose frames were written last; return a line about it."""
        video, self._video = self._video, None
        try:
            return [video.finish()] if video else []
        except (PhotoError, OSError) as error:
            return [self._describe_unwritten(str(video.path), error)] if video else []

    @property
    def is_complete(self) -> bool:
        """Whether every image could be read and all results could be written."""
        return self._n_failed == self._n_unwritten == 0

    def close(self) -> None:
        """Complete the last video and the last sheet."""
        self.finish_video()
        self._sheet.flush()

    def summary(self, left_out: Mapping[str, int]) -> str:
        """A line with the total numbers, the contact sheets and the files of all photos.

        Args:
            left_out: Numbers of files and folders, by kind, that were not read.
        """
        parts = [f"{count(self._n_faces, 'face')} in {count(self._n_images, 'image')}"]
        numbers = {
            "uncertain": self._n_uncertain,
            "not annotated": self._n_failed,
            "not written": self._n_unwritten,
        }
        parts += [f"{number} {what}" for what, number in numbers.items() if number]
        line = ", ".join(parts)
        if left_out:
            counts = (count(number, kind) for kind, number in left_out.items())
            line += f"; left out: {', '.join(counts)}"
        pages = [*self._sheet.written, *([self._album.path] if self._album else [])]
        pages += [self._folder / f"faces.{kind}" for kind in self._options.formats if kind != "pts"]
        pages += [self._folder / PORTRAITS] if self._options.crop and self._n_faces else []
        return line + (f" -> {', '.join(map(str, pages))}" if pages else "")

    def _describe_unwritten(self, name: str, error: PhotoError | OSError) -> str:
        """Count results that cannot be written; return a line about them.

        Raises:
            PipelineError: If the disk is full.
        """
        if isinstance(error, OSError) and is_disk_full(error):
            raise PipelineError(os_error_message(error, self._folder)) from error
        self._n_unwritten += 1
        if isinstance(error, PhotoError):
            return str(error)
        return f"{name}: its results cannot be written ({describe(error)})"

    def _write_files(self, image: AnnotatedImage) -> list[str]:
        """Write all files of an image; return a line about a photo."""
        self._n_images += 1
        self._n_faces += len(image.faces)
        self._n_uncertain += sum(not face.is_certain for face in image.faces)
        (self._folder / image.input.stem).parent.mkdir(parents=True, exist_ok=True)
        for write in self._writers:
            write(image)
        if self._options.crop:
            self._write_portraits(image)
        if image.input.video:
            self._append_frame(image, image.input.video)
            return []
        self._add_to_sheet(image.photo, image.faces)
        path = self._write_photo(image)
        text = describe_faces(image.faces, self._parts)
        notes = "".join(f"; {note}" for note in image.notes)
        return [f"{image.input.name}: {text}{notes}" + (f" -> {path}" if path else "")]

    def _add_to_sheet(self, photo: NDArray[np.uint8], faces: Iterable[PredictedFace]) -> None:
        if not self._options.blur:
            for face in faces:
                self._sheet.add(photo, face)

    def _write_photo(self, image: AnnotatedImage) -> Path | None:
        """Write the photo if it has a face, and add it to the album."""
        picture, path = None if self._options.blur else image.photo, None
        if image.faces:
            picture = self._draw(image)
            kind = "blurred" if self._options.blur else "points"
            path = self._folder / f"{image.input.stem}_{kind}{_suffix(image)}"
            write_picture(path, picture)
        if self._album:
            self._album.add(
                image.input.name,
                describe_faces(image.faces, self._parts),
                picture,
                link=path,
                is_uncertain=not all(face.is_certain for face in image.faces),
            )
        return path

    def _draw(self, image: AnnotatedImage, hidden: Iterable[FaceBox] = ()) -> NDArray[np.uint8]:
        """The photo with landmarks, or with blurred faces, and further boxes that are blurred."""
        if self._options.blur:
            return blur_faces(image.photo, [*(face.face_box for face in image.faces), *hidden])
        return draw_faces(image.photo, image.faces, self._contours)

    def _write_portraits(self, image: AnnotatedImage) -> None:
        for number, face in enumerate(image.faces, 1):
            portrait = crop_portrait(image.photo, face, self._portrait_points)
            name = f"{image.input.stem}-{number}{_suffix(image)}"
            path = self._folder / PORTRAITS / name
            write_picture(path, portrait)

    def _append_frame(self, image: AnnotatedImage, stem: Path) -> None:
        """Append a frame to its video; the sheet shows each face of a video once."""
        if self._video is None:
            kind = "blurred" if self._options.blur else "points"
            path = self._folder / f"{stem}_{kind}.mp4"
            self._video = VideoOutput(image.input.path, stem, path, image.input.fps)
        new = [face for face in image.faces if self._video.is_new(face)]
        self._add_to_sheet(image.photo, new)
        hidden = self._video.lost_boxes(image)
        self._video.append(image, self._draw(image, hidden))


@contextmanager
def annotation_output(
    folder: Path, inputs: Iterable[Path], info: ModelInfo, options: OutputOptions
) -> Iterator[AnnotationOutput]:
    """An output whose files are complete when the context ends.

    Args:
        folder: Folder of all outputs, which is created.
        inputs: Files that no output may overwrite.
        info: Metadata of the model that predicts the landmarks.
        options: What is written.

    Raises:
        PipelineError: If the folder contains an input or cannot be created.
    """
    resolved = Path(os.path.realpath(folder))
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
    with ExitStack() as files:
        writers = files.enter_context(annotation_writers(folder, options.formats, info))
        album = files.enter_context(open_album(folder)) if options.album else None
        output = AnnotationOutput(folder, info, options, writers, album)
        files.callback(output.close)
        yield output


def _contains(folder: Path, path: Path) -> bool:
    try:
        return folder in Path(os.path.realpath(path)).parents
    except (OSError, ValueError):  # a name that no file can have
        return False


def _suffix(image: AnnotatedImage) -> str:
    """Suffix of a picture: lossless if the photo was."""
    return ".png" if image.input.path.suffix.lower() in _LOSSLESS else ".jpg"
