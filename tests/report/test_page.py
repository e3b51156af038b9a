"""The project page of a whole run: what it must have, and that it says what was measured."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from workspace import MODELS, Workspace

from keypoints.config.params import read_params
from keypoints.report.page import build_page
from keypoints.report.reproduce import revision_of_inputs
from keypoints.report.template import percent

TASKS = ["task-nose", "task-face", "task-wild", "task-kaggle15"]
ANCHORS = ["summary", *TASKS, "own-photos", "kaggle", "making"]


class Elements(HTMLParser):
    """Every element of a page, as its tag and its attributes, without those for decoration."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("aria-hidden", "true") not in attrs:
            self.found.append((tag, dict(attrs)))

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(scope="module")
def page(ran: Workspace) -> str:
    return (ran.folder / "report/index.html").read_text()


def text_of(page: str) -> str:
    """What a reader sees, on one line."""
    without = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", without.replace("\N{NO-BREAK SPACE}", " "))


def test_every_section_is_there_and_every_link_leads_to_one(page: str) -> None:
    elements = Elements(page)
    assert [section.get("id") for section in elements.of("section") if "id" in section] == ANCHORS
    links = [str(link["href"]) for link in elements.of("a")]
    assert links == [f"#{anchor}" for anchor in ANCHORS[1:]]


def test_nothing_is_asked_of_the_web_and_nothing_needs_scripts(page: str) -> None:
    elements = Elements(page)
    assert "://" not in page
    assert "@import" not in page
    assert not elements.of("script", "iframe", "video")
    assert [found["data"] for found in elements.of("object")] == ["times.html"]  # beside the page
    sources = [
        str(attributes[name])
        for _, attributes in elements.found
        for name in ("src", "href")
        if name in attributes
    ]
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert len(page.encode()) < 10_000_000


def test_every_picture_has_a_text_and_a_place_of_its_size(page: str) -> None:
    elements = Elements(page)
    drawn, images = elements.of("svg"), elements.of("img")
    assert len(drawn) > 60
    assert len(images) == 1
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawn)
    assert all(img["alt"] for img in images)
    assert all(float(str(picture[side])) > 0 for picture in drawn + images
               for side in ("width", "height"))  # fmt: skip


def test_the_summary_has_the_scores_of_every_model(ran: Workspace, page: str) -> None:
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, flags=re.S)
    for model in MODELS:
        scores = json.loads((ran.folder / f"metrics/scores/{model}.json").read_text())
        row = text_of(next(row for row in rows if row.startswith(f"{model}<")))
        assert percent(scores["nme"]).replace("\N{NO-BREAK SPACE}", " ") in row
        assert f"{scores['mae_px']:.2f}" in row


def test_the_text_has_numbers_of_the_run(ran: Workspace, page: str) -> None:
    text = text_of(page)
    face = json.loads((ran.folder / "metrics/scores/face_net.json").read_text())
    nose = json.loads((ran.folder / "metrics/scores/nose_net.json").read_text())
    assert f"face_net is off by {face['mae_px']:.1f} px" in text
    assert f"There it is off by {nose['mae_px']:.1f} px" in text
    assert "30 rendered faces: 24 to train on, 6 to validate" in text
    assert "2 to test" in text
    assert "272 rows" in text  # 2 faces x 136


def test_times_are_a_file_that_the_page_shows(ran: Workspace, page: str) -> None:
    times = text_of((ran.folder / "report/times.html").read_text())
    for stage in ("fetch@imm", "prepare@wild", "evaluate@face_net", "submit@resnet18"):
        assert re.search(rf"{stage} \d{{4}}-\d\d-\d\d [\d:]{{8}} [\d.]+ s", times)
    assert re.search(r"train@nose_net [\d.]+ s", times)
    assert 'data="times.html"' in page


def test_the_same_run_gives_the_same_bytes(ran: Workspace, page: str) -> None:
    ran.run("python", "src/report.py")
    assert (ran.folder / "report/index.html").read_text() == page


def test_the_revision_is_the_last_commit_that_touched_code_or_settings(
    ran: Workspace, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.folder)
    first = ran.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    assert revision_of_inputs() == first[:10]
    assert f"git checkout {first[:10]}" in page
    source = Path("src/report.py")
    written = source.read_text()
    source.write_text(written + "# changed\n")
    assert revision_of_inputs() == f"{first[:10]} and changes that are not committed"
    source.write_text(written)


def test_a_task_without_a_model_has_no_section(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.folder)
    params = read_params()
    alone = params.model_copy(update={"models": {"nose_net": params.models["nose_net"]}})
    elements = Elements(build_page(alone))
    anchors = [section["id"] for section in elements.of("section") if "id" in section]
    assert anchors == ["summary", "task-nose", "own-photos", "kaggle", "making"]


def test_own_photos_are_shown_and_run_the_report_alone(ran: Workspace) -> None:
    photo = next((ran.folder / "data/raw/imm").rglob("*-1?.jpg"))
    own = ran.folder / "data/photos" / photo.name
    shutil.copy(photo, own)
    status = json.loads(ran.dvc("status", "--json"))
    git_status = ran.run("git", "status", "--porcelain", "data")
    ran.run("python", "src/report.py")
    section = (ran.folder / "report/index.html").read_text().split('id="own-photos"')[1]
    own.unlink()
    ran.run("python", "src/report.py")
    assert [stage for stage in status if ":" not in stage] == ["report"]
    assert git_status == ""
    assert photo.name in section.split("</section>\n<section id")[0]


def test_scores_of_test_faces_and_past_submissions_are_told_where_there_are_some(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.folder)
    history = Path("submissions/history.csv")
    assert "Nothing was sent so far." in build_page(read_params())
    history.write_text(f"time,file_digest,message\n2026-01-02,{'ab' * 32},first & best\n")
    told = text_of(build_page(read_params(), test_scores={"resnet18": 12.345}))
    history.unlink()
    assert "12.35 px on the test faces" in told or "12.34 px on the test faces" in told
    assert "time file digest message 2026-01-02 ababababab first &amp; best" in told
