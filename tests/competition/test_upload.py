"""The real kaggle client against a service on this machine: what is sent, and what goes wrong."""

import hashlib
import io
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import urllib3.util.retry
from kaggle_service import DEAD, NUMBER, SECRET, TOKEN, KaggleService, submission

import send
from keypoints.competition.base import load_submission_spec
from keypoints.competition.registry import CS194_26
from keypoints.competition.submission import write_submission
from keypoints.competition.submission_log import COLUMNS, read_history
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropFormat
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash

ROOT = Path(__file__).parents[2]
SLUG, FILE = CS194_26.slug, "submissions/resnet18.csv"
SENT = ["GetSubmissionLimits", "StartSubmissionUpload", "PUT", "CreateSubmission"]
LOCK = """\
stages:
  submit@resnet18:
    outs:
    - path: submissions/resnet18.csv
      hash: md5
      md5: {}
"""


def git(*arguments: str) -> str:
    command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, rendered_ibug: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed repository whose pipeline has run as far as `submit@resnet18`."""
    faces = read_ibug(rendered_ibug)
    folder = tmp_path / "repository"
    format_ = CropFormat(8, 8, margin=0, colour=False, box_scale=1.3, scheme="ibug68")
    store = folder / "data/crops/wild"
    write_crops(store, rendered_ibug, faces, split_by_hash((), 0.1), format_)
    asked = load_submission_spec(CS194_26, store)
    middles = asked.boxes_photo.reshape(-1, 2, 2).mean(axis=1, keepdims=True)
    write_submission(folder / FILE, np.tile(middles, (1, 68, 1)), asked)
    (folder / "metrics/scores").mkdir(parents=True)
    (folder / "metrics/scores/resnet18.json").write_text('{"split": "validation", "mae_px": 9.25}')
    digest = hashlib.md5((folder / FILE).read_bytes()).hexdigest()
    (folder / "dvc.lock").write_text(LOCK.format(digest))
    for name in ("params.yaml", ".gitignore"):
        (folder / name).write_text((ROOT / name).read_text())
    monkeypatch.chdir(folder)
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "state")
    return folder


@pytest.fixture
def sent_text(
    repository: Path, service: KaggleService, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs send.py in the repository; what it says, its error and exit code at the end."""

    def run(*arguments: str) -> str:
        try:
            send.main(arguments)
        except SystemExit as stopped:
            code = f"{stopped.code}\nexit code {int(stopped.code != 0)}"
        else:
            code = "exit code 0"
        said = capsys.readouterr()
        text = f"{said.out}{said.err}{code}"
        assert SECRET not in text
        return text

    return run


def sendings() -> list[dict[str, object]]:
    return [vars(sending) for sending in read_history(Path("submissions/history.csv"))]


def test_sending_makes_exactly_these_calls_with_these_bytes(
    sent_text: Callable[..., str], service: KaggleService, repository: Path
) -> None:
    file = repository / FILE
    os.utime(file, (1_700_000_000, 1_700_000_000))
    said = sent_text("resnet18", "-m", "deeper, Ünïcode")
    assert service.calls == [
        ("GetSubmissionLimits", {"competitionName": SLUG}),
        (
            "StartSubmissionUpload",
            {
                "competitionName": SLUG,
                "contentLength": file.stat().st_size,
                "lastModifiedEpochSeconds": 1_700_000_000,
                "fileName": "resnet18.csv",
            },
        ),
        ("PUT", file.read_bytes()),
        (
            "CreateSubmission",
            {
                "competitionName": SLUG,
                "blobFileTokens": TOKEN,
                "submissionDescription": "deeper, Ünïcode",
            },
        ),
        ("ListSubmissions", service.body("ListSubmissions")),
    ]
    assert service.body("ListSubmissions")["competitionName"] == SLUG
    signed = f"Basic {b64encode(f'competitor:{SECRET}'.encode()).decode()}"
    assert [headers.get("Authorization") for headers in service.headers] == [
        signed,
        signed,
        None,  # the upload's address is its own key
        signed,
        signed,
    ]
    assert f"{FILE} is submission {NUMBER} of {SLUG}" in said
    assert "public score 7.25" in said
    assert said.endswith("exit code 0")


