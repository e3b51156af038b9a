"""The crop store: crops are read as written, and landmarks stay on their pixels."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map, resize_map
from keypoints.crops.cropping import crop_region, write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.dataset import LabelOffset
from keypoints.faces.face import Box, Face, FormatError


def crop_format(
    height: int = 80, width: int = 80, *, margin: int = 16, box_scale: float | None = 1.3
) -> CropFormat:
    return CropFormat(
        height=height,
        width=width,
        margin=margin,
        colour=False,
        box_scale=box_scale,
        scheme="ibug68",
    )


def in_train(face: Face) -> str:
    return "train"


def face(name: str, box: Box | None, landmarks_photo: np.ndarray | None) -> Face:
    is_test = landmarks_photo is None
    return Face(name, f"{name}.png", name, box, landmarks_photo, is_test=is_test)


@pytest.mark.parametrize(
    ("photo_size", "box", "format_"),
    [
        pytest.param((240, 320), (100, 60, 220, 180), crop_format(), id="shrinking"),
        pytest.param((90, 70), (20, 30, 50, 60), crop_format(64, 64, margin=8), id="growing"),
        pytest.param((240, 320), (100, 60, 220, 190), crop_format(64, 96), id="input not square"),
        pytest.param((240, 320), (-30, -20, 110, 110), crop_format(), id="box left of and above"),
        pytest.param((240, 320), (210, 130, 350, 260), crop_format(), id="box right of and below"),
        pytest.param((90, 70), (-20, -10, 90, 110), crop_format(96, 96), id="box larger"),
        pytest.param((240, 320), (99.4, 60.2, 220.7, 180.1), crop_format(), id="fractions"),
        pytest.param(
            (240, 320), None, crop_format(60, 80, margin=0, box_scale=None), id="whole frame"
        ),
        pytest.param(
            (240, 320),
            None,
            crop_format(96, 50, margin=0, box_scale=None),
            id="whole frame squeezed",
        ),
        pytest.param(
            (60, 80), None, crop_format(180, 200, margin=0, box_scale=None), id="whole frame grown"
        ),
    ],
)
def test_a_bright_dot_of_the_photo_stays_under_its_landmark_in_the_crop(
    tmp_path: Path,
    paint_dots: Callable[..., None],
    dot_near: Callable[..., np.ndarray | None],
    photo_size: tuple[int, int],
    box: Box | None,
    format_: CropFormat,
):
    x0, y0, x1, y1 = (0, 0, photo_size[1], photo_size[0]) if box is None else box
    start, end = np.maximum((x0, y0), 0), np.minimum((x1, y1), photo_size[::-1])
    points = start + np.array([(0.8, 0.7), (0.2, 0.6), (0.5, 0.2)]) * (end - start)
    paint_dots(tmp_path / "a.png", photo_size, points, spread=min(photo_size) / 50)
    write_crops(tmp_path / "store", tmp_path, [face("a", box, points)], in_train, format_)
    with CropStore(tmp_path / "store") as store:
        crop = store.crops[0]
        landmarks_crop = apply_map(store.photo_to_crop[0], store.landmarks_photo[0])
    found = [(dot_near(crop, point), point) for point in landmarks_crop]
    errors = [np.abs(dot - point).max() for dot, point in found if dot is not None]
    assert len(errors) >= 2
    assert max(errors) < 0.25


def test_the_map_to_the_crop_removes_the_offset_of_labels(tmp_path: Path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 60), 90, np.uint8))
    box, points = (10.0, 20.0, 30.0, 60.0), np.array([(12.0, 30.0), (25.0, 50.0)])
    faces = [
        Face(name, "a.png", "a", box, points, is_mirrored=is_mirrored)
        for name, is_mirrored in (("a", False), ("a_mirror", True))
    ]
    landmarks_crop = {}
    for offset in (None, LabelOffset(px=0.3, box_sides=0.01)):
        store = tmp_path / f"{offset}"
        write_crops(store, tmp_path, faces, in_train, crop_format(), label_offset=offset)
        with CropStore(store) as opened:
            rows = np.arange(2)
            landmarks_crop[offset] = apply_map(
                opened.photo_to_crop[rows], opened.landmarks_photo[rows]
            )
            scale = opened.photo_to_crop[0][0, 0]
            assert opened.faces(rows)["mirrored"].tolist() == [0, 1]
    plain, moved = landmarks_crop.values()
    np.testing.assert_allclose(moved[0], plain[0] - (0.7 * scale, 0))  # 0.3 + 0.01 * 40 px
    np.testing.assert_allclose(moved[1], plain[1] + (0.7 * scale, 0))


def test_colours_are_stored_as_rgb(tmp_path: Path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 40, 3), (10, 20, 200), np.uint8))
    format_ = CropFormat(20, 30, 0, colour=True, box_scale=None, scheme="ibug68")
    write_crops(
        tmp_path / "store", tmp_path, [face("a", None, np.zeros((2, 2)))], in_train, format_
    )
    with CropStore(tmp_path / "store") as store:
        assert store.crops[0].shape == (20, 30, 3)
        assert (store.crops[0] == (200, 20, 10)).all()


@pytest.fixture
def eighty_faces(tmp_path: Path) -> tuple[Path, list[Face]]:
    """Each photo has its own gray value; every tenth face is a test face."""
    faces = []
    for number in range(80):
        name = f"{number:03d}"
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((30, 40), number, np.uint8))
        points = None if number % 10 == 9 else np.full((4, 2), float(number))
        faces.append(face(name, (5, 6, 25 + number / 10, 20), points))
    return tmp_path, faces


def test_rows_keep_the_order_of_the_faces(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    faces = faces[::-1]
    write_crops(root / "store", root, faces, in_train, crop_format(16, 24, margin=2))
    with CropStore(root / "store") as store:
        assert len(store) == 80
        assert store.format == crop_format(16, 24, margin=2)
        table = store.faces(np.arange(80))
        assert table["face"].tolist() == [one.name for one in faces]
        assert table["photo"].tolist() == [one.photo for one in faces]
        np.testing.assert_allclose(table[["x0", "y0", "x1", "y1"]], [one.box for one in faces])
        assert all((store.crops[row] == 79 - row).all() for row in range(80))
        assert store.crops[7].shape == (20, 28, 1)


def test_rows_of_a_split_are_those_faces(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    held_out = {"004", "070"}

    def split(one: Face) -> str:
        return "test" if one.is_test else "validation" if one.name in held_out else "train"

    write_crops(root / "store", root, faces, split, crop_format())
    with CropStore(root / "store") as store:
        assert store.rows("validation").tolist() == [4, 70]
        assert store.rows("test").tolist() == list(range(9, 80, 10))
        assert len(store.rows("train")) == 70


def test_landmarks_of_test_faces_are_unknown(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    write_crops(root / "store", root, faces, in_train, crop_format())
    with CropStore(root / "store") as store:
        landmarks_photo = store.landmarks_photo[range(80)]
    unknown = np.isnan(landmarks_photo).all(axis=(1, 2))
    np.testing.assert_array_equal(unknown, [one.is_test for one in faces])
    np.testing.assert_array_equal(landmarks_photo[~unknown, 0, 0], np.arange(80)[~unknown])


def test_whole_frame_has_no_box_in_the_table(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    frame = face("000", None, faces[0].landmarks_photo)
    format_ = crop_format(margin=0, box_scale=None)
    write_crops(root / "store", root, [frame], in_train, format_)
    with CropStore(root / "store") as store:
        assert store.faces(np.arange(1))[["x0", "y0", "x1", "y1"]].isna().all(axis=None)
        assert store.format == format_


def test_names_of_digits_stay_text(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    write_crops(root / "store", root, faces[:3], in_train, crop_format())
    with CropStore(root / "store") as store:
        table = store.faces(np.arange(3))
    assert table["face"].tolist() == table["group"].tolist() == ["000", "001", "002"]


def test_bytes_do_not_depend_on_the_number_of_cores(
    rendered_ibug: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces = [*read_ibug(rendered_ibug)] * 4  # more than one chunk
    stores = []
    for cores in (1, 5):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        folder = tmp_path / str(cores)
        write_crops(folder, rendered_ibug, faces, in_train, crop_format())
        stores.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert sorted(stores[0]) == [
        "crops.npy",
        "faces.csv",
        "landmarks.npy",
        "maps.npy",
        "store.json",
    ]
    assert stores[0] == stores[1]


def test_files_equal_those_of_numpy_and_pandas(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    faces[3] = replace(faces[3], name='003, "so called"', box=None)
    write_crops(root / "store", root, faces, in_train, crop_format(16, 24, margin=2))
    (root / "once").mkdir()
    unknown, nowhere = np.full((4, 2), np.nan), (np.nan,) * 4
    points = [unknown if one.is_test else one.landmarks_photo for one in faces]
    np.save(root / "once" / "landmarks.npy", np.stack(points))
    photo_to_crop = [
        resize_map(crop_region(one.box, (30, 40), crop_format(16, 24, margin=2)), (20, 28))
        for one in faces
    ]
    np.save(root / "once" / "maps.npy", np.stack(photo_to_crop))
    greys = np.arange(80, dtype=np.uint8).reshape(80, 1, 1, 1)
    np.save(root / "once" / "crops.npy", np.tile(greys, (1, 20, 28, 1)))
    texts = [[one.name, one.photo, one.group, "train", one.view] for one in faces]
    table = pd.DataFrame(texts, columns=["face", "photo", "group", "split", "view"])
    table["mirrored"] = ""
    table[["x0", "y0", "x1", "y1"]] = np.array([one.box or nowhere for one in faces])
    table.to_csv(root / "once" / "faces.csv", index=False)
    for name in ("crops.npy", "landmarks.npy", "maps.npy", "faces.csv"):
        assert (root / "store" / name).read_bytes() == (root / "once" / name).read_bytes()


def test_an_unreadable_photo_leaves_an_incomplete_store(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    (root / "041.png").write_text("not a photo")
    with pytest.raises(FormatError, match=r"041\.png: not a photo"):
        write_crops(root / "store", root, faces, in_train, crop_format())
    with pytest.raises(
        PipelineError, match=r"store: no store\.json, .*; run `dvc repro prepare@store`"
    ):
        CropStore(root / "store")


def test_a_box_outside_its_photo_is_an_error_that_names_the_photo(tmp_path: Path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros((30, 40), np.uint8))
    beside = face("a", (500, 500, 520, 520), np.zeros((2, 2)))
    with pytest.raises(FormatError, match=r"a\.png: .*outside"):
        write_crops(tmp_path / "store", tmp_path, [beside], in_train, crop_format())


def test_a_truncated_array_is_an_error(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    write_crops(root / "store", root, faces, in_train, crop_format())
    for name in ("crops.npy", "landmarks.npy", "maps.npy"):
        array = root / "store" / name
        array.write_bytes(array.read_bytes()[:-1])
    with CropStore(root / "store") as store:
        assert (store.crops[78] == 78).all()
        with pytest.raises(OSError, match=r"crops\.npy: cut short at face 79"):
            store.crops[79]
        assert (store.landmarks_photo[[78, 0]] == [[[78]], [[0]]]).all()
        with pytest.raises(OSError, match=r"landmarks\.npy: cut short at face 79"):
            store.landmarks_photo[[78, 79]]
        with pytest.raises(OSError, match=r"maps\.npy: cut short at face 79"):
            store.photo_to_crop[79]


def test_a_truncated_table_is_an_error(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    write_crops(root / "store", root, faces, in_train, crop_format())
    table = root / "store" / "faces.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with (
        CropStore(root / "store") as store,
        pytest.raises(PipelineError, match=r"faces\.csv: 79 faces where crops\.npy has 80"),
    ):
        store.rows("train")


def test_faces_are_read_in_the_requested_order(
    eighty_faces: tuple[Path, list[Face]], monkeypatch: pytest.MonkeyPatch
):
    root, faces = eighty_faces
    write_crops(root / "store", root, faces, in_train, crop_format())
    monkeypatch.setattr("keypoints.crops.store._CHUNK", 7)  # parsed in many pieces
    with CropStore(root / "store") as store:
        table = store.faces(np.array([70, 3, 71]))
        assert table["face"].tolist() == ["070", "003", "071"]
        assert table.index.tolist() == [70, 3, 71]
        assert store.faces(np.array([], int)).empty


def test_the_format_is_stored_as_json(eighty_faces: tuple[Path, list[Face]]):
    root, faces = eighty_faces
    write_crops(root / "store", root, faces[:1], in_train, crop_format(16, 24, margin=2))
    assert json.loads((root / "store" / "store.json").read_text()) == {
        "height": 16,
        "width": 24,
        "margin": 2,
        "colour": False,
        "box_scale": 1.3,
        "scheme": "ibug68",
    }
