"""Portraits, blurred faces, the album, and the words and colours of uncertainty."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from workspace import ROOT

import annotate
from keypoints import Annotator
from keypoints.annotation.descriptions import describe_faces
from keypoints.annotation.drawing import draw_faces
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.images import read_image
from keypoints.annotation.predictor import PredictedFace

NETWORK = ROOT / "pretrained/wild.onnx"
PORTRAIT = ROOT / "data/photos/eileen_collins.jpg"
PARTS = {"jaw": [0, 1], "eyes": [2, 3]}
ORANGE = (255, 176, 0)


def face(*uncertainty: float) -> PredictedFace:
    """A face whose box has sides of 100 px."""
    points = np.array([[30.0, 80.0], [70, 80], [30, 30], [70, 30]])
    return PredictedFace(FaceBox((0, 0, 100, 100)), points, np.array(uncertainty, float))


CERTAIN, ONE_POINT = face(1, 1, 1, 1), face(1, 6, 1, 1)
THREE_POINTS, UNCERTAIN = face(1, 4, 4, 4), face(9, 9, 9, 9)


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ([], "no face found"),
        ([CERTAIN], "1 face, all points certain"),
        ([ONE_POINT], "1 face, 1 of its 4 points is uncertain (jaw)"),
        ([CERTAIN, THREE_POINTS], "2 faces, 3 of their 8 points are uncertain (jaw, eyes)"),
        ([UNCERTAIN], "1 face, uncertain: its points may be wrong"),
        ([UNCERTAIN, CERTAIN], "2 faces, 1 of them uncertain: its points may be wrong"),
        (
            [UNCERTAIN, UNCERTAIN, ONE_POINT],
            "3 faces, 2 of them uncertain: their points may be wrong; 1 of the other 4 points is "
            "uncertain (jaw)",
        ),
    ],
)
def test_what_was_found_is_a_plain_sentence(faces: list[PredictedFace], expected: str) -> None:
    assert describe_faces(faces, PARTS) == expected


def test_uncertain_points_are_orange() -> None:
    drawn = draw_faces(np.zeros((100, 100, 3), np.uint8), [ONE_POINT], [])
    colours = [tuple(drawn[int(y), int(x)].tolist()) for x, y in ONE_POINT.landmarks_photo]
    assert [colour == ORANGE for colour in colours] == [False, True, False, False]


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as exit_:
        annotate.main([*map(str, arguments), "--model", str(NETWORK)])
    assert exit_.value.code == 0


def rotate(photo: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    turned = cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return turned.astype(np.uint8)


def test_portraits_are_upright_and_aligned(tmp_path: Path) -> None:
    photo = read_image(PORTRAIT)
    for angle in (0, 25):
        Image.fromarray(rotate(photo, angle)).save(tmp_path / f"{angle}.png")
    run(tmp_path / "0.png", tmp_path / "25.png", "--crop", "--out", tmp_path / "out")
    places = []
    annotator = Annotator(NETWORK)
    for name in ("0-1.png", "25-1.png"):
        portrait = read_image(tmp_path / "out/portraits" / name)
        height, width = portrait.shape[:2]
        assert height == width
        points = annotator(portrait).points[0] / width
        places.append([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    left, right = np.mean(places, axis=0)
    assert abs(left[1] - right[1]) < 0.01
    assert left[0] + right[0] == pytest.approx(1, abs=0.03)
    assert np.subtract(*places) == pytest.approx(0, abs=0.02)


def test_blurred_faces_cannot_be_seen_in_any_output(tmp_path: Path) -> None:
    photo = read_image(PORTRAIT)
    Image.fromarray(photo).save(tmp_path / "me.png")
    Image.fromarray(photo[300:]).save(tmp_path / "suit.png")
    run(tmp_path, "--blur", "--out", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"album.html", "me.json", "me_blurred.png", "suit.json"}
    blurred = read_image(tmp_path / "out/me_blurred.png")
    annotator = Annotator(NETWORK)
    x0, y0, x1, y1 = annotator(photo).boxes[0].round().astype(int)
    assert np.array_equal(blurred[y1 + 80 :], photo[y1 + 80 :])
    detail = [cv2.Laplacian(each[y0:y1, x0:x1], cv2.CV_64F).std() for each in (photo, blurred)]
    assert detail[1] < detail[0] / 10
    assert not annotator(blurred).certain.any()


class Figures(HTMLParser):
    """The classes, links and texts of the figures of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "figure":
            self.figures.append({"class": values["class"], "text": "", "link": ""})
        elif tag == "a":
            self.figures[-1]["link"] = unquote(values["href"])

    def handle_data(self, data: str) -> None:
        if self.figures:
            self.figures[-1]["text"] += data


def test_the_album_of_a_folder_marks_uncertain_faces(photo, run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos/a #1 <b>&.png")
    Image.fromarray(photo[:20, :20]).save(tmp_path / "photos/none.png")
    (tmp_path / "photos/broken.jpg").write_text("no photo")
    code, output = run(tmp_path / "photos")
    assert code == 1
    assert f"{tmp_path / 'out/album.html'}" in output
    page = Figures()
    page.feed((tmp_path / "out/album.html").read_text())
    by_text = {name: each for each in page.figures for name in ("a #1 <b>&", "none", "broken")
               if name in each["text"]}  # fmt: skip
    uncertain = "uncertain" if "uncertain: its" in by_text["a #1 <b>&"]["text"] else "certain"
    assert by_text["a #1 <b>&"]["class"] == uncertain
    assert (tmp_path / "out" / by_text["a #1 <b>&"]["link"]).is_file()
    assert "no face found" in by_text["none"]["text"] and not by_text["none"]["link"]
    assert by_text["broken"]["class"] == "failed"
    assert len(page.figures) == 3
