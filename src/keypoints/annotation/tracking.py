"""Follows the faces of a video from frame to frame.

Between two detections, the box of a face moves with its landmarks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.detection import detect_faces, overlap
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.predictor import PredictedFace, Predictor, crop_faces, predict_faces
from keypoints.annotation.smoothing import LandmarkSmoother, fit_motion
from keypoints.core.geometry import to_complex
from keypoints.core.types import Array

_MIN_OVERLAP = 0.5  # of the boxes of one face
_MAX_OFFSET, _MAX_SCALE, _MAX_TURN = 0.15, 1.2, 15.0  # sides, factor and degrees; of a tracked box
# from the detected one, before it is replaced
_MAX_JUMP = 1.2  # sides, of a face from one detection to the next beyond its expected place
_MAX_CHANGE = 2.5  # factor of a box's size from one detection to the next
_MAX_MISSES = 2  # detections in a row without the face, before its track ends


@dataclass
class _Track:
    """A face that is followed.

    Attributes:
        number: Number of the face in the video, from 1.
        anchor: Box in the frame of a detection.
        anchor_landmarks: Landmarks in that frame, (n_points, 2).
        landmarks: Landmarks in the last frame in which they were certain, not smoothed.
        step: Way of the landmarks from the frame before to that frame, (n_points, 2).
        smooth: Smoother of the landmarks.
        is_certain: Whether the landmarks of the last frame were certain.
        n_misses: Number of detections in a row that did not find the face.
    """

    number: int
    anchor: FaceBox
    anchor_landmarks: Array
    landmarks: Array
    step: Array
    smooth: LandmarkSmoother
    is_certain: bool
    n_misses: int = 0

    def box(self, landmarks: Array) -> FaceBox:
        """The box that moved with the landmarks."""
        return move_box(self.anchor, self.anchor_landmarks, landmarks)

    @property
    def next_box(self) -> FaceBox:
        """The box in the next frame, if the face moves on like before."""
        return self.box(self.landmarks + self.step)


@dataclass(frozen=True)
class _Candidate:
    """A box whose landmarks are predicted, and the track to which it belongs, if there is one."""

    box: FaceBox
    track: _Track | None
    is_detected: bool


class FaceTracker:
    """Predicts the landmarks of the faces in the frames of one video, one frame after the other.

    Args:
        predictor: The network.
        thorough: Also detect turned heads beside upright ones.
    """

    def __init__(self, predictor: Predictor, *, thorough: bool = False) -> None:
        self._predictor, self._thorough = predictor, thorough
        self._tracks: list[_Track] = []
        self._n_tracks = 0
        self._is_first = True

    def update(
        self, photo: NDArray[np.uint8], detected: Sequence[FaceBox] | None, seconds: float
    ) -> list[PredictedFace]:
        """Predict the faces of the next frame, with smoothed landmarks, the largest first.

        Args:
            photo: RGB pixels, (height, width, 3).
            detected: Detected faces; None: detection is not due, and only follows if this is the
                first frame or a face becomes uncertain.
            seconds: Time since the previous frame, more than 0.
        """
        whole = FaceBox((0.0, 0.0, float(photo.shape[1]), float(photo.shape[0])))
        candidates = [_Candidate(track.next_box, track, False) for track in self._tracks]
        candidates = [each for each in candidates if overlap(each.box, whole) > 0]
        if detected is not None:
            candidates = _match(candidates, detected)
        crops = crop_faces(photo, [each.box for each in candidates], self._predictor.format)
        faces = predict_faces(self._predictor, crops)
        pairs = list(zip(candidates, faces, strict=True))
        is_lost = any(_is_lost(each.track, face) for each, face in pairs)
        if detected is None and (is_lost or self._is_first):
            return self.update(photo, detect_faces(photo, thorough=self._thorough), seconds)
        self._is_first = False
        found = [
            self._follow(each, face, seconds)
            for each, face in pairs
            if not _is_gone(each.track, face)
        ]
        self._tracks = [track for track, _ in found]
        return sorted((face for _, face in found), key=lambda face: face.box[0] - face.box[2])

    def _follow(
        self, candidate: _Candidate, face: PredictedFace, seconds: float
    ) -> tuple[_Track, PredictedFace]:
        """Update the track of a predicted face, or begin one; smooth the landmarks."""
        before, landmarks = candidate.track, face.landmarks_photo
        was_certain = before is not None and before.is_certain
        step, smooth = np.zeros_like(landmarks), None
        if before is not None and was_certain:
            smooth = before.smooth
            step = landmarks - before.landmarks if face.is_certain else step
        if smooth is None:
            smooth = LandmarkSmoother(landmarks, face.box[2] - face.box[0])
        if before is None or candidate.is_detected or (face.is_certain and not was_certain):
            self._n_tracks += before is None
            number = before.number if before else self._n_tracks
            track = _Track(
                number, face.face_box, landmarks, landmarks, step, smooth, face.is_certain
            )
        else:
            last = landmarks if face.is_certain else before.landmarks
            track = replace(before, landmarks=last, step=step, is_certain=face.is_certain)
        if not face.is_certain:
            return track, replace(face, track=track.number)
        smoothed = track.smooth(landmarks, seconds)
        box = track.box(smoothed)
        return track, replace(face, face_box=box, landmarks_photo=smoothed, track=track.number)


def _match(tracked: Sequence[_Candidate], detected: Sequence[FaceBox]) -> list[_Candidate]:
    """Assign detected faces to tracks: first to boxes that they overlap, then to near ones.

    A track ends if a detection does not find its face and the points are uncertain, or if two
    detections in a row do not find it.
    """
    waiting, new, matched = list(tracked), list(detected), []
    for is_same in (_overlap_much, _are_near):
        for box in list(new):
            same = [each for each in waiting if is_same(each.box, box)]
            if not same:
                continue
            best = min(same, key=lambda each: _offset(each.box, box))
            waiting.remove(best)
            new.remove(box)
            matched.append(_continue(best, box))
    for each in waiting:
        assert each.track is not None
        each.track.n_misses += 1
        is_double = any(_overlap_much(each.box, other.box) for other in matched)
        if each.track.is_certain and each.track.n_misses < _MAX_MISSES and not is_double:
            matched.append(each)
    return matched + [_Candidate(box, None, True) for box in new]


def _continue(tracked: _Candidate, detected: FaceBox) -> _Candidate:
    """A track whose face was detected; its box is replaced if it differs much."""
    assert tracked.track is not None
    tracked.track.n_misses = 0
    is_close = tracked.track.is_certain and _are_close(tracked.box, detected)
    return tracked if is_close else _Candidate(detected, tracked.track, True)


def _overlap_much(one: FaceBox, other: FaceBox) -> bool:
    return overlap(one, other) >= _MIN_OVERLAP


def _are_near(one: FaceBox, other: FaceBox) -> bool:
    """Whether two boxes may show one face that moved fast."""
    return _offset(one, other) <= _MAX_JUMP and _scale(one, other) <= _MAX_SCALE


def _offset(one: FaceBox, other: FaceBox) -> float:
    """Distance between the centres in sides of the second box."""
    distance = np.hypot(*np.subtract(one.centre, other.centre))
    return float(distance / (other.box[2] - other.box[0]))


def _scale(one: FaceBox, other: FaceBox) -> float:
    """Side of the larger box relative to that of the smaller one."""
    sides = [face.box[2] - face.box[0] for face in (one, other)]
    return max(sides) / min(sides)


def _are_close(tracked: FaceBox, detected: FaceBox) -> bool:
    """Whether two boxes differ so little that the landmarks do not depend on it."""
    turn = abs((tracked.rotation - detected.rotation + 180) % 360 - 180)
    return (
        _offset(tracked, detected) <= _MAX_OFFSET
        and _scale(tracked, detected) <= _MAX_SCALE
        and turn <= _MAX_TURN
    )


def _is_lost(track: _Track | None, face: PredictedFace) -> bool:
    return track is not None and track.is_certain and not face.is_certain


def _is_gone(track: _Track | None, face: PredictedFace) -> bool:
    return track is not None and track.n_misses > 0 and not face.is_certain


def move_box(box: FaceBox, before: Array, after: Array) -> FaceBox:
    """Move a box with landmarks, (n_points, 2), from one frame to another.

    Its size changes by a limited factor, so that wrong landmarks cannot make it vanish.
    """
    factor, offset = fit_motion(to_complex(before), to_complex(after))
    centre = factor * complex(*box.centre) + offset
    factor *= np.clip(abs(factor), 1 / _MAX_CHANGE, _MAX_CHANGE) / abs(factor)
    x0, y0, x1, y1 = box.box
    half_width, half_height = abs(factor) * (x1 - x0) / 2, abs(factor) * (y1 - y0) / 2
    return FaceBox(
        (
            centre.real - half_width,
            centre.imag - half_height,
            centre.real + half_width,
            centre.imag + half_height,
        ),
        box.rotation + float(np.rad2deg(np.angle(factor))),
        box.score,
    )