def test_a_sending_is_a_row_of_the_history(sent_text: Callable[..., str]) -> None:
    sent_text("resnet18")
    (sending,) = sendings()
    time = sending.pop("time")
    assert isinstance(time, str) and time.endswith("Z") and len(time) == 20
    assert sending == {
        "competition": SLUG,
        "sha256": hashlib.sha256(Path(FILE).read_bytes()).hexdigest(),
        "revision": git("rev-parse", "HEAD"),
        "model": "resnet18",
        "message": f"resnet18, validation mae_px 9.25, {git('rev-parse', 'HEAD')[:7]}",
        "validation_mae_px": 9.25,
        "public_score": 7.25,
        "private_score": None,
    }
    first_line = Path("submissions/history.csv").read_text().splitlines()[0]
    assert first_line == (
        "time,competition,sha256,revision,model,message,validation_mae_px,public_score,private_score"
    )
    assert first_line == ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("call", "refusal", "reason"),
    [
        ("GetSubmissionLimits", (403, "You must accept the rules"), "accept its rules at https://"),
        ("StartSubmissionUpload", (403, "You must accept the rules"), "You must accept the rules"),
        ("StartSubmissionUpload", (401, "Unauthorized"), "the credentials are not accepted"),
        ("StartSubmissionUpload", (404, "Not found"), f"competition {SLUG} does not exist"),
        ("StartSubmissionUpload", (400, "The deadline has passed"), "400, The deadline has passed"),
        ("StartSubmissionUpload", (429, "Too many"), "Kaggle responded 429, Too many"),
        ("StartSubmissionUpload", (500, "Oops"), "Kaggle responded 500, Oops"),
        ("PUT", (400, "Bad Request"), "the upload failed (400 Bad Request); nothing was submitted"),
        ("PUT", (503, "Busy"), "the upload failed (503 Busy); nothing was submitted"),
        ("CreateSubmission", (400, "Competition is closed"), "400, Competition is closed"),
        ("CreateSubmission", (429, "Daily limit reached"), "429, Daily limit reached"),
    ],
)
def test_a_refused_sending_exits_1_says_why_and_goes_no_further(
    sent_text: Callable[..., str],
    service: KaggleService,
    call: str,
    refusal: tuple[int, str],
    reason: str,
) -> None:
    service.refusals[call] = refusal
    said = sent_text("resnet18")
    assert "error: " in said
    assert reason in said
    assert said.endswith("exit code 1")
    assert service.names == SENT[: SENT.index(call) + 1]
    assert not Path("submissions/history.csv").exists()


