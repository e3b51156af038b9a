"""Damaged and unusual files: each is annotated or named, and never ends the run."""

import errno
import io
import os
import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from keypoints.annotation.descriptions import count
from keypoints.annotation.images import PhotoError, decode_image
from keypoints.annotation.inputs import find_files, iter_images
from keypoints.annotation.media_types import MediaType, media_type
from keypoints.annotation.video_container import n_frames_is_exact
from keypoints.annotation.video_reader import _check_end
from keypoints.annotation.video_writer import VideoWriter, round_fps
from keypoints.annotation.writers import escape_controls, text_output

WMV = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # first bytes of Windows Media files

Photo = NDArray[np.uint8]


def write_video(path: Path, frames: list[Photo], codec: str = "MJPG", fps: float = 25) -> Path:
    size = frames[0].shape[1], frames[0].shape[0]
    partial = path.with_name(f"writing{path.suffix}")
    writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*codec), fps, size)
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return partial.rename(path)


def read_all(path: Path) -> tuple[int, list[str]]:
    """Number of decoded frames of a video, and the messages about the others."""
    n_frames, messages = 0, []
    for image in iter_images([path], every=1):
        try:
            image.read()
            n_frames += 1
        except PhotoError as error:
            messages.append(str(error).removeprefix(str(path)))
    return n_frames, messages


@contextmanager
def limited_file_size(n_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def frames() -> list[Photo]:
    noise = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    still = cv2.resize(noise, (64, 48), interpolation=cv2.INTER_CUBIC)
    return [np.roll(still, 3 * number, axis=1) for number in range(8)]


def test_a_video_with_a_damaged_frame_is_read_to_its_end(frames, tmp_path: Path) -> None:
    path = write_video(tmp_path / "gap.avi", frames)
    content = bytearray(path.read_bytes())
    start = content.find(b"00dc", content.find(b"movi")) + 4
    for _ in range(3):  # to the fourth frame
        start += 4 + int.from_bytes(content[start : start + 4], "little") + 4
        start += content[start - 4 : start] != b"00dc"  # chunks are padded to even lengths
    length = int.from_bytes(content[start : start + 4], "little")
    content[start + 4 : start + 4 + length] = bytes(length)
    path.write_bytes(content)
    assert read_all(path) == (7, ["#3: a damaged frame"])


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.avi", "MJPG"), ("clip.mkv", "MJPG"), ("clip.mp4", "mp4v")]
)
def test_a_video_that_is_cut_short_is_named(name: str, codec: str, frames, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, frames, codec)
    assert read_all(path) == (8, [])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    n_frames, (message,) = read_all(path)
    assert n_frames < 8
    expected = f": cut short after {count(n_frames, 'frame')}"
    assert message == (expected if n_frames else ": not a readable video (cut short)")


def test_lost_frames_that_the_header_counts_are_named(frames, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", frames)
    content = bytearray(path.read_bytes())
    middle = content.find(b"movi") + (len(content) - content.find(b"movi")) // 3
    start = content.find(b"00dc", middle) - 200
    content[start : start + 400] = bytes(400)
    path.write_bytes(content)
    n_frames, messages = read_all(path)
    assert n_frames < 8
    assert messages[-1] == f": only {n_frames} of its 8 frames can be decoded"


def test_the_number_of_frames_of_a_fragmented_video_is_an_estimate(frames, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames, "mp4v")
    assert n_frames_is_exact(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"udta", b"mvex"))  # as in a fragmented file
    assert not n_frames_is_exact(path)


