"""Writes the results of annotate.py: annotations, photos, videos, portraits, sheets, the album."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.album import NAME as ALBUM
from keypoints.annotation.album import Album, open_album
from keypoints.annotation.blurring import blur_faces
from keypoints.annotation.descriptions import count, describe_faces, model_parts
from keypoints.annotation.drawing import ContactSheet, draw_faces, write_picture
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.images import PhotoError, Remark
from keypoints.annotation.inputs import is_in_folder
from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.annotation.portraits import crop_portrait, portrait_points
from keypoints.annotation.predictor import PredictedFace
from keypoints.annotation.video_output import VideoOutput
from keypoints.annotation.write_failures import WriteFailures
from keypoints.annotation.writers import FORMATS, AnnotationWriter, annotation_writer
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES
from keypoints.evaluation.drawing import select_contours
from keypoints.models.checkpoint import ModelInfo

PORTRAITS = "portraits"  # folder
Writer = TypeVar("Writer")
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
        files: Context of the files of all photos, which are complete when it ends.

    Attributes:
        failures: The files that could not be written.

    Raises:
        PipelineError: If the disk is full, except when the last files are completed.
    """

    def __init__(
        self, folder: Path, info: ModelInfo, options: OutputOptions, files: ExitStack
    ) -> None:
        self._folder, self._options = folder, options
        self.failures = WriteFailures(folder)
        self._contours = select_contours(SCHEMES[info.scheme], info.points)
        self._parts, self._portrait_points = model_parts(info), portrait_points(info)
        self._sheet = ContactSheet(folder, self._contours)
        self._video: VideoOutput | None = None
        self._n_images = self._n_faces = self._n_uncertain = 0
        self._n_failed = self._n_portraits = 0
        self._writers: dict[str, AnnotationWriter] = {}
        self._album: Album | None = None
        self._completed: set[Path] = set()  # files of all photos
        self._open_shared(info, files)

    def _open_shared(self, info: ModelInfo, files: ExitStack) -> None:
        """Open the files of all photos; one that cannot be written is reported and left out."""
        for kind in ("json", *(kind for kind in FORMATS if kind in self._options.formats)):
            with self.failures.collect(str(self._shared_file(kind))):
                writer = annotation_writer(kind, self._folder, info)
                self._writers[kind] = self._enter(files, writer, self._shared_file(kind))
        if self._options.album:
            with self.failures.collect(str(self._folder / ALBUM)):
                album = open_album(self._folder)
                self._album = self._enter(files, album, self._folder / ALBUM)

    def _shared_file(self, kind: str) -> Path:
        """File of all photos, in a format that has one."""
        return self._folder / f"faces.{kind}"

    def _enter(
        self, files: ExitStack, context: AbstractContextManager[Writer], path: Path
    ) -> Writer:
        """Open a file of all photos; that it could not be completed is reported as well."""

        def close(*error: Any) -> None:
            with self.failures.collect(str(path)):
                context.__exit__(*error)
                self._completed.add(path)

        writer = context.__enter__()
        files.push(close)
        return writer

    def write(self, image: AnnotatedImage | PhotoError) -> list[str]:
        """Write the files of an image; return lines about photos, finished videos and failures.

        Raises:
            PipelineError: If the disk is full.
        """
        if isinstance(image, PhotoError):
            self._n_failed += not isinstance(image, Remark)
            if self._album:
                with self.failures.collect(str(self._album.path)):
                    self._album.add_failure(str(image))
            return [*self.failures.take_new(), str(image)]
        is_next = self._video is not None and self._video.stem != image.input.video
        lines = self.finish_video() if is_next else []
        line = self._write_files(image)
        return [*lines, *self.failures.take_new(), *([line] if line else [])]

    def finish_video(self) -> list[str]:
        """Complete the video whose frames were written last; return lines about it."""
        video, self._video = self._video, None
        lines: list[str] = []
        if video:
            with self.failures.collect(str(video.path)):
                lines.append(video.finish())
        return [*self.failures.take_new(), *lines]

    @property
    def is_complete(self) -> bool:
        """Whether every image could be read and all results could be written."""
        return not self._n_failed and not self.failures

    def close(self) -> None:
        """Complete the last video and the last sheet; from now on, a full disk is reported only."""
        self.failures.tolerate_full_disk()
        self.finish_video()
        with self.failures.collect("contact sheet"):
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
            "not written": len(self.failures),
        }
        parts += [f"{number} {what}" for what, number in numbers.items() if number]
        line = ", ".join(parts)
        if left_out:
            line += f"; left out: {', '.join(count(n, kind) for kind, n in left_out.items())}"
        shared = [self._folder / ALBUM, self._shared_file("xml"), self._shared_file("csv")]
        pages = [*self._sheet.written, *(path for path in shared if path in self._completed)]
        pages += [self._folder / PORTRAITS] if self._n_portraits else []
        return line + (f" -> {', '.join(map(str, pages))}" if pages else "")

    def _write_files(self, image: AnnotatedImage) -> str | None:
        """Write all files of an image; return a line about a photo."""
        self._n_images += 1
        self._n_faces += len(image.faces)
        self._n_uncertain += sum(not face.is_certain for face in image.faces)
        for kind, write in self._writers.items():
            with self.failures.collect(str(self._shared_file(kind))):
                write(image)
        if self._options.crop:
            self._write_portraits(image)
        if image.input.video:
            with self.failures.collect(image.input.name):
                self._append_frame(image, image.input.video)
            return None
        self._add_to_sheet(image.photo, image.faces)
        path = self._write_photo(image)
        text = describe_faces(image.faces, self._parts)
        notes = "".join(f"; {note}" for note in image.notes)
        return f"{image.input.name}: {text}{notes}" + (f" -> {path}" if path else "")

    def _add_to_sheet(self, photo: NDArray[np.uint8], faces: Iterable[PredictedFace]) -> None:
        if not self._options.blur:
            for face in faces:
                with self.failures.collect("contact sheet"):
                    self._sheet.add(photo, face)

    def _write_photo(self, image: AnnotatedImage) -> Path | None:
        """Write the photo if it has a face, and add it to the album."""
        picture, path = None if self._options.blur else image.photo, None
        if image.faces:
            picture = self._draw(image)
            kind = "blurred" if self._options.blur else "points"
            target = self._folder / f"{image.input.stem}_{kind}{_suffix(image)}"
            with self.failures.collect(image.input.name):
                write_picture(target, picture)
                path = target
        if self._album:
            with self.failures.collect(str(self._album.path)):
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
            with self.failures.collect(image.input.name):
                write_picture(path, portrait)
                self._n_portraits += 1

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
    for path in inputs:
        if is_in_folder(path, folder):
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
        output = AnnotationOutput(folder, info, options, files)
        files.callback(output.close)
        yield output


def _suffix(image: AnnotatedImage) -> str:
    """Suffix of a picture: lossless if the photo was."""
    return ".png" if image.input.path.suffix.lower() in _LOSSLESS else ".jpg"
