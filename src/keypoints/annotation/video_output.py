"""The annotated copy of one video, and what is reported about it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.descriptions import count
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.images import PhotoError
from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.annotation.predictor import PredictedFace
from keypoints.annotation.video_audio import copy_audio
from keypoints.annotation.video_writer import VideoWriter

_LOST_SECONDS = 0.5  # for which the place of a lost face stays blurred


class VideoOutput:
    """Writes the frames of a video and counts its faces.

    Args:
        source: The annotated video.
        stem: Stem of its output files.
        path: Its copy with landmarks or blurred faces.
        fps: Frames per second.
    """

    def __init__(self, source: Path, stem: Path, path: Path, fps: float) -> None:
        self.path, self.stem, self._source = path, stem, source
        self._writer: VideoWriter | None = VideoWriter(path, fps)
        self._last: dict[int | None, tuple[float, FaceBox]] = {}  # time and box of each face
        self._n_frames = self._n_with_faces = self._n_uncertain = 0

    def is_new(self, face: PredictedFace) -> bool:
        """Whether a face is in no frame so far."""
        return face.track not in self._last

    def lost_boxes(self, image: AnnotatedImage) -> list[FaceBox]:
        """Last boxes of faces that were in frames shortly before, but are not in this one."""
        tracks = {face.track for face in image.faces}
        return [
            box
            for track, (seconds, box) in self._last.items()
            if track not in tracks and 0 <= image.input.seconds - seconds <= _LOST_SECONDS
        ]

    def append(self, image: AnnotatedImage, picture: NDArray[np.uint8]) -> None:
        """Append a frame, RGB (height, width, 3).

        Raises:
            PhotoError: If OpenCV cannot write this video here; further frames are counted only.
        """
        self._n_frames += 1
        self._n_with_faces += bool(image.faces)
        self._n_uncertain += any(not face.is_certain for face in image.faces)
        self._last |= {face.track: (image.input.seconds, face.face_box) for face in image.faces}
        if self._writer is None:
            return
        try:
            self._writer.append(picture, image.input.seconds)
        except PhotoError:
            self._writer = None
            raise

    def finish(self) -> str:
        """Complete the file; return a line about the video."""
        text = f"{self._source}: {count(self._n_frames, 'frame')}, "
        text += count(len(self._last), "face") if self._last else "no face found"
        if self._last and self._n_frames > 1:
            text += f" in {self._n_with_faces:,} of them"
        if self._n_uncertain:
            text += ", uncertain" + (f" in {self._n_uncertain:,}" if self._n_frames > 1 else "")
        if self._writer is None:
            return text
        self._writer.close()
        remark = copy_audio(self.path, self._source)
        return f"{text} -> {self.path}" + (f"; {remark}" if remark else "")
