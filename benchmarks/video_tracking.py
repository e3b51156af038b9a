"""Jitter, lag, error and speed of tracked and smoothed landmarks in generated clips.

A portrait with the noise of a camera stands still in one clip, and moves, turns and changes its
size in another. The true landmarks are those of the portrait without noise, moved like it.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from measurement import Measurement, Size
from numpy.typing import NDArray
from workspace import ROOT

from keypoints.annotation.default_model import PRETRAINED, open_model
from keypoints.annotation.detection import detect_faces
from keypoints.annotation.images import read_image
from keypoints.annotation.predictor import Predictor, crop_faces, predict_faces
from keypoints.annotation.tracking import FaceTracker
from keypoints.core.geometry import apply_map, compose, rotation, scaling, translation
from keypoints.core.types import Array

PORTRAIT = ROOT / "data/photos/eileen_collins.jpg"
FPS = 30.0
INTERVAL = 5  # frames between detections, as in annotate.py at this rate
NOISE = 5.0  # standard deviation of a pixel
SECONDS = 4.0
Photo = NDArray[np.uint8]


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Compare tracking with the detection and prediction of each frame on its own."""
    predictor = open_model(PRETRAINED, "auto")[1]()
    n_frames = round(SECONDS * FPS) if size.rounds > 1 else 12
    portrait = read_image(PORTRAIT)
    still = _clip(portrait, [np.eye(2, 3)] * n_frames)
    motion = [_pose(number / FPS, portrait.shape[1] / 2) for number in range(n_frames)]
    moving = _clip(portrait, motion)
    reference = _predict_alone(predictor, portrait)
    target = np.stack([apply_map(pose, reference) for pose in motion])
    seconds = {}
    points = {}
    for name, frames in (("still", still), ("moving", moving)):
        start = time.process_time()
        points[name, "alone"] = np.stack([_predict_alone(predictor, each) for each in frames])
        middle = time.process_time()
        points[name, "tracked"] = _track(predictor, frames)
        seconds[name] = middle - start, time.process_time() - middle
    jitter = [_jitter(points["still", way]) for way in ("tracked", "alone")]
    yield Measurement(
        "jitter of a still face, tracked / each frame alone",
        jitter[0] / jitter[1],
        "<= 0.33",
        f"{jitter[0]:.3f} / {jitter[1]:.3f} px per frame",
    )
    lags = [_lag(points["moving", way], target) for way in ("tracked", "alone")]
    yield Measurement(
        "lag of a moving face / time between two frames, tracked",
        lags[0],
        "<= 0.5",
        f"{1000 * lags[0] / FPS:.1f} ms; each frame alone: {1000 * lags[1] / FPS:.1f} ms",
    )
    errors = [_error(points["moving", way], target) for way in ("tracked", "alone")]
    yield Measurement(
        "error on a moving face, tracked / each frame alone",
        errors[0] / errors[1],
        "<= 1.25",
        f"{errors[0]:.2f} / {errors[1]:.2f} px",
    )
    alone, tracked = seconds["moving"]
    yield Measurement(
        "frames per second of a core, tracked / each frame alone",
        alone / tracked,
        ">= 1",
        f"{n_frames / tracked:.0f} / {n_frames / alone:.0f} frames/s",
    )


def _pose(seconds: float, middle: float) -> Array:
    """Map of the portrait at a time: at most 250 px per second, 45 degrees and 20 % per second."""
    phase = 2 * np.pi * seconds / 2
    moved = translation(80 * np.sin(phase), 30 * np.sin(2 * phase))
    turned = rotation(15 * np.sin(phase), (middle, middle))
    return compose(moved, compose(turned, scaling(1 + 0.06 * np.sin(phase), (middle, middle))))


def _clip(portrait: Photo, poses: Sequence[Array]) -> list[Photo]:
    """Frames with noise that differs from one to the next."""
    rng = np.random.default_rng(1)
    size = portrait.shape[1], portrait.shape[0]
    frames = []
    for pose in poses:
        warped = cv2.warpAffine(portrait, pose, size, borderMode=cv2.BORDER_REPLICATE)
        noisy = warped + rng.normal(0, NOISE, warped.shape)
        frames.append(noisy.round().clip(0, 255).astype(np.uint8))
    return frames


def _predict_alone(predictor: Predictor, photo: Photo) -> Array:
    crops = crop_faces(photo, detect_faces(photo)[:1], predictor.format)
    return predict_faces(predictor, crops)[0].landmarks_photo


def _track(predictor: Predictor, frames: Sequence[Photo]) -> Array:
    tracker = FaceTracker(predictor)
    points = []
    for number, frame in enumerate(frames):
        detected = detect_faces(frame) if number % INTERVAL == 0 else None
        points.append(tracker.update(frame, detected, 1 / FPS)[0].landmarks_photo)
    return np.stack(points)


def _jitter(points: Array) -> float:
    """Root mean square of the way of a point from one frame to the next, px."""
    steps = np.linalg.norm(np.diff(points[5:], axis=0), axis=-1)
    return float(np.sqrt((steps**2).mean()))


def _error(points: Array, target: Array) -> float:
    return float(np.linalg.norm(points - target, axis=-1).mean())


def _lag(points: Array, target: Array) -> float:
    """Delay in frames that explains most of the error: errors projected on the velocities."""
    velocity = np.gradient(target, axis=0)
    return float(-((points - target) * velocity).sum() / (velocity**2).sum())
