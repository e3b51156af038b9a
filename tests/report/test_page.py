"""The page of a whole run: its sections, and the numbers of the run in its text."""

import json
import os
import re
import shutil
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import cv2
import pandas as pd
import pytest
from ruamel.yaml import YAML
from workspace import MODELS, Workspace

import report
from keypoints.competition.submission_log import SubmissionRecord, append_record
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.report import own_photos
from keypoints.report.kaggle import find_best_submissions
from keypoints.report.page import build_page
from keypoints.report.reproduce import find_revision
from keypoints.report.template import percent


class Elements(HTMLParser):
    """The elements of a page as tags and attributes, without decorative elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("aria-hidden", "true") not in attrs:
            self.found.append((tag, dict(attrs)))

    def select(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(scope="module")
def page(ran: Workspace) -> str:
    return (ran.folder / "report/index.html").read_text()


def visible_text(page: str) -> str:
    """The text that a reader sees, in one line."""
    without = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", without.replace("\N{NO-BREAK SPACE}", " "))


def score(ran: Workspace, model: str) -> float:
    return json.loads((ran.folder / f"metrics/scores/{model}.json").read_text())["nme"]


def test_own_photos_and_the_network_with_the_lowest_error_come_first(
    ran: Workspace, page: str
) -> None:
    elements = Elements(page)
    sections = [section["id"] for section in elements.select("section") if "id" in section]
    models = YAML(typ="safe").load((ran.folder / "params.yaml").read_text())["models"]
    best = min((m for m in models if models[m]["task"] != "nose"), key=partial(score, ran))
    assert sections[:3] == ["summary", "own-photos", f"task-{models[best]['task']}"]
    wild = min(("resnet18", "heatmap_net"), key=partial(score, ran))
    tasks = {"task-nose", "task-face", f"task-{models[wild]['task']}", "task-kaggle15"}
    assert set(sections[2:-2]) == tasks
    assert sections[-2:] == ["kaggle", "reproduce"]
    links = [str(link["href"]) for link in elements.select("a")]
    assert links == [*(f"#{section}" for section in sections), "times.html"]
    assert f"{best} finds" in visible_text(page.split("<h1>")[1])
    assert page.index('class="strip"') < page.index("<h1>") < page.index('class="scores"')


def test_the_page_loads_nothing_from_the_web_and_needs_no_scripts(page: str) -> None:
    elements = Elements(page)
    assert "://" not in page
    assert "@import" not in page
    assert not elements.select("script", "iframe", "object", "video")
    for _, attributes in elements.found:
        for name in {"src", "href"} & attributes.keys():
            assert str(attributes[name]).startswith(("data:", "#", "times.html"))
    assert len(page.encode()) < 10_000_000


def test_every_picture_has_an_alternative_text_and_a_size(page: str) -> None:
    elements = Elements(page)
    vectors, images = elements.select("svg"), elements.select("img")
    assert len(vectors) > 60
    assert len(images) == 1  # first-layer filters of face_net
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in vectors)
    assert all(img["alt"] for img in images)
    assert all(float(str(picture[side])) > 0 for picture in vectors + images
               for side in ("width", "height"))  # fmt: skip


def test_the_summary_has_the_scores_of_every_model(ran: Workspace, page: str) -> None:
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(.*?)</tr>", page, flags=re.S)
    for model in MODELS:
        scores = json.loads((ran.folder / f"metrics/scores/{model}.json").read_text())
        row = visible_text(next(row for row in rows if row.startswith(f"{model}<")))
        assert percent(scores["nme"]).replace("\N{NO-BREAK SPACE}", " ") in row
        assert f"{scores['mae_px']:.2f}" in row


def test_the_text_has_numbers_of_the_run(ran: Workspace, page: str) -> None:
    text = visible_text(page)
    face = json.loads((ran.folder / "metrics/scores/face_net.json").read_text())
    nose = json.loads((ran.folder / "metrics/scores/nose_net.json").read_text())
    assert f"error of face_net is {face['mae_px']:.1f} px per coordinate" in text
    assert f"its mean absolute error is {nose['mae_px']:.1f} px per coordinate" in text
    assert "(its format) 30 rendered faces: 24 for training, 6 for validation" in text
    assert "2 for testing" in text
    rendered = "rendered faces: well-formed, but not the competition&#39;s"
    assert f" {rendered} 272 " in text  # 2 faces x 136
    kaggle15 = json.loads((ran.folder / "metrics/details/kaggle15_net.json").read_text())
    low, high = kaggle15["rmse_interval"]
    assert f"{low:.2f} to {high:.2f}" in text
    assert "Test faces by error" in text
    first = pd.read_csv(ran.folder / "metrics/history/nose_net.csv").iloc[0]
    explains = "validation error starts below the training error" in text
    assert explains == (first["val_mse"] < first["train_mse"])


def test_each_section_has_a_title_of_its_own(page: str) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert {"58 landmarks in whole frames", "68 landmarks in the wild"} < set(titles)
    assert len(titles) == len(set(titles))


def test_times_are_in_a_file_that_the_page_names(ran: Workspace, page: str) -> None:
    times = visible_text((ran.folder / "report/times.html").read_text())
    for stage in ("fetch@imm", "prepare@wild", "evaluate@face_net", "submit@resnet18"):
        assert re.search(rf"{stage} \d{{4}}-\d\d-\d\d [\d:]{{8}} [\d.]+ s", times)
    assert re.search(r"train@nose_net [\d.]+ s", times)
    assert 'href="times.html"' in page


def test_the_same_run_gives_the_same_bytes(ran: Workspace, page: str) -> None:
    ran.run("python", "src/report.py")
    assert (ran.folder / "report/index.html").read_text() == page


def test_the_revision_is_the_last_commit_that_changed_code_or_settings(
    ran: Workspace, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.folder)
    first = ran.run("git", "rev-list", "--max-parents=0", "HEAD").strip()
    assert find_revision() == first[:10]
    assert f"git checkout {first[:10]}" in page
    source = Path("src/report.py")
    text = source.read_text()
    source.write_text(text + "# changed\n")
    assert find_revision() == f"{first[:10]} with uncommitted changes"
    source.write_text(text)


def test_a_task_without_a_model_has_no_section(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ran.folder)
    values = YAML(typ="safe").load(Path("params.yaml").read_text())
    values["models"] = {"nose_net": values["models"]["nose_net"]}
    YAML().dump(values, tmp_path / "params.yaml")
    elements = Elements(build_page(read_params(tmp_path / "params.yaml")))
    anchors = [section["id"] for section in elements.select("section") if "id" in section]
    assert anchors == ["summary", "own-photos", "task-nose", "kaggle", "reproduce"]


def test_models_that_cannot_be_read_are_named(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ran.folder)
    names = ("nose_net", "nose_net_3x3", "nose_net_16ch")
    values = YAML(typ="safe").load(Path("params.yaml").read_text())
    values["models"] = {name: values["models"][name] for name in names}
    YAML().dump(values, tmp_path / "params.yaml")
    model, history = Path("models/nose_net_3x3.safetensors"), Path("metrics/history/nose_net.csv")
    contents = {path: path.read_bytes() for path in (model, history)}
    for path in contents:
        path.unlink()
    try:
        text = visible_text(build_page(read_params(tmp_path / "params.yaml")))
    finally:
        for path, content in contents.items():
            path.write_bytes(content)
    assert f"nose_net_3x3 is not shown: {model}: no such file" in text
    assert f"nose_net is not shown: {history} is missing; run `dvc repro`" in text
    assert "nose_net_16ch finds" in text


def test_damaged_tables_records_and_labels_are_named(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.folder)
    (labels,) = Path("data/raw/ibug").rglob("labels_ibug_300W_test.xml")
    damage = {
        Path("metrics/history/nose_net.csv"): lambda text: text[:-12],
        Path("metrics/history/nose_net_3x3.csv"): lambda text: "a,b\n1,2\n",
        Path("metrics/faces/nose_net_16ch.csv"): lambda text: "".join(text.splitlines(True)[:2]),
        Path("metrics/faces/heatmap_net.csv"): lambda text: text.replace(".", ","),
        Path("data/crops/kaggle15/faces.csv"): lambda text: "",
        Path("data/raw/ibug/source.json"): lambda text: "{",
        labels: lambda text: "<x",
    }
    contents = {path: path.read_text() for path in damage}
    for path, change in damage.items():
        path.unlink()
        path.write_text(change(contents[path]))
    try:
        test_scores, unscored = report._test_scores(read_params())
        page = build_page(read_params(), test_scores=test_scores, unscored=unscored)
    finally:
        for path, content in contents.items():
            path.write_text(content)
    text = visible_text(page)
    for problem in (
        "nose_net is not shown: metrics/history/nose_net.csv: damaged (",
        "nose_net_3x3 is not shown: metrics/history/nose_net_3x3.csv: damaged (no numbers in",
        "nose_net_16ch is not shown: metrics/faces/nose_net_16ch.csv: damaged (1 of ",
        "heatmap_net is not shown: metrics/faces/heatmap_net.csv: damaged (",
        "kaggle15_net is not shown: data/crops/kaggle15/faces.csv: damaged (No columns to parse",
        "unknown (data/raw/ibug/source.json: damaged (",
        f"Skipped: test score of cs194-26-fall-2021-project-5: {labels}: not well-formed XML",
        "resnet18 finds",
    ):
        assert problem in text, problem


def test_own_photos_appear_and_rerun_the_report_only(ran: Workspace) -> None:
    photo = next((ran.folder / "data/raw/imm").rglob("*-1?.jpg"))
    own = ran.folder / "data/photos" / photo.name
    broken = own.with_name("broken.jpg")
    shutil.copy(photo, own)
    broken.write_bytes(photo.read_bytes()[:1000])
    unnamed = own.with_name("unnamed")
    shutil.copy(photo, unnamed)
    resources = own.with_name("._own.jpg")  # as macOS adds to folders
    resources.write_bytes(b"")
    status = json.loads(ran.dvc("status", "--json"))
    git_status = ran.run("git", "status", "--porcelain", "data")
    ran.run("python", "src/report.py")
    page = (ran.folder / "report/index.html").read_text()
    own.unlink()
    broken.unlink()
    resources.unlink()
    unnamed.unlink()
    ran.run("python", "src/report.py")
    section = page.split('id="own-photos"')[1].split("</section>\n<section id")[0]
    assert list(status) == ["report"]
    assert git_status == ""
    text = visible_text(section)
    assert "Left out" not in text
    for name in (photo.name, "eileen_collins.jpg", "unnamed"):
        assert re.search(rf"{name} (all points certain|\d+ of its 68 points|uncertain: its)", text)
    assert "predicted by mobile_wild ( pretrained/wild.safetensors )" in text
    assert "broken.jpg: not a complete photo" in text
    assert "._own.jpg" not in text


def test_a_photo_that_breaks_a_library_does_not_stop_the_page(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detect(photo: object) -> None:
        raise cv2.error("overflow")

    monkeypatch.chdir(ran.folder)
    monkeypatch.setattr(own_photos, "detect_faces", detect)
    unprintable = own_photos.PHOTOS / os.fsdecode(b"\xff.jpg")
    unprintable.write_bytes(b"")
    text = visible_text(own_photos.own_photos_section().body)
    unprintable.unlink()
    assert "eileen_collins.jpg: error: overflow" in text
    assert "?.jpg: not a complete photo" in text


def test_the_best_of_the_past_submissions_is_highlighted(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.folder)
    records = [
        SubmissionRecord(
            "2026-01-02T03:04:05Z", "a", "ab", "cd", "m", message, 3.0, score, None, 3.5, 7, 90
        )
        for message, score in (("first & best", 11.0), ("second", 12.0), ("failed", None))
    ]
    for record in records:
        append_record(record)
    page = build_page(read_params())
    paths.SUBMISSION_LOG.unlink()
    assert "There are no submissions yet." in build_page(read_params())
    (best,) = re.findall(r'<tr class="best"><td.*?</tr>', page, flags=re.S)
    assert "2026-01-02 03:04 m first &amp; best 3.500 11.000 7 of 90" in visible_text(best)
    assert "Validation and public scores of 2 submissions to a" in page
    assert find_best_submissions(records) == [records[0]]


def test_the_commands_name_the_initial_weights(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ran.folder)
    values = YAML(typ="safe").load(Path("params.yaml").read_text())
    values["source"] = "public"
    YAML().dump(values, tmp_path / "params.yaml")
    section = build_page(read_params(tmp_path / "params.yaml")).split('id="reproduce"')[1]
    assert values["models"]["resnet18"]["pretrained"] is False
    assert "make public PRETRAINED=false</code>" in section


def test_settings_are_shown_without_addresses(page: str) -> None:
    blocks = re.findall(r"<summary>([\w. ]+)</summary>", page)
    assert {"top level", "datasets.imm", "tasks.nose", "augment.none", "optim.adam"} < set(blocks)
    assert {"models.nose_net", "tta.default"} < set(blocks)
    assert "people: 5" in page
    assert "urls" not in page