def test_messages_about_one_frame_are_in_the_singular(
    frames, photo: Photo, run, tmp_path: Path
) -> None:
    height, width = (side // 2 * 2 for side in photo.shape[:2])
    clip = write_video(tmp_path / "clip.mkv", [photo[:height, :width]], "MJPG")
    _, output = run(clip)
    assert "clip.mkv: 1 frame, 1 face" in output and "of them" not in output
    remark = _check_end(clip, 1, 90_000)
    assert str(remark) == f"{clip}: 1 frame, where its duration suggests 90,000"


def test_names_that_are_not_utf8_and_long_ones_are_annotated(
    frames, photo: Photo, run, tmp_path: Path
) -> None:
    clip, folder = tmp_path / os.fsdecode(b"\xef.avi"), tmp_path / os.fsdecode(b"d\xef\x1b")
    folder.mkdir()
    write_video(tmp_path / "clip.avi", frames[:2]).rename(folder / clip.name)
    Image.fromarray(photo).save(folder / f"{'x' * 250}.png")
    code, output = run(folder / clip.name, folder, "--out", folder.parent / f"{folder.name}-out")
    assert code == 0
    assert "1 face in 3 images; left out: 1 video" in output
    assert r"d\udcef\x1b" in output.encode("utf-8", "backslashreplace").decode()


def test_the_video_of_a_camera_with_an_odd_rate_is_written(frames, run, tmp_path: Path) -> None:
    path = write_video(tmp_path / "slow.mp4", frames, "mp4v")
    content = bytearray(path.read_bytes())
    header, table = content.find(b"mdhd") - 4, content.find(b"stts") - 4
    content[header + 20 : header + 24] = struct.pack(">I", 105611)
    content[table + 20 : table + 24] = struct.pack(">I", 500)
    path.write_bytes(content)
    assert run(path)[0] == 0
    drawn = cv2.VideoCapture(str(tmp_path / "out/slow_points.mp4"))
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(211.222, abs=0.01)
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 8


@pytest.mark.parametrize(
    ("fps", "expected"),
    [(25, 25), (29.97002997, 29.97), (66.667, 66.67), (211.222, 211.22), (1e6, 1000), (1e-3, 2e-3)],
)
def test_a_frame_rate_is_rounded_to_what_mpeg4_can_represent(fps: float, expected: float) -> None:
    assert round_fps(fps) == pytest.approx(expected)


def test_a_video_with_few_frames_per_hour_is_written(frames, tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "copy.mp4", 1e-4)
    writer.append(frames[0], 0)
    writer.close()
    assert (tmp_path / "copy.mp4").is_file()


def test_a_video_that_cannot_be_written_does_not_end_the_run(
    frames, photo: Photo, run, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "thin.avi", [frame[:2, :2] for frame in frames[:2]], "FFV1")
    Image.fromarray(photo).save(tmp_path / "good.png")
    (tmp_path / "out/good_points.png").mkdir(parents=True)
    Image.fromarray(photo).save(tmp_path / "other.png")
    code, output = run(path, tmp_path / "good.png", tmp_path / "other.png")
    assert code == 1
    assert f"{tmp_path}/out/good_points.png: cannot be written (Is a directory)" in output
    assert "other.png: 1 face" in output


def test_each_output_that_cannot_be_written_is_named_and_the_others_are_written(
    photo: Photo, run, tmp_path: Path
) -> None:
    blocked = ("me.json", "faces.xml", "faces.jpg", "album.html")
    for name in blocked:
        (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out/portraits").touch()
    Image.fromarray(photo).save(tmp_path / "me.png")
    code, output = run(
        tmp_path / "me.png", tmp_path / "me.png", "--format", "xml", "--format", "csv", "--crop"
    )
    assert code == 1
    for name in blocked:
        assert output.count(f"{tmp_path}/out/{name}: cannot be written (Is a directory)\n") == 1
    assert output.count(f"{tmp_path}/out/portraits: cannot be written (File exists)\n") == 1
    assert output.endswith(f"2 faces in 2 images, 5 not written -> {tmp_path}/out/faces.csv\n")
    written = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    pictures = {"me_points.png", "me-2_points.png", "me-2.json"}
    assert written == {"portraits", "faces.csv", *pictures}


@pytest.mark.parametrize("n_bytes", [1000, 8000])
def test_a_video_that_the_disk_cannot_hold_is_named(frames, n_bytes: int, tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "copy.mp4", 25)
    problem = f"could not be written to its end; .* a file may have at most {n_bytes:,} bytes"
    with limited_file_size(n_bytes), pytest.raises(PhotoError, match=problem):
        for number in range(80):
            writer.append(frames[number % 8], number / 25)
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_photo_that_the_disk_cannot_hold_ends_the_run(photo: Photo, run, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "me.jpg")
    fill_up(tmp_path / "out/me_points.jpg")
    code, output = run(tmp_path / "me.jpg", tmp_path / "me.jpg")
    assert code == 1
    assert f"error: {tmp_path / 'out/me_points.jpg'}: No space left on device; free some" in output
    assert not list((tmp_path / "out").glob("me_points*"))


def test_a_file_above_the_limit_of_file_sizes_is_named_with_the_limit(
    photo: Photo, run, tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "me.jpg")
    with limited_file_size(4000):
        code, output = run(tmp_path / "me.jpg", tmp_path / "me.jpg")
    assert code == 1
    for name in ("me_points.jpg", "me-2_points.jpg", "faces.jpg"):
        problem = f"{tmp_path}/out/{name}: cannot be written (File too large); raise the limit of"
        assert problem in output
    assert "2 faces in 2 images, " in output


def test_a_file_of_all_photos_that_cannot_be_completed_is_named_before_the_summary(
    photo: Photo, run, tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "me.png")
    fill_up(tmp_path / "out/faces.xml")
    code, output = run(tmp_path / "me.png", "--format", "xml", "--format", "csv")
    assert code == 1
    assert f"{tmp_path}/out/faces.xml: cannot be written (No space left on device); free" in output
    pages = f"{tmp_path}/out/faces.jpg, {tmp_path}/out/faces.csv"
    assert output.endswith(f"1 face in 1 image, 1 not written -> {pages}\n")


def fill_up(path: Path) -> None:
    """Simulate a disk that becomes full while a file is written."""
    path.parent.mkdir(exist_ok=True)
    path.with_name(f"{path.name}.{os.getpid()}.tmp").symlink_to("/dev/full")


def test_outputs_replace_links_and_stay_whole_if_the_run_is_interrupted(
    photo: Photo, run, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    Image.fromarray(photo).save(tmp_path / "me.png")
    names = "me.json", "me_points.png", "faces.jpg", "faces.csv"
    for name in names:
        (tmp_path / name).write_text("precious")
        (tmp_path / "out" / name).symlink_to(tmp_path / name)
    assert run(tmp_path / "me.png", "--format", "csv")[0] == 0
    assert [(tmp_path / name).read_text() for name in names] == ["precious"] * len(names)
    with pytest.raises(KeyboardInterrupt), text_output(tmp_path / "faces.csv") as file:
        file.write("x")
        assert (tmp_path / "faces.csv").read_text() == "precious"
        raise KeyboardInterrupt
    assert (tmp_path / "faces.csv").read_text() == "x"


def test_no_output_leaves_its_folder_whatever_an_input_is_called(
    frames, photo: Photo, run, tmp_path: Path
) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    for name in ("...avi", "..avi"):
        write_video(tmp_path / "clip.avi", frames[:2]).rename(inputs / name)
    for name in ("...png", "..png"):
        Image.fromarray(photo).save(inputs / name, "PNG")
    before = set(tmp_path.iterdir())
    code, output = run(*sorted(inputs.iterdir()), "--format", "pts", "--crop")
    assert code == 0, output
    assert set(tmp_path.iterdir()) == before | {tmp_path / "out"}
    assert {path.parent for path in tmp_path.rglob("000001.json")} == {
        tmp_path / "out" / name for name in ("_", "_-3")
    }


def test_links_and_names_that_lead_nowhere_are_named(photo: Photo, run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(photo).save(folder / "good.png")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "lost.jpg").symlink_to("/nonexistent.jpg")
    (folder / "empty.jpg").touch()
    for argument in (folder, f"{folder}/*"):
        code, output = run(argument, tmp_path / f"{'x' * 300}.jpg")
        assert code == 1
        assert "loop.jpg: Too many levels of symbolic links" in output
        assert "lost.jpg: no such file" in output
        assert "empty.jpg: not a complete photo (an empty file)" in output
        assert "xxx.jpg: File name too long" in output
        assert "1 face in 1 image, 4 not annotated" in output


def test_a_photo_that_disappears_while_it_is_read_is_named(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "me.png"
    Image.fromarray(photo).save(path)

    def lose(*arguments: object, **options: object) -> None:  # as when a disk is unplugged
        path.unlink()
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Image, "open", lose)
    with pytest.raises(PhotoError, match="me.png: not a complete photo .Input/output error"):
        decode_image(path)


def test_a_pattern_ends_in_folders_with_links_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "a/.hidden").mkdir(parents=True)
    for name in ("a/me.jpg", "me.jpg", "a/.hidden/me.jpg"):
        (tmp_path / name).touch()
    for name in ("one", "two"):
        (tmp_path / "a" / name).symlink_to(tmp_path)
    found = find_files([f"{tmp_path}/**/*.jpg", f"{tmp_path}/a/**"]).paths
    expected = [tmp_path / "a/me.jpg", tmp_path / "me.jpg"]
    assert sorted(set(map(Path.resolve, found))) == expected and len(found) == 4


def test_what_a_folder_contains_is_taken_by_content_or_counted(
    frames, photo: Photo, tmp_path: Path
) -> None:
    jpeg = io.BytesIO()
    Image.fromarray(photo).save(jpeg, "JPEG")
    for name in ("a.jfif", "b.jpe", "c", "d.HEIC", "e.dat"):
        (tmp_path / name).write_bytes(jpeg.getvalue())
    (tmp_path / "broken.jpg").write_text("text")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / ".hidden.jpg").write_bytes(jpeg.getvalue())
    (tmp_path / "raw.dng").write_bytes(b"II*\0" + bytes(100))
    os.mkfifo(tmp_path / "pipe")
    for name in ("sub", "@eaDir", "#recycle"):
        (tmp_path / name).mkdir()
    (tmp_path / "._c").write_bytes(jpeg.getvalue())
    write_video(tmp_path / "clip.avi", frames).rename(tmp_path / "clip")
    found = find_files([str(tmp_path)])
    names = [path.name for path in found.paths]
    assert names == ["a.jfif", "b.jpe", "broken.jpg", "c", "d.HEIC", "e.dat"]
    left_out = {"video": 1, "folder": 1, "other file": 4, "system file": 1, "system folder": 2}
    assert found.left_out == left_out
    assert decode_image(tmp_path / "d.HEIC").pixels.shape == photo.shape


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa b .jpg \r\nc.jpg\n",
        b"a b .jpg \0c.jpg\0",
        "a b .jpg \nc.jpg".encode("utf-16"),
        b"a b .jpg \n\nc.jpg",
        b"a b .jpg \rc.jpg\r",
        b"a b .jpg \r\r\n \r\r\nc.jpg\r\r\n\x1a",
        "a b .jpg \r\nc.jpg\r\n".encode("utf-16-le"),
    ],
)
def test_a_list_of_another_tool_is_read(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert find_files(["-"]).paths == [Path("a b .jpg "), Path("c.jpg")]


def test_a_name_in_a_list_may_have_trailing_blanks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "b.jpg", "b.jpg "):
        (tmp_path / name).touch()
    names = f"{tmp_path}/a.jpg \t\n{tmp_path}/b.jpg \n".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(names)))
    assert [path.name for path in find_files(["-"]).paths] == ["a.jpg", "b.jpg "]


