"""Points in anybody's photos: several faces, turned by EXIF, grey, tiny, huge, damaged, moving."""

import csv
import io
import json
import os
import struct
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

import annotate
from keypoints.annotation import default_model
from keypoints.annotation.detection import PASSES, detect, detect_faces
from keypoints.annotation.images import read_image
from keypoints.annotation.inputs import find_files
from keypoints.datasets.ibug import read_ibug
from keypoints.models.predict import load_model, save_model

ORIENTATION = 0x0112  # of EXIF
UPRIGHT_TO_STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}


@pytest.fixture(scope="module")
def photo(rendered_ibug: Path) -> NDArray[np.uint8]:
    """A drawn photo in which the cascades find the face, and nothing else."""
    for face in read_ibug(rendered_ibug):
        photo = read_image(rendered_ibug / face.photo)
        boxes = detect_faces(photo)
        if len(boxes) == 1 and np.abs(np.subtract(boxes[0], face.box)).max() < len(photo) / 6:
            return photo
    raise AssertionError("the cascades find none of the drawn faces")


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Runs annotate.py; its exit code and what it printed."""

    def annotated(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            annotate.main(
                [*map(str, arguments), "--model", str(tiny_model), "--out", str(tmp_path / "out")]
            )
        said = capsys.readouterr().out
        if isinstance(left.value.code, str):
            return 1, said + left.value.code
        return int(left.value.code or 0), said

    return annotated


def written(tmp_path: Path, stem: str) -> dict:
    return json.loads((tmp_path / "out" / f"{stem}.json").read_text())


def save(photo: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(photo).save(path)
    return path


def test_each_face_of_a_photo_has_its_points_where_it_stands(photo, run, tmp_path: Path) -> None:
    height, width = photo.shape[:2]
    save(photo, tmp_path / "alone.png")
    save(np.hstack([photo, photo]), tmp_path / "twice.png")
    code, said = run(tmp_path / "alone.png", tmp_path / "twice.png")
    assert code == 0
    assert "twice.png: 2 faces, " in said
    assert "3 faces in 2 pictures" in said
    alone, twice = written(tmp_path, "alone"), written(tmp_path, "twice")
    assert (twice["height"], twice["width"]) == (height, 2 * width)
    one, other = sorted(twice["faces"], key=lambda face: face["box"][0])
    box = np.array(alone["faces"][0]["box"])
    side = box[2] - box[0]  # the cascades look at a photo of another size in other steps
    assert np.abs(np.subtract(one["box"], box)).max() < side / 6
    assert np.abs(np.subtract(other["box"], box) - (width, 0, width, 0)).max() < side / 6
    for face in (one, other):
        assert np.array(face["points"]).shape == (68, 2)
        assert len(face["uncertainty"]) == 68
    assert read_image(tmp_path / "out/twice_points.png").shape == (height, 2 * width, 3)
    assert (tmp_path / "out/faces.jpg").is_file()


def test_a_portrait_takes_one_look_and_a_small_face_more(photo: NDArray[np.uint8]) -> None:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    (at_once,) = detect(grey, PASSES[:1])
    assert detect(grey) == [at_once]
    assert at_once.side >= PASSES[0].stop_at * min(grey.shape)
    landscape, scale = np.full((1200, 1600), 128, np.uint8), 150 / at_once.side
    small = cv2.resize(grey, None, fx=scale, fy=scale)
    landscape[500 : 500 + small.shape[0], 900 : 900 + small.shape[1]] = small
    assert detect(landscape, PASSES[:2]) == []
    (box,) = detect_faces(landscape)
    expected = np.array(at_once.to_dataset_box()) * scale + (900, 500, 900, 500)
    assert np.abs(np.array(box) - expected).max() < 30


def test_a_picture_keeps_the_pixels_that_nothing_is_drawn_on(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    run(tmp_path / "me.png", "--box", "60,60,40,40")
    drawn = read_image(tmp_path / "out/me_points.png")
    assert (drawn != photo).any()
    assert (drawn[-5:] == photo[-5:]).all()


@pytest.mark.parametrize("orientation", UPRIGHT_TO_STORED)
def test_a_turned_photo_has_the_points_of_its_upright_twin(
    orientation: int, photo, run, tmp_path: Path
) -> None:
    upright = Image.fromarray(photo)
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    upright.transpose(UPRIGHT_TO_STORED[orientation]).save(tmp_path / "turned.png", exif=exif)
    assert run(tmp_path / "upright.png", tmp_path / "turned.png")[0] == 0
    turned, twin = written(tmp_path, "turned"), written(tmp_path, "upright")
    assert turned["faces"] == twin["faces"]
    assert (turned["height"], turned["width"]) == photo.shape[:2]


def test_photos_of_all_kinds_give_a_face(photo, run, tmp_path: Path) -> None:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    huge = cv2.resize(photo, None, fx=10, fy=10)
    Image.fromarray(grey).save(tmp_path / "grey.jpg")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.dstack([photo, np.full_like(grey, 255)])).save(tmp_path / "alpha.png")
    save(huge, tmp_path / "huge.jpg")
    save(cv2.resize(photo, (24, 20)), tmp_path / "tiny.png")
    save(photo[:1, :1], tmp_path / "dot.png")
    code, said = run(tmp_path)
    assert code == 0
    for name in ("grey.jpg", "deep.png", "alpha.png", "huge.jpg"):
        assert f"{name}: 1 face" in said
    for name in ("tiny.png", "dot.png"):
        assert f"{name}: no face found" in said
    assert written(tmp_path, "tiny")["faces"] == []
    box = np.array(written(tmp_path, "huge")["faces"][0]["box"]) / 10
    other = np.array(written(tmp_path, "alpha")["faces"][0]["box"])
    shared = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    smaller = min(np.prod(b[2:] - b[:2]) for b in (box, other))  # another cascade, another size
    assert (shared > 0).all() and np.prod(shared) > 0.9 * smaller


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 1.0]], np.float32),  # shares of white
        np.array([[0, 255.0]], np.float32),
        np.array([[0, 65535]], np.uint16),
    ],
)
def test_white_is_white_in_every_depth(values: NDArray[np.generic], tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "deep.tif")
    assert read_image(tmp_path / "deep.tif")[..., 0].tolist() == [[0, 255]]


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 3), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()


def test_unreadable_files_are_named_and_the_rest_is_done(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty").mkdir()
    names = ["cut.png", "text.jpg", "gone.jpg", "gone.mp4", "empty", "good.png"]
    code, said = run(*(tmp_path / name for name in names))
    assert code == 1
    for line in (
        "cut.png: not a whole photo",
        "text.jpg: not a whole photo (of no known format)",
        "gone.jpg: no such file",
        "gone.mp4: no such file",
        "empty: no photo in this folder",
        "good.png: 1 face",
        "1 face in 1 picture, 5 not read",
    ):
        assert line in said


def test_a_name_that_is_no_utf8_is_written_and_read_back(
    photo, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(photo, tmp_path / "plain.png")
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "plain.png").rename(tmp_path / name)
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", said)
    code, _ = run(tmp_path / name, "--format", "csv", "--format", "xml")
    assert code == 0
    said.seek(0)
    assert r"caf\udce9.png: 1 face" in said.read()
    record = json.loads((tmp_path / "out" / name).with_suffix(".json").read_text("utf-8"))
    assert record["photo"] == str(tmp_path / name)
    assert r"caf\udce9.png,1,0," in (tmp_path / "out/faces.csv").read_text("utf-8")


def test_odd_values_in_exif_do_not_hinder(tmp_path: Path) -> None:
    width = struct.pack("<HHIf", ExifTags.Base.ImageWidth, 11, 1, 4.0)  # should be a whole number
    turned = struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + width + turned + struct.pack("<I", 0)
    path = tmp_path / "odd.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=exif)
    assert read_image(path).shape == (6, 4, 3)


def test_a_box_is_refused_where_the_network_sees_whole_photos(
    tiny_model: Path, tmp_path: Path
) -> None:
    trained = load_model(tiny_model)
    whole = trained.settings.model_copy(
        update={"task": trained.settings.task.model_copy(update={"box_scale": None})}
    )
    save_model(tmp_path / "whole.safetensors", trained.network, whole)
    given = ["me.png", "--model", str(tmp_path / "whole.safetensors"), "--box", "10,10,20,20"]
    with pytest.raises(SystemExit, match="sees whole photos and no box; leave them out"):
        annotate.main(given)


def test_photos_come_from_a_list_a_folder_and_a_pattern(
    photo, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    for name in ("a.png", "deep/a.png", "deep/er/b.png"):
        save(photo, tmp_path / name)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{tmp_path / 'a.png'}\n\n"))
    code, said = run("-", tmp_path / "deep", f"{tmp_path}/deep/**/b*.png")
    assert code == 0
    assert "3 faces in 3 pictures" in said
    assert {path.name for path in (tmp_path / "out").glob("*.json")} == {
        "a.json",
        "a-2.json",
        "b.json",
    }


def test_other_formats_have_the_points_of_the_json(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    run(tmp_path / "me.png", "--format", "pts", "--format", "xml", "--format", "csv")
    points = np.array(written(tmp_path, "me")["faces"][0]["points"])
    pts = (tmp_path / "out/me.pts").read_text().split("{\n")[1].split("\n}")[0]
    assert np.fromstring(pts, sep=" ").reshape(-1, 2) == pytest.approx(points + 1)
    listed = ElementTree.parse(tmp_path / "out/faces.xml")
    assert [image.get("file") for image in listed.iter("image")] == ["../me.png"]  # from the list
    parts = listed.findall(".//part")
    whole = [(int(part.get("x", "")), int(part.get("y", ""))) for part in parts]
    assert np.abs(np.array(whole) - points).max() <= 0.5
    with (tmp_path / "out/faces.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = [(float(row["x"]), float(row["y"])) for row in rows]
    assert np.array(table) == pytest.approx(points)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--box", "1,2,3", "should be four numbers, X,Y,W,H; got 1,2,3"),
        ("--box", "1,2,3,x", "should be four numbers, X,Y,W,H; got 1,2,3,x"),
        ("--box", "1,2,0,4", "width and height should be positive; got 1,2,0,4"),
        ("--box", "nan,2,3,4", "should be four finite numbers; got nan,2,3,4"),
        ("--every", "0", "should be 1, 2, 3 ...; got 0"),
        ("--onnx", "me.safetensors", "should be an .onnx file; got me.safetensors"),
        ("--every", "two", "should be 1, 2, 3 ...; got two"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        annotate.main(["me.jpg", option, value])
    assert message in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_named(photo, run, tmp_path: Path) -> None:
    save(photo, tmp_path / "me.png")
    (tmp_path / "out").touch()
    code, said = run(tmp_path / "me.png")
    assert (code, said) == (1, f"error: --out {tmp_path / 'out'}: cannot be a folder (File exists)")


def test_no_output_can_take_the_place_of_an_input(photo, run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    inside = save(photo, tmp_path / "out" / "faces.png")
    before = inside.read_bytes()
    code, said = run(inside)
    assert (code, said) == (
        1,
        f"error: --out {tmp_path / 'out'}: {inside} lies there, and is read; name another folder",
    )
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [before]


def test_a_pattern_gives_each_file_once(photo, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    path = save(photo, tmp_path / "a" / "me.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert list(find_files([f"{tmp_path}/**/*.png"])) == [path]


def test_a_box_far_larger_than_the_photo_is_refused_before_it_is_cut(
    photo, run, tmp_path: Path
) -> None:
    save(photo, tmp_path / "me.png")
    code, said = run(tmp_path / "me.png", "--box", "1,1,1e9,1e9")
    assert code == 1
    assert "has a box of 1e+09 x 1e+09 px" in said


def test_a_box_outside_of_the_photo_is_a_problem_of_that_photo(photo, run, tmp_path) -> None:
    save(photo, tmp_path / "me.png")
    code, said = run(tmp_path / "me.png", "--box", "5000,10,40,40")
    assert code == 1
    assert "me.png: the box 5000,10,40,40 lies outside of its" in said


def test_each_second_picture_of_a_video_is_annotated(photo, run, tmp_path: Path) -> None:
    height, width = (side // 2 * 2 for side in photo.shape[:2])
    video = cv2.VideoWriter(
        str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (width, height)
    )
    for _ in range(4):
        video.write(photo[:height, :width, ::-1])
    video.release()
    code, said = run(tmp_path / "clip.mp4", "--every", "2")
    assert code == 0
    assert "2 pictures" in said
    assert written(tmp_path, "clip/000002")["photo"].endswith("clip.mp4#2")
    drawn = cv2.VideoCapture(str(tmp_path / "out/clip_points.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert drawn.get(cv2.CAP_PROP_FPS) == 5


def test_an_unknown_model_is_named_with_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"models/sped\.safetensors: no such model; trained: "):
        annotate.main([str(tmp_path), "--model", "sped"])
    with pytest.raises(SystemExit, match="0"):
        annotate.main(["--help"])
    assert "python src/annotate.py clip.mp4 --every 5" in capsys.readouterr().out


def test_the_committed_network_is_the_default_until_a_better_one_saw_photos(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, committed = tmp_path / "models/own.safetensors", tmp_path / "pretrained/wild.safetensors"
    for path in (own, committed):
        path.parent.mkdir()
        path.write_bytes(tiny_model.read_bytes())
    (tmp_path / "models/own_calibrator.safetensors").write_bytes(b"what calibrate.py leaves there")
    (tmp_path / "metrics/scores").mkdir(parents=True)
    (tmp_path / "data/raw/ibug").mkdir(parents=True)
    source, scores = tmp_path / "data/raw/ibug/source.json", tmp_path / "metrics/scores/own.json"
    committed.with_suffix(".json").write_text('{"nme": 0.06}')
    monkeypatch.setattr(default_model, "PRETRAINED", committed)
    monkeypatch.setattr(default_model, "_PIPELINES", (tmp_path,))
    for seen, nme, expected in (
        ("rendered", 0.01, committed),
        ("public", 0.07, committed),
        ("public", 0.05, own),
    ):
        source.write_text(json.dumps({"source": seen}))
        scores.write_text(json.dumps({"nme": nme}))
        assert default_model.model_file(None) == expected
    committed.unlink()
    source.write_text('{"source": "rendered"}')
    assert default_model.model_file(None) == own


@pytest.mark.parametrize("name", ["own", "own.2of5", "own.half"])
def test_a_model_is_found_by_its_name_whatever_dots_it_has(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_model, "_PIPELINES", (tmp_path,))
    (tmp_path / "models").mkdir()
    (tmp_path / f"models/{name}.safetensors").touch()
    assert default_model.model_file(name) == tmp_path / f"models/{name}.safetensors"
