"""annotate.py on photos of every kind: rotated, gray, tiny, huge, damaged, moving."""

import csv
import io
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from workspace import ROOT

import annotate
from keypoints.annotation.images import read_image
from keypoints.annotation.inputs import find_files
from keypoints.models.predict import load_model, save_model

UPRIGHT_TO_STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}


def read_json(tmp_path: Path, stem: str) -> dict:
    return json.loads((tmp_path / "out" / f"{stem}.json").read_text())


def save(photo: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(photo).save(path)
    return path


def test_each_face_of_a_photo_has_its_own_points(photo, run, tmp_path: Path) -> None:
    height, width = photo.shape[:2]
    save(photo, tmp_path / "alone.png")
    save(np.hstack([photo, photo]), tmp_path / "twice.png")
    code, output = run(tmp_path / "alone.png", tmp_path / "twice.png")
    assert code == 0, output
    assert "twice.png: 2 faces, " in output
    assert f"3 faces in 2 images -> {tmp_path / 'out/faces.jpg'}" in output
    alone, twice = read_json(tmp_path, "alone"), read_json(tmp_path, "twice")
    assert (twice["height"], twice["width"]) == (height, 2 * width)
    left, right = sorted(twice["faces"], key=lambda face: face["box"][0])
    box = np.array(alone["faces"][0]["box"])
    side = box[2] - box[0]
    assert np.abs(np.subtract(left["box"], box)).max() < side / 6
    assert np.abs(np.subtract(right["box"], box) - (width, 0, width, 0)).max() < side / 6
    for face in (left, right):
        assert np.array(face["points"]).shape == (68, 2)
        assert len(face["uncertainty"]) == 68
    assert read_image(tmp_path / "out/twice_points.png").shape == (height, 2 * width, 3)
    assert read_image(tmp_path / "out/faces.jpg").shape == (208, 3 * 200 + 8, 3)


def test_pixels_without_a_drawing_stay_unchanged(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    run(tmp_path / "me.png", "--box", "60,60,40,40")
    drawn = read_image(tmp_path / "out/me_points.png")
    assert (drawn != photo).any()
    assert (drawn[-5:] == photo[-5:]).all()


@pytest.mark.parametrize("orientation", UPRIGHT_TO_STORED)
def test_a_rotated_photo_has_the_points_of_its_upright_copy(
    orientation: int, photo, run, tmp_path: Path
) -> None:
    upright = Image.fromarray(photo)
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    upright.transpose(UPRIGHT_TO_STORED[orientation]).save(tmp_path / "rotated.png", exif=exif)
    assert run(tmp_path / "upright.png", tmp_path / "rotated.png")[0] == 0
    rotated = read_json(tmp_path, "rotated")
    assert rotated["faces"] == read_json(tmp_path, "upright")["faces"]
    assert (rotated["height"], rotated["width"]) == photo.shape[:2]


def test_the_face_is_found_in_photos_of_all_kinds(photo, run, tmp_path: Path) -> None:
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    huge = cv2.resize(photo, None, fx=10, fy=10)
    Image.fromarray(gray).save(tmp_path / "gray.jpg")
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.dstack([photo, np.full_like(gray, 255)])).save(tmp_path / "alpha.png")
    save(huge, tmp_path / "huge.jpg")
    save(cv2.resize(photo, (12, 10)), tmp_path / "tiny.png")
    save(photo[:1, :1], tmp_path / "dot.png")
    code, output = run(tmp_path)
    assert code == 0, output
    for name in ("gray.jpg", "deep.png", "alpha.png", "huge.jpg"):
        assert f"{name}: 1 face, " in output
    for name in ("tiny.png", "dot.png"):
        assert f"{name}: no face found" in output
    assert read_json(tmp_path, "tiny")["faces"] == []
    box = np.array(read_json(tmp_path, "huge")["faces"][0]["box"]) / 10
    other = np.array(read_json(tmp_path, "alpha")["faces"][0]["box"])
    overlap = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    smaller = min(np.prod(b[2:] - b[:2]) for b in (box, other))
    assert (overlap > 0).all() and np.prod(overlap) > 0.9 * smaller


def test_unreadable_files_are_named_and_the_others_are_annotated(
    photo, run, tmp_path: Path
) -> None:
    save(photo, tmp_path / "good.png")
    complete = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(complete[: len(complete) // 2])
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty").mkdir()
    names = ["cut.png", "text.jpg", "gone.jpg", "gone.mp4", "empty", "good.png"]
    code, output = run(*(tmp_path / name for name in names))
    assert code == 1
    for line in (
        "cut.png: not a complete photo",
        "text.jpg: not a photo in a known format",
        "gone.jpg: no such file",
        "gone.mp4: no such file",
        "empty: no photo in this folder",
        "good.png: 1 face",
        "1 face in 1 image, 5 not annotated -> ",
    ):
        assert line in output


def test_a_file_name_that_is_not_utf8_is_written_and_restored(
    photo, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(photo, tmp_path / "plain.png")
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "plain.png").rename(tmp_path / name)
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", output)
    code, _ = run(tmp_path / name, "--format", "csv", "--format", "xml")
    assert code == 0, output
    output.seek(0)
    assert r"caf\udce9.png: 1 face" in output.read()
    record = json.loads((tmp_path / "out" / name).with_suffix(".json").read_text("utf-8"))
    assert record["photo"] == str(tmp_path / name)
    assert r"caf\udce9.png,1,0," in (tmp_path / "out/faces.csv").read_text("utf-8")


def test_photos_come_from_a_list_a_folder_and_a_pattern(
    photo, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    for name in ("a.png", "deep/a.png", "deep/er/b.png"):
        save(photo, tmp_path / name)
    names = f"\ufeff{tmp_path / 'a.png'}\r\n\n".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(names)))
    code, output = run("-", tmp_path / "deep", f"{tmp_path}/deep/**/b*.png")
    assert code == 0, output
    assert "3 faces in 3 images" in output
    names = {path.name for path in (tmp_path / "out").glob("*.json")}
    assert names == {"a.json", "a-2.json", "b.json"}


def test_a_pattern_yields_each_file_once(photo, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    path = save(photo, tmp_path / "a" / "me.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    link = tmp_path / "a" / "link.png"
    link.symlink_to("me.png")
    assert find_files([f"{tmp_path}/**/*.png"]).paths == [link, path]


def test_a_pattern_leaves_out_folders_of_other_systems(tmp_path: Path) -> None:
    systems = ("@eaDir", "#recycle", "@Recycle", "lost+found", "$RECYCLE.BIN", ".Trash-1000")
    for name in (".", *systems, ".snapshot", "System Volume Information"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "me.png").touch()
    found = find_files([f"{tmp_path}/**/*.png"])
    assert found.paths == [tmp_path / "me.png"]
    assert found.left_out == {"system file": 6}  # names with a dot match no pattern
    recycled = find_files([f"{tmp_path}/@Recycle/*.png"])
    assert recycled.paths == [tmp_path / "@Recycle/me.png"]


def test_a_pattern_leaves_out_what_an_earlier_run_wrote(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    for expected in ("1 image -> ", "1 image; left out: 1 output file -> "):
        code, output = run(f"{tmp_path}/**/*.png")
        assert code == 0, output
        assert expected in output


def test_all_formats_contain_the_points_of_the_json(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    _, output = run(tmp_path / "me.png", "--format", "pts", "--format", "xml", "--format", "csv")
    assert all(str(tmp_path / "out/faces") + kind in output for kind in (".xml", ".csv"))
    points = np.array(read_json(tmp_path, "me")["faces"][0]["points"])
    pts = (tmp_path / "out/me.pts").read_text().split("{\n")[1].split("\n}")[0]
    assert np.fromstring(pts, sep=" ").reshape(-1, 2) == pytest.approx(points + 1)
    xml = ElementTree.parse(tmp_path / "out/faces.xml")
    assert [image.get("file") for image in xml.iter("image")] == ["../me.png"]
    parts = xml.findall(".//part")
    rounded = [(int(part.get("x", "")), int(part.get("y", ""))) for part in parts]
    assert np.abs(np.array(rounded) - points).max() <= 0.5
    with (tmp_path / "out/faces.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = [(float(row["x"]), float(row["y"])) for row in rows]
    assert np.array(table) == pytest.approx(points)


def test_every_second_frame_of_a_video_is_annotated(photo, run, tmp_path: Path) -> None:
    height, width = (side // 2 * 2 for side in photo.shape[:2])
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(tmp_path / "clip.mp4"), codec, 10, (width, height))
    for _ in range(4):
        video.write(photo[:height, :width, ::-1])
    video.release()
    code, output = run(tmp_path / "clip.mp4", "--every", "2")
    assert code == 0, output
    assert "2 images" in output
    assert read_json(tmp_path, "clip/000002")["photo"].endswith("clip.mp4#2")
    drawn = cv2.VideoCapture(str(tmp_path / "out/clip_points.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert drawn.get(cv2.CAP_PROP_FPS) == 5


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ("1,1,1e9,1e9", "the box has 1e+09 x 1e+09 px, which is more than 4 times the size"),
        ("5000,10,40,40", "the box 5000,10,40,40 lies outside the photo, which has"),
    ],
)
def test_a_box_that_contains_no_face_is_a_problem_of_its_photo(
    box: str, problem: str, photo, run, tmp_path: Path
) -> None:
    save(photo, tmp_path / "me.png")
    code, output = run(tmp_path / "me.png", "--box", box)
    assert code == 1
    assert f"me.png: {problem}" in output


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--box", "1,2,3", "must be four numbers, X,Y,W,H; got 1,2,3"),
        ("--box", "1,2,3,x", "must be four numbers, X,Y,W,H; got 1,2,3,x"),
        ("--box", "1,2,0,4", "width and height must be positive; got 1,2,0,4"),
        ("--box", "nan,2,3,4", "must be four finite numbers; got nan,2,3,4"),
        ("--every", "0", "must be a positive integer; got 0"),
        ("--every", "two", "must be a positive integer; got two"),
    ],
)
def test_an_invalid_option_is_rejected(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        annotate.main(["me.jpg", option, value])
    assert message in capsys.readouterr().err


@pytest.fixture
def whole_photo_model(tiny_model: Path, tmp_path: Path) -> Path:
    """A network of whole photos like those of IMM."""
    trained = load_model(tiny_model)
    changed = {"box_scale": None, "margin": 0, "dataset": "imm"}
    task = trained.info.task.model_copy(update=changed)
    path = tmp_path / "whole.safetensors"
    save_model(path, trained.network, trained.info.model_copy(update={"task": task}))
    return path


def test_a_box_is_rejected_if_the_network_takes_whole_photos(whole_photo_model: Path) -> None:
    with pytest.raises(SystemExit, match="takes whole photos and no boxes; leave these options"):
        annotate.main(["me.png", "--model", str(whole_photo_model), "--box", "10,10,20,20"])


def test_a_network_of_whole_photos_refuses_photos_with_another_framing(
    whole_photo_model: Path,
    rendered_imm: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    portrait = ROOT / "data/photos/eileen_collins.jpg"
    similar = next(rendered_imm.rglob("*.jpg"))
    options = ["--model", str(whole_photo_model), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="1"):
        annotate.main([str(portrait), str(similar), *options])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{portrait}: refused, because tiny predicts whole photos that are ")
    assert "the face is 18 % of the height instead of 33 to 57 %" in lines[0]
    assert lines[1].startswith(f"{similar}: 1 face")


def test_an_output_folder_that_is_a_file_is_named(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    (tmp_path / "out").touch()
    code, output = run(tmp_path / "me.png")
    assert code == 1
    assert f"--out {tmp_path / 'out'}: cannot create this folder (File exists)" in output


def test_no_output_can_overwrite_an_input(photo, run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    inside = save(photo, tmp_path / "out" / "faces.png")
    before = inside.read_bytes()
    code, output = run(inside)
    assert code == 1
    assert f"--out {tmp_path / 'out'}: the input {inside} lies in this folder" in output
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [before]


def test_an_unknown_model_is_named_with_the_trained_ones(tmp_path: Path) -> None:
    expected = r"models/sped\.safetensors: no such model; trained models: .*pretrained/: .*wild"
    with pytest.raises(SystemExit, match=expected):
        annotate.main([str(tmp_path), "--model", "sped"])


def test_the_help_contains_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        annotate.main(["--help"])
    assert "python src/annotate.py clip.mp4 --every 5" in capsys.readouterr().out
