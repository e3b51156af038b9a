"""Faces that are followed through a video, their smoothed landmarks, and the written copy."""

import json
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from workspace import ROOT

import annotate
from keypoints.annotation.default_model import open_model
from keypoints.annotation.detection import detect_faces
from keypoints.annotation.images import read_image
from keypoints.annotation.predictor import Predictor
from keypoints.annotation.smoothing import LandmarkSmoother
from keypoints.annotation.tracking import FaceTracker
from keypoints.annotation.video_audio import copy_audio
from keypoints.annotation.video_reader import read_frames
from keypoints.annotation.video_writer import VideoWriter

NETWORK = ROOT / "pretrained/wild.onnx"
FPS = 30
Photo = NDArray[np.uint8]
Array = NDArray[np.floating]


@pytest.fixture(scope="module")
def portrait() -> Photo:
    return read_image(ROOT / "data/photos/eileen_collins.jpg")[:256, 80:400].copy()


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return open_model(NETWORK, "auto")[1]()


def smooth(frames: Array) -> Array:
    follow = LandmarkSmoother(frames[0], side=100)
    return np.stack([follow(frame, 1 / FPS) for frame in frames])


def still_face(n_frames: int = 60) -> Array:
    shape = np.random.default_rng(1).uniform(0, 100, (20, 2))
    return np.repeat(shape[None], n_frames, axis=0)


def test_the_jitter_of_a_still_face_is_removed() -> None:
    noisy = still_face() + np.random.default_rng(2).normal(0, 0.5, (60, 20, 2))
    steps = [np.diff(points, axis=0).std() for points in (smooth(noisy), noisy)]
    assert steps[0] < 0.2 * steps[1]


def test_a_moving_and_turning_face_is_followed_without_lag() -> None:
    seconds = np.arange(60) / FPS
    turn = np.exp(0.4j * np.sin(3 * seconds)) * (1 + 0.2 * np.sin(2 * seconds))
    place = 80 * np.sin(3 * seconds) + 20j * seconds
    points = still_face()
    moved = (points[..., 0] + 1j * points[..., 1]) * turn[:, None] + place[:, None]
    frames = np.stack([moved.real, moved.imag], axis=-1)
    velocity = np.gradient(frames, axis=0)
    lag = -((smooth(frames) - frames) * velocity)[5:].sum() / (velocity[5:] ** 2).sum()
    assert 0 <= lag < 0.5  # frames


def test_an_expression_is_followed() -> None:
    frames = still_face()
    opened = np.clip(np.arange(60) / FPS - 0.5, 0, 0.3)  # s, at 100 px per second
    frames[:, :4, 1] += 100 * opened[:, None]
    late = np.abs(smooth(frames) - frames)
    assert late[-1].max() < 1
    assert late.max() < 100 * 2 / FPS  # two frames


def test_a_face_keeps_its_number_and_its_points_between_detections(
    portrait: Photo, predictor: Predictor
) -> None:
    tracker = FaceTracker(predictor)
    (first,) = tracker.update(portrait, detect_faces(portrait), 1 / FPS)
    for number in range(1, 8):
        (face,) = tracker.update(np.roll(portrait, 4 * number, axis=1), None, 1 / FPS)
        assert face.track == first.track == 1
    moved = face.landmarks_photo - first.landmarks_photo
    assert moved == pytest.approx(np.tile([28, 0], (68, 1)), abs=2.5)
    assert face.box[0] - first.box[0] == pytest.approx(28, abs=2.5)


def test_a_face_that_disappears_is_not_followed(portrait: Photo, predictor: Predictor) -> None:
    tracker = FaceTracker(predictor)
    assert len(tracker.update(portrait, detect_faces(portrait), 1 / FPS)) == 1
    wall = np.full_like(portrait, 120)
    assert tracker.update(wall, None, 1 / FPS) == []
    again = tracker.update(portrait, detect_faces(portrait), 1 / FPS)
    assert [face.track for face in again] == [2]


def write_clip(path: Path, frames: list[Photo], fps: float = FPS) -> Path:
    size = frames[0].shape[1], frames[0].shape[0]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def annotate_clip(*arguments: object) -> None:
    with pytest.raises(SystemExit) as exit_:
        annotate.main([*map(str, arguments), "--model", str(NETWORK)])
    assert exit_.value.code == 0