def test_files_of_other_systems_in_a_list_are_left_out_unless_there_are_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = ["@eaDir/a.jpg", "._a.jpg"]
    for names, expected, left_out in (
        (["a.jpg", "out/a_points.jpg", *added], ["a.jpg"], {"output file": 1, "system file": 2}),
        (added, added, {}),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(names).encode())))
        found = find_files(["-"], Path("out"))
        assert found.paths == list(map(Path, expected)) and found.left_out == left_out


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_list_is_an_error(content: bytes, run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, output = run("-")
    assert code == 1
    assert "standard input: an empty list" in output


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", MediaType.HEIF),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", MediaType.PHOTO),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", MediaType.VIDEO),
        (b"\0\0\0\x08wide\0\0\0\0mdat", MediaType.VIDEO),
        (b"G" + bytes(187) + b"G" + bytes(187) + b"G" + bytes(187), MediaType.VIDEO),
        (b"RIFF\0\0\0\0WEBP", MediaType.PHOTO),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", MediaType.UNKNOWN),
        (b"OggS" + bytes(24) + b"OpusHead", MediaType.UNKNOWN),
        (b"FLV\x01\x05", MediaType.VIDEO),
        (b"FLV\x01\x04", MediaType.UNKNOWN),
        *(
            (start + tracks, expected)
            for start, sound, pictures in (
                (b"RIFF\0\0\0\0AVI ", b"auds", b"vids"),
                (b"\x1aE\xdf\xa3", b"\x83\x81\x02", b"\x83\x81\x01"),
                (WMV, b"\x40\x9e\x69\xf8M[\xcf\x11", b"\xc0\xef\x19\xbcM[\xcf\x11"),
                (b"\0\0\x01\xba", b"\0\0\x01\xc0", b"\0\0\x01\xe0"),
            )
            for tracks, expected in (
                (sound, MediaType.UNKNOWN),
                (sound + pictures, MediaType.VIDEO),
                (b"", MediaType.VIDEO),
            )
        ),
        (b"OggS" + bytes(24) + b"\x80theora", MediaType.VIDEO),
        (b"BM is no bitmap", MediaType.UNKNOWN),
        (b"", MediaType.UNKNOWN),
    ],
)
def test_a_type_is_known_by_the_first_bytes(
    head: bytes, expected: MediaType, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(head)
    assert media_type(tmp_path / "file") is expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("me.jpg", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),  # for Ghostscript
        ("clip.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n"),  # a playlist for FFmpeg
    ],
)
def test_no_other_program_or_address_is_opened(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    (image,) = iter_images([tmp_path / name], every=1)
    with pytest.raises(PhotoError, match="not a photo in a known format"):
        image.read()


def test_a_heif_file_of_any_name_is_refused_with_its_plug_in(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50))
    with pytest.raises(PhotoError, match="Pillow needs a plug-in: run `pip install pillow-heif`"):
        decode_image(tmp_path / "me.jpg")