def test_limits_that_cannot_be_told_do_not_stop(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    service.refusals["GetSubmissionLimits"] = (500, "Oops")
    assert sent_text("resnet18").endswith("exit code 0")


def test_no_submission_left_today_stops_before_the_upload(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    service.allowed = 0
    said = sent_text("resnet18")
    assert f"error: no submission to {SLUG} is left today (5 were made)" in said
    assert service.names == ["GetSubmissionLimits"]


def test_without_a_network_it_says_so(
    sent_text: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, DEAD)
    said = sent_text("resnet18")
    assert "error: Kaggle cannot be reached (" in said
    assert said.endswith("exit code 1")
    assert not service.calls


def test_an_upload_that_breaks_off_is_begun_again(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    service.dropped = 1
    assert sent_text("resnet18").endswith("exit code 0")
    content = Path(FILE).read_bytes()
    puts = [body for name, body in service.calls if name == "PUT"]
    assert puts == [content[: len(content) // 2], content]


def test_an_upload_that_always_breaks_off_is_not_submitted(
    sent_text: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", lambda seconds: None)
    service.dropped = 100
    said = sent_text("resnet18")
    assert "the upload failed (" in said
    assert "signature" not in said
    assert said.endswith("exit code 1")
    assert set(service.names) == {"GetSubmissionLimits", "StartSubmissionUpload", "PUT"}
    assert service.dropped == 100 - 11  # the client tries eleven times


def test_it_waits_until_the_score_is_there(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    pending, other = submission(status="PENDING"), submission(ref=1, publicScore="1.0")
    scored = submission(publicScore="8.5", privateScore="8.75")
    service.submissions = [[other], [other, pending], [other, scored]]
    assert "public score 8.5, private score 8.75" in sent_text("resnet18")
    assert (sendings()[0]["public_score"], sendings()[0]["private_score"]) == (8.5, 8.75)


def test_the_wait_has_an_end(sent_text: Callable[..., str], service: KaggleService) -> None:
    service.submissions = [[submission(status="PENDING")]]
    said = sent_text("resnet18", "--wait", "0")
    assert "no score after 0 s" in said
    assert said.endswith("exit code 0")
    assert sendings()[0]["public_score"] is None


def test_a_look_that_fails_is_no_news(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    service.refusals["ListSubmissions"] = (500, "Oops")
    said = sent_text("resnet18", "--wait", "0")
    assert "the score is not known yet: Kaggle responded 500, Oops" in said
    assert len(sendings()) == 1


def test_a_file_that_kaggle_cannot_score_is_an_error_and_is_noted(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    service.submissions = [[submission(status="ERROR", errorDescription="Row 3 is odd")]]
    said = sent_text("resnet18")
    assert f"error: Kaggle took submission {NUMBER} and did not score it: Row 3 is odd" in said
    assert len(sendings()) == 1


def test_the_same_bytes_are_not_sent_twice_unasked(
    sent_text: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_text("resnet18", "-m", "first")
    service.calls.clear()
    said = sent_text("resnet18")
    assert f"these bytes went to {SLUG} on " in said and "'first'" in said
    assert said.endswith("Say --again to send them a second time\nexit code 1")
    assert not service.calls
    for answer, n_calls in (("n\n", 0), ("\n", 0), ("y\n", 5)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert "Send them again? [y/N]" in sent_text("resnet18")
        assert len(service.calls) == n_calls
    assert sent_text("resnet18", "--again").endswith("exit code 0")
    assert len(sendings()) == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_changed_file_of_the_repository_stops_without_force(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    with Path("params.yaml").open("a") as file:
        file.write("# changed\n")
    said = sent_text("resnet18")
    assert "error: uncommitted changes: params.yaml. Or say --force" in said
    assert not service.calls
    assert sent_text("resnet18", "--force").endswith("exit code 0")
    assert str(sendings()[0]["revision"]).endswith("-dirty")
    assert str(sendings()[0]["message"]).endswith("-dirty")


def test_the_history_itself_does_not_make_the_tree_dirty(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    sent_text("resnet18")
    git("add", "submissions/history.csv")
    git("commit", "--quiet", "--message", "history")
    sent_text("resnet18", "--again")
    assert git("status", "--porcelain") == "M submissions/history.csv"
    assert sent_text("resnet18", "--again").endswith("exit code 0")


def test_a_file_that_dvc_did_not_write_stops_without_force(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    text = Path(FILE).read_text()
    Path(FILE).write_text(text.replace("\n7,", "\n7,1", 1))
    said = sent_text("resnet18")
    assert f"error: {FILE} is not the file that dvc.lock names; run `dvc repro`" in said
    assert not service.calls
    assert sent_text("resnet18", "--force").endswith("exit code 0")


def test_a_wrong_file_is_never_sent(sent_text: Callable[..., str], service: KaggleService) -> None:
    text = Path(FILE).read_text()
    Path(FILE).write_text(text.replace("\n7,", "\n8,", 1))
    said = sent_text("resnet18", "--force")
    assert "row 7 should be '7,NUMBER'; got '8," in said
    assert not service.calls


def test_a_dry_run_says_what_would_be_sent_and_calls_nobody(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    Path("params.yaml").open("a").close()
    said = sent_text("resnet18", "--dry-run")
    for line in (
        f"{FILE}: 408 rows for 3 faces, as {SLUG} asks",
        f"  competition  {SLUG}, metric mae_px",
        f"  revision     {git('rev-parse', 'HEAD')}",
        "  message      resnet18, validation mae_px 9.25, ",
        "Dry run: nothing was sent.\nexit code 0",
    ):
        assert line in said
    assert not service.calls


def test_without_credentials_it_is_a_dry_run_that_says_where_they_go(
    sent_text: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    said = sent_text("resnet18")
    assert "Dry run: nothing was sent." in said
    assert "error: no Kaggle credentials were found." in said
    for place in ("KAGGLE_API_TOKEN", "~/.kaggle/access_token", "~/.kaggle/kaggle.json"):
        assert place in said
    assert said.endswith("exit code 1")
    assert not service.calls


@pytest.mark.parametrize("place", ["KAGGLE_API_TOKEN", ".kaggle/access_token"])
def test_a_token_signs_in(
    sent_text: Callable[..., str],
    service: KaggleService,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.delenv("KAGGLE_USERNAME")
    if place.startswith("."):
        (tmp_path / ".kaggle").mkdir()
        (tmp_path / place).write_text(f"{SECRET}\n")
    else:
        monkeypatch.setenv(place, SECRET)
    assert sent_text("resnet18").endswith("exit code 0")
    assert service.names[0] == "IntrospectToken"
    assert service.headers[-1]["Authorization"] == f"Bearer {SECRET}"


def test_a_token_that_is_not_valid_any_more_is_told(
    sent_text: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "an old one")
    said = sent_text("resnet18")
    assert "error: Kaggle rejects the credentials.\nCredentials go to one of" in said
    assert "an old one" not in said
    assert service.names == ["IntrospectToken"]


def run_command(*command: str, **environment: str) -> tuple[int, str]:
    scripts = Path(sys.executable).parent
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, env=os.environ | {"PATH": path} | environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_script_sends_and_shows_no_key_even_where_the_client_would(
    repository: Path, service: KaggleService
) -> None:
    code, said = run_command("python", str(ROOT / "src/send.py"), "resnet18", VERBOSE="true")
    assert code == 0, said
    assert "public score 7.25" in said
    assert SECRET not in said
    assert b64encode(f"competitor:{SECRET}".encode()).decode() not in said
    assert service.names == [*SENT, "ListSubmissions"]


def test_the_plain_command_sends_the_same_bytes_and_hides_a_failed_upload(
    repository: Path, service: KaggleService
) -> None:
    command = ("kaggle", "competitions", "submit", "-f", FILE, "-m", "by hand", SLUG)
    code, said = run_command(*command)
    assert code == 0, said
    assert service.body("PUT") == Path(FILE).read_bytes()
    assert service.body("CreateSubmission")["submissionDescription"] == "by hand"
    service.refusals["PUT"] = (400, "Bad Request")
    code, said = run_command(*command)
    assert (code, "Could not submit to competition" in said) == (0, True)  # what send.py is for


@pytest.mark.parametrize("token", ["a" * 300, "Windows\r", "two\nlines", "Ünïcode"])
def test_a_token_that_cannot_be_used_is_never_shown(
    sent_text: Callable[..., str], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.delenv("KAGGLE_USERNAME", raising=False)
    monkeypatch.delenv("KAGGLE_KEY", raising=False)
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    said = sent_text("resnet18")
    assert "exit code 1" in said
    assert "Traceback" not in said
    assert token.strip() not in said


@pytest.mark.parametrize("damage", ["garbage\n", f"{','.join(COLUMNS)}\n<<<<<<< HEAD\n"])
def test_a_damaged_history_stops_before_the_upload(
    sent_text: Callable[..., str], service: KaggleService, damage: str
) -> None:
    Path("submissions/history.csv").write_text(damage)
    said = sent_text("resnet18", "--again")
    assert "submissions/history.csv: " in said
    assert "exit code 1" in said
    assert service.calls == []


def test_a_file_to_compare_with_is_never_taken_for_a_wish_to_send(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    said = sent_text("resnet18", "--against", FILE)
    assert "--against needs --score; nothing was sent" in said
    assert service.calls == []


def test_a_submission_that_is_not_there_is_named_with_those_that_are(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    said = sent_text("resnet19")
    assert "submissions/resnet19.csv is missing; there are: resnet18" in said
    assert service.calls == []


def test_a_message_of_two_lines_is_refused(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    assert "the message should be one line of UTF-8 text" in sent_text("resnet18", "-m", "a\nb")
    assert service.calls == []


@pytest.mark.parametrize("wait", ["nan", "-5", "inf", "long"])
def test_a_wait_that_is_no_time_is_refused(
    sent_text: Callable[..., str], service: KaggleService, wait: str
) -> None:
    assert "argument --wait: " in sent_text("resnet18", f"--wait={wait}")
    assert service.calls == []


def test_scores_that_cannot_be_read_are_named(
    sent_text: Callable[..., str], service: KaggleService
) -> None:
    Path("metrics/scores/resnet18.json").write_text("<<<<<<< HEAD")
    assert "error: metrics/scores/resnet18.json: no scores" in sent_text("resnet18")
    assert service.calls == []