@pytest.fixture
def clip(portrait: Photo, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", [portrait] * 6)


def test_a_video_is_summarised_in_one_line(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotate_clip(clip, "--out", tmp_path / "out")
    lines = capsys.readouterr().out.splitlines()
    copy = tmp_path / "out/clip_points.mp4"
    assert lines[0] == f"{clip}: 6 frames, 1 face in 6 of them -> {copy}"
    assert len(lines) == 2
    record = json.loads((tmp_path / "out/clip/000005.json").read_text())
    assert [face["track"] for face in record["faces"]] == [1]
    assert read_image(tmp_path / "out/faces.jpg").shape[1] < 2 * 208, "each face once"


def test_the_rotation_of_a_phone_video_is_applied(clip: Path, portrait: Photo) -> None:
    content = bytearray(clip.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # of the track's header
    height = portrait.shape[0]
    quarter_turn = (0, 1 << 16, 0, -1 << 16, 0, 0, height << 16, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter_turn)
    clip.write_bytes(content)
    frame = next(iter(read_frames(clip, 1))).read().pixels
    turned = np.rot90(portrait, -1)
    assert frame.shape == turned.shape
    assert np.abs(frame.astype(int) - turned).mean() < 10


def set_durations(path: Path, runs: list[tuple[int, int]]) -> None:
    """Change the durations of the frames of an MP4 file; runs are numbers of frames and ticks."""
    content = bytearray(path.read_bytes())
    start = content.index(b"stts") - 4
    (size,) = struct.unpack(">I", content[start : start + 4])
    table = struct.pack(">I4sII", 16 + 8 * len(runs), b"stts", 0, len(runs))
    table += b"".join(struct.pack(">II", *run) for run in runs)
    content[start : start + size] = table
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):  # the boxes around it
        at = content.index(name) - 4
        (outer,) = struct.unpack(">I", content[at : at + 4])
        content[at : at + 4] = struct.pack(">I", outer + len(table) - size)
    path.write_bytes(content.replace(b"edts", b"free"))  # hides the frames after its duration


def test_the_copy_of_a_video_with_a_varying_rate_keeps_its_times(
    clip: Path, tmp_path: Path
) -> None:
    ticks = 512  # of a frame at 30 frames per second, as OpenCV writes it
    set_durations(clip, [(2, ticks), (1, 4 * ticks), (3, ticks)])
    seconds = [frame.seconds for frame in read_frames(clip, 1)]
    assert seconds == pytest.approx(np.array([0, 1, 2, 6, 7, 8]) / FPS, abs=1e-3)
    annotate_clip(clip, "--out", tmp_path / "out")
    copy = cv2.VideoCapture(str(tmp_path / "out/clip_points.mp4"))
    duration = copy.get(cv2.CAP_PROP_FRAME_COUNT) / copy.get(cv2.CAP_PROP_FPS)
    assert duration == pytest.approx(9 / FPS, rel=0.12)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 0.1, 0.2, 0.3], 4),
        ([5, 5.1, 5.2, 5.3], 4),
        ([0, 0.1, 0.3, 0.4], 5),
        ([0, 0.05, 0.1, 0.15, 0.2], 3),
        ([0, 0.1, 9000.0, 9000.1], 4),
    ],
)
def test_a_copy_lasts_as_long_as_the_times_of_its_frames(
    times: list[float], expected: int, tmp_path: Path, portrait: Photo
) -> None:
    writer = VideoWriter(tmp_path / "copy.mp4", 10)
    for seconds in times:
        writer.append(portrait, seconds)
    writer.close()
    copy = cv2.VideoCapture(str(tmp_path / "copy.mp4"))
    assert copy.get(cv2.CAP_PROP_FRAME_COUNT) == expected


PROGRAM = """#!{python}
import pathlib, sys
if {works}:
    pathlib.Path(sys.argv[-1].removeprefix("file:")).write_bytes(b"with sound")
else:
    sys.exit("first\\nno decoder")
"""


@pytest.mark.parametrize(
    ("program", "remark"),
    [
        ("works", ""),
        ("fails", "ffmpeg cannot copy it (no decoder)"),
        ("missing", "ffmpeg is not installed"),
    ],
)
def test_the_sound_is_copied_if_ffmpeg_is_installed(
    program: str, remark: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if program != "missing":
        text = PROGRAM.format(python=sys.executable, works=program == "works")
        (folder / "ffmpeg").write_text(text)
        (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(b"silent")
    assert copy_audio(copy, clip) == "", "the clip has no track of sound"
    clip.write_bytes(clip.read_bytes().replace(b"vide", b"soun", 1))
    assert remark in copy_audio(copy, clip)
    assert copy.read_bytes() == (b"with sound" if program == "works" else b"silent")
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "clip.mp4", "copy.mp4"}