def test_a_damaged_avif_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.avif"
    Image.effect_noise((64, 48), 60).convert("RGB").save(path)
    content = bytearray(path.read_bytes())
    start = content.find(b"mdat") + 4
    content[start : start + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=r"broken.avif: not a complete photo \(Failed to decode"):
        decode_image(path)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_an_oriented_tiff_is_turned_once(compression: str | None, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    stored.save(tmp_path / "turned.tif", exif=exif, compression=compression)
    assert (decode_image(tmp_path / "turned.tif").pixels == upright).all()
    stored.convert("L").save(tmp_path / "gray.tif", exif=exif, compression=compression)
    gray = np.asarray(Image.fromarray(upright).convert("L"))
    assert (decode_image(tmp_path / "gray.tif").pixels == gray[..., None]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_oriented_tiff_of_16_bits_is_turned_once(orientation: int, tmp_path: Path) -> None:
    path, values = tmp_path / "deep.tif", np.arange(72, dtype=np.uint16).reshape(6, 4, 3) * 900
    cv2.imwrite(str(path), values[..., ::-1])
    planar_configuration, oriented = (struct.pack("<HHI", tag, 3, 1) for tag in (284, 274))
    head, found, tail = path.read_bytes().partition(planar_configuration + b"\1")
    path.write_bytes(head + oriented + bytes([orientation]) + tail)
    stored = Image.fromarray((values // 257).astype(np.uint8))
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    upright = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    pixels = decode_image(path).pixels
    assert found and pixels.shape == upright.shape and np.abs(pixels - upright).max() <= 1


def test_a_tiff_of_16_bits_in_which_0_is_white_is_no_negative(tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(path)
    black_is_zero, white_is_zero = (struct.pack("<HHII", 262, 3, 1, kind) for kind in (1, 0))
    path.write_bytes(path.read_bytes().replace(black_is_zero, white_is_zero))
    assert decode_image(path).pixels[..., 0].tolist() == [[255, 0]]


DEEP_FORMATS = [("png", 1), ("png", 3), ("tif", 1), ("tif", 3), ("ppm", 3)]


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize(("suffix", "channels"), DEEP_FORMATS)
def test_images_with_fewer_bits_than_16_are_stretched_with_a_note(
    bits: int, suffix: str, channels: int, tmp_path: Path
) -> None:
    values = np.array([[0, 0.25, 1]]) * (2**bits - 1)
    pixels = np.repeat(values[..., None], channels, axis=2).round().astype(np.uint16)
    pixels[0, 1, channels - 1 :] = 0  # blue is last
    cv2.imwrite(str(tmp_path / f"deep.{suffix}"), pixels[..., ::-1])
    image = decode_image(tmp_path / f"deep.{suffix}")
    expected = [0, 64, 255] if channels == 3 else [0, 0, 255]
    assert np.abs(image.pixels[0, :, 0].astype(int) - expected).max() <= 1
    assert image.pixels[0, 1, 2] == 0
    note = f"contains only {bits} of its 16 bits, which are stretched to the whole range"
    assert image.notes == ((note,) if bits < 16 else ())


def test_a_jpeg2000_image_with_fewer_bits_than_16_is_stretched(tmp_path: Path) -> None:
    lossless = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
    cv2.imwrite(str(tmp_path / "deep.jp2"), np.full((32, 32, 3), 1000, np.uint16), lossless)
    image = decode_image(tmp_path / "deep.jp2")
    assert (image.pixels == round(1000 / 1023 * 255)).all()
    assert "only 10 of its 16 bits" in image.notes[0]


@pytest.mark.parametrize("suffix", ["sgi", "tif"])
def test_16_bits_that_are_reduced_to_8_have_a_note(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"deep.{suffix}"
    if suffix == "sgi":
        Image.new("RGB", (8, 8)).save(path, bpc=2)
    else:
        cv2.imwrite(str(path), np.zeros((8, 8, 4), np.uint16))
        rgb, cmyk = (struct.pack("<HHII", 262, 3, 1, kind) for kind in (2, 5))
        path.write_bytes(path.read_bytes().replace(rgb, cmyk))
    assert decode_image(path).notes == ("only the upper 8 of 16 bits are read",)


def test_a_motion_jpeg_stream_has_a_note_and_a_photo_with_an_appendix_has_none(
    photo: Photo, tmp_path: Path
) -> None:
    path = tmp_path / "cam.jpg"
    image, content = Image.fromarray(photo), io.BytesIO()
    image.save(content, "JPEG", progressive=True)
    jpeg = content.getvalue()
    image.resize((40, 30)).save(path)
    preview = path.read_bytes()
    for appendix, is_stream in (
        (jpeg, True),
        (jpeg[:-2], False),
        (preview, False),
        (b"\0\0\0\x14ftypmp42" + jpeg, False),
        (b"", False),
    ):
        path.write_bytes(jpeg + appendix)
        notes = ("only the first of several pictures is read",) if is_stream else ()
        assert decode_image(path).notes == notes
    image.save(path, "MPO", save_all=True, append_images=[image])
    assert decode_image(path).notes == ()


def test_control_characters_of_a_name_are_escaped() -> None:
    assert escape_controls("a\n\x1b[2Jé\udcef") == "a\\x0a\\x1b[2Jé\udcef"
