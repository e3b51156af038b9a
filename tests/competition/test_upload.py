"""Uploads with the real kaggle client to a service on this machine, and their errors."""

import hashlib
import io
import os
import pwd
import resource
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import urllib3.util.retry
from kaggle_service import (
    DEAD,
    NUMBER,
    SECRET,
    TOKEN,
    KaggleService,
    leaderboard_archive,
    submission,
)
from spec import CS194_26

import send
from keypoints.competition.base import load_submission_spec
from keypoints.competition.submission import write_submission
from keypoints.competition.submission_log import COLUMNS, read_history
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.datasets.ibug import DATASET, read_ibug
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
    """A committed repository in which the pipeline has run up to `submit@resnet18`."""
    faces = read_ibug(rendered_ibug)
    folder = tmp_path / "repository"
    format_ = CropFormat(8, 8, margin=0, colour=False, box_scale=1.3, scheme="ibug68")
    store = folder / "data/crops/wild"
    write_crops(store, rendered_ibug, faces, split_by_hash((), 0.1), format_)
    spec = load_submission_spec(CS194_26, store)
    middles = spec.boxes_photo.reshape(-1, 2, 2).mean(axis=1, keepdims=True)
    write_submission(folder / FILE, np.tile(middles, (1, 68, 1)), spec)
    (folder / "metrics/scores").mkdir(parents=True)
    (folder / "metrics/scores/resnet18.json").write_text('{"split": "validation", "mae_px": 9.25}')
    digest = hashlib.md5((folder / FILE).read_bytes()).hexdigest()
    (folder / "dvc.lock").write_text(LOCK.format(digest))
    for name in ("params.yaml", ".gitignore"):
        (folder / name).write_text((ROOT / name).read_text())
    monkeypatch.setitem(DATASET.public_counts, "test", 3)
    monkeypatch.chdir(folder)
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "state")
    return folder


@pytest.fixture
def run_send(
    repository: Path, service: KaggleService, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs send.py in the repository, and returns its output, its error and its exit code."""

    def run(*arguments: str) -> str:
        try:
            send.main(arguments)
        except SystemExit as stopped:
            code = f"{stopped.code}\nexit code {int(stopped.code != 0)}"
        else:
            code = "exit code 0"
        output = capsys.readouterr()
        text = f"{output.out}{output.err}{code}"
        assert SECRET not in text
        return text

    return run


def records() -> list[dict[str, object]]:
    return [vars(record) for record in read_history()]


def test_an_upload_makes_exactly_these_calls_with_these_bytes(
    run_send: Callable[..., str], service: KaggleService, repository: Path
) -> None:
    file = repository / FILE
    os.utime(file, (1_700_000_000, 1_700_000_000))
    output = run_send("resnet18", "-m", "deeper, Ünïcode")
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
        ("GetSubmissionLimits", {"competitionName": SLUG}),
        ("ListSubmissions", service.body("ListSubmissions")),
        ("DownloadLeaderboard", {"competitionName": SLUG}),
        ("GET", "http://localhost/storage/leaderboard.zip"),
    ]
    assert service.body("ListSubmissions")["competitionName"] == SLUG
    signed = f"Basic {b64encode(f'competitor:{SECRET}'.encode()).decode()}"
    assert [headers.get("Authorization") for headers in service.headers] == [
        signed,
        signed,
        None,  # the address of the upload is a credential itself
        *[signed] * 5,
        service.headers[-1].get("Authorization"),
    ]
    assert f"{FILE} is submission {NUMBER} of {SLUG}" in output
    assert "public score 7.25" in output
    assert output.endswith("exit code 0")


def test_an_upload_is_a_row_of_the_log(run_send: Callable[..., str]) -> None:
    run_send("resnet18")
    (record,) = records()
    time = record.pop("time")
    assert isinstance(time, str) and time.endswith("Z") and len(time) == 20
    assert record == {
        "competition": SLUG,
        "sha256": hashlib.sha256(Path(FILE).read_bytes()).hexdigest(),
        "revision": git("rev-parse", "HEAD"),
        "model": "resnet18",
        "message": f"resnet18, validation mae_px 9.25, {git('rev-parse', 'HEAD')[:7]}",
        "validation_mae_px": 9.25,
        "public_score": 7.25,
        "private_score": None,
        "validation_score": 9.25,
        "rank": 3,
        "n_teams": 3,
        "best_public_score": 7.25,
        "to_next_rank": 0.25,
        "to_top": 0.75,
        "submissions_left": 5,
    }
    first_line = Path("submissions/history.csv").read_text().splitlines()[0]
    assert first_line == (
        "time,competition,sha256,revision,model,message,validation_mae_px,public_score,"
        "private_score,validation_score,rank,n_teams,best_public_score,to_next_rank,to_top,"
        "submissions_left"
    )
    assert first_line == ",".join(COLUMNS)


def test_the_standing_is_printed_and_that_of_the_best_own_score(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    service.submissions = [[submission(ref=1, publicScore="6.75"), submission(publicScore="7.25")]]
    output = run_send("resnet18")
    assert "submissions left today: 5" in output
    expected = "rank 2 of 3 with the best own score 6.75: 0.25 to the next rank, 0.25 to the top"
    assert expected in output
    service.leaderboard = leaderboard_archive("6.75", "8")
    assert "rank 1 of 2 with the best own score 6.75: no better" in run_send("resnet18", "--again")


@pytest.mark.parametrize("board", [b"", leaderboard_archive("7").replace(b"Score", b"Other")])
def test_a_leaderboard_that_cannot_be_read_is_a_warning(
    run_send: Callable[..., str], service: KaggleService, board: bytes
) -> None:
    service.leaderboard = board
    output = run_send("resnet18")
    assert "warning: no place on the leaderboard: the kaggle client failed" in output
    assert output.endswith("exit code 0")
    assert (records()[0]["public_score"], records()[0]["rank"]) == (7.25, None)


def test_a_log_without_ranks_is_continued(run_send: Callable[..., str]) -> None:
    old = "2026-01-02T03:04:05Z,other,0,1,net,a message,9.5,8.5,"
    Path("submissions/history.csv").write_text(f"{','.join(COLUMNS[:9])}\n{old}\n")
    run_send("resnet18", "--force")
    first, second = records()
    assert (first["public_score"], first["rank"], second["rank"]) == (8.5, None, 3)


@pytest.mark.parametrize(
    ("n_published", "source", "obstacle"),
    [
        (4, "public", "3 of the 4 test faces: well-formed, but the competition needs all of them"),
        (3, "rendered", "rendered faces: well-formed, but not the competition's"),
    ],
)
def test_other_faces_than_the_competitions_are_marked_and_never_uploaded(
    run_send: Callable[..., str],
    service: KaggleService,
    monkeypatch: pytest.MonkeyPatch,
    n_published: int,
    source: str,
    obstacle: str,
) -> None:
    monkeypatch.setitem(DATASET.public_counts, "test", n_published)
    Path("data/raw/ibug").mkdir(parents=True)
    Path("data/raw/ibug/source.json").write_text(f'{{"source": "{source}"}}')
    checked = run_send("--check", FILE)
    assert f"{FILE}: {obstacle}\nexit code 0" in checked
    assert f"would stop   {obstacle}" in run_send("resnet18", "--dry-run")
    output = run_send("resnet18", "--force")
    assert f"error: {FILE}: {obstacle}" in output and output.endswith("exit code 1")
    assert not service.calls


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
def test_a_rejected_upload_exits_1_with_the_reason_and_stops(
    run_send: Callable[..., str],
    service: KaggleService,
    call: str,
    refusal: tuple[int, str],
    reason: str,
) -> None:
    service.refusals[call] = refusal
    output = run_send("resnet18")
    assert "error: " in output
    assert reason in output
    assert output.endswith("exit code 1")
    assert service.names == SENT[: SENT.index(call) + 1]
    assert not Path("submissions/history.csv").exists()


def test_unknown_limits_do_not_stop_an_upload(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    service.refusals["GetSubmissionLimits"] = (500, "Oops")
    assert run_send("resnet18").endswith("exit code 0")


def test_an_exhausted_limit_stops_before_the_upload(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    service.allowed = 0
    output = run_send("resnet18")
    assert f"error: no submission to {SLUG} is left today (5 were made)" in output
    assert service.names == ["GetSubmissionLimits"]


def test_without_a_network_the_error_says_so(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, DEAD)
    output = run_send("resnet18")
    assert "error: Kaggle cannot be reached (" in output
    assert output.endswith("exit code 1")
    assert not service.calls


def test_a_dropped_connection_is_retried(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    service.dropped = 1
    assert run_send("resnet18").endswith("exit code 0")
    content = Path(FILE).read_bytes()
    puts = [body for name, body in service.calls if name == "PUT"]
    assert puts == [content[: len(content) // 2], content]


def test_an_upload_that_always_fails_is_not_submitted(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", lambda seconds: None)
    service.dropped = 100
    output = run_send("resnet18")
    assert "the upload failed (" in output
    assert "signature" not in output
    assert output.endswith("exit code 1")
    assert set(service.names) == {"GetSubmissionLimits", "StartSubmissionUpload", "PUT"}
    assert service.dropped == 100 - 11  # the client tries eleven times


def test_it_waits_for_the_score(run_send: Callable[..., str], service: KaggleService) -> None:
    pending, other = submission(status="PENDING"), submission(ref=1, publicScore="1.0")
    scored = submission(publicScore="8.5", privateScore="8.75")
    service.submissions = [[other], [other, pending], [other, scored]]
    assert "public score 8.5, private score 8.75" in run_send("resnet18")
    assert (records()[0]["public_score"], records()[0]["private_score"]) == (8.5, 8.75)


def test_the_wait_has_an_end(run_send: Callable[..., str], service: KaggleService) -> None:
    service.submissions = [[submission(status="PENDING")]]
    output = run_send("resnet18", "--wait", "0")
    assert "no score after 0 s" in output
    assert output.endswith("exit code 0")
    assert records()[0]["public_score"] is None


def test_a_failed_poll_is_not_an_error(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    service.refusals["ListSubmissions"] = (500, "Oops")
    output = run_send("resnet18", "--wait", "0")
    assert "the score is not known yet: Kaggle responded 500, Oops" in output
    assert len(records()) == 1


def test_a_file_that_kaggle_cannot_score_is_an_error_and_is_logged(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    service.submissions = [[submission(status="ERROR", errorDescription="Row 3 is odd")]]
    output = run_send("resnet18")
    assert f"error: Kaggle accepted submission {NUMBER} but cannot score it: Row 3 is odd" in output
    assert len(records()) == 1


def test_the_same_file_is_not_uploaded_twice_without_confirmation(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_send("resnet18", "-m", "first")
    service.calls.clear()
    output = run_send("resnet18")
    assert f"the same file was uploaded to {SLUG} on " in output and "'first'" in output
    assert output.endswith("Use --again to upload it a second time\nexit code 1")
    assert not service.calls
    for answer, n_calls in (("n\n", 0), ("\n", 0), ("y\n", 9)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert "Upload it again? [y/N]" in run_send("resnet18")
        assert len(service.calls) == n_calls
    assert run_send("resnet18", "--again").endswith("exit code 0")
    assert len(records()) == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_uncommitted_change_stops_without_force(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    with Path("params.yaml").open("a") as file:
        file.write("# changed\n")
    output = run_send("resnet18")
    assert "error: uncommitted changes: params.yaml. Use --force" in output
    assert not service.calls
    assert run_send("resnet18", "--force").endswith("exit code 0")
    assert str(records()[0]["revision"]).endswith("-dirty")
    assert str(records()[0]["message"]).endswith("-dirty")


def test_the_log_itself_does_not_count_as_a_change(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    run_send("resnet18")
    git("add", "submissions/history.csv")
    git("commit", "--quiet", "--message", "history")
    run_send("resnet18", "--again")
    assert git("status", "--porcelain") == "M submissions/history.csv"
    assert run_send("resnet18", "--again").endswith("exit code 0")


def test_a_file_that_dvc_lock_does_not_list_stops_without_force(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    text = Path(FILE).read_text()
    Path(FILE).write_text(text.replace("\n7,", "\n7,1", 1))
    output = run_send("resnet18")
    assert f"error: {FILE} is not the file that dvc.lock lists; run `dvc repro submit@" in output
    assert not service.calls
    assert run_send("resnet18", "--force").endswith("exit code 0")


def test_an_ensemble_without_a_stage_gets_the_way_to_one(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    Path("submissions/pair.csv").write_text(Path(FILE).read_text())
    output = run_send("pair")
    assert "dvc.lock lists no submissions/pair.csv: add a line `pair: TASK` to `submit`" in output
    assert "run `dvc repro submit@pair` and commit both files" in output
    assert not service.calls


def test_an_invalid_file_is_never_uploaded(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    text = Path(FILE).read_text()
    Path(FILE).write_text(text.replace("\n7,", "\n8,", 1))
    output = run_send("resnet18", "--force")
    assert "row 7 should be '7,NUMBER'; got '8," in output
    assert not service.calls


def test_a_dry_run_prints_the_upload_and_makes_no_call(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    Path("params.yaml").open("a").close()
    output = run_send("resnet18", "--dry-run")
    for line in (
        f"{FILE}: 408 valid rows for 3 faces of {SLUG}",
        f"  competition  {SLUG}, metric mae_px",
        f"  revision     {git('rev-parse', 'HEAD')}",
        "  message      resnet18, validation mae_px 9.25, ",
        "Dry run: nothing was uploaded.\nexit code 0",
    ):
        assert line in output
    assert not service.calls


def test_without_credentials_it_makes_a_dry_run_and_says_where_they_belong(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    output = run_send("resnet18")
    assert "Dry run: nothing was uploaded." in output
    assert "error: no Kaggle credentials were found." in output
    for place in ("KAGGLE_API_TOKEN", "~/.kaggle/access_token", "~/.kaggle/kaggle.json"):
        assert place in output
    assert output.endswith("exit code 1")
    assert not service.calls


@pytest.mark.parametrize("place", ["KAGGLE_API_TOKEN", ".kaggle/access_token"])
def test_a_token_authenticates(
    run_send: Callable[..., str],
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
    assert run_send("resnet18").endswith("exit code 0")
    assert service.names[0] == "IntrospectToken"
    assert service.headers[-1]["Authorization"] == f"Bearer {SECRET}"


def test_an_expired_token_is_an_error(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "an old one")
    output = run_send("resnet18")
    assert "error: Kaggle rejects the credentials in KAGGLE_API_TOKEN.\nCredentials go to" in output
    assert "an old one" not in output
    assert service.names == ["IntrospectToken"]


def test_a_log_that_cannot_be_written_does_not_hide_an_accepted_submission(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Kaggle's client tries five times to write the leaderboard, with pauses.
    monkeypatch.setattr("time.sleep", lambda _: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        output = run_send("resnet18", "--force")  # git needs files as well
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in output and "the log lacks SubmissionRecord(" in output
    assert "public score 7.25" in output and output.endswith("exit code 0")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"username": "a"', "/kaggle.json: contains no user name and key in the format of"),
        ("[1]", "kaggle.json cannot be read (TypeError)"),
        ("", "/kaggle.json: an empty file"),
        (None, "/kaggle.json: a folder"),
    ],
)
def test_an_unusable_key_file_is_named(
    run_send: Callable[..., str],
    service: KaggleService,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: str | None,
    problem: str,
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    path = tmp_path / ".kaggle/kaggle.json"
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_text(content)
    output = run_send("resnet18")
    assert problem in output and output.endswith("exit code 1")
    assert not service.calls


def no_such_user(uid: int) -> None:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


def test_a_user_without_home_and_name_can_upload(
    run_send: Callable[..., str], service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", "")  # restored after the test
    monkeypatch.setattr(pwd, "getpwuid", no_such_user)
    assert run_send("resnet18", "--force").endswith("exit code 0")
    assert not Path("~").exists()
    monkeypatch.delenv("KAGGLE_KEY")
    assert "error: no Kaggle credentials were found" in run_send("resnet18")


def run_command(*command: str, **environment: str) -> tuple[int, str]:
    scripts = Path(sys.executable).parent
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, env=os.environ | {"PATH": path} | environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_script_uploads_and_prints_no_key_even_if_the_client_would(
    repository: Path, service: KaggleService
) -> None:
    script = (
        "from keypoints.datasets.ibug import DATASET\nDATASET.public_counts['test'] = 3\n"
        "import send\nsend.main(['resnet18'])"
    )
    code, output = run_command("python", "-c", script, VERBOSE="true", PYTHONPATH=str(ROOT / "src"))
    assert code == 0, output
    assert "public score 7.25" in output
    assert SECRET not in output
    assert b64encode(f"competitor:{SECRET}".encode()).decode() not in output
    assert service.names[:5] == [*SENT, "ListSubmissions"]


def test_the_kaggle_command_uploads_the_same_bytes_but_hides_a_failed_upload(
    repository: Path, service: KaggleService
) -> None:
    command = ("kaggle", "competitions", "submit", "-f", FILE, "-m", "by hand", SLUG)
    code, output = run_command(*command)
    assert code == 0, output
    assert service.body("PUT") == Path(FILE).read_bytes()
    assert service.body("CreateSubmission")["submissionDescription"] == "by hand"
    service.refusals["PUT"] = (400, "Bad Request")
    code, output = run_command(*command)
    assert (code, "Could not submit to competition" in output) == (
        0,
        True,
    )  # the reason for send.py


@pytest.mark.parametrize("token", ["a" * 300, "Windows\r", "two\nlines", "Ünïcode"])
def test_an_invalid_token_is_never_printed(
    run_send: Callable[..., str], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.delenv("KAGGLE_USERNAME", raising=False)
    monkeypatch.delenv("KAGGLE_KEY", raising=False)
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    output = run_send("resnet18")
    assert "exit code 1" in output
    assert "Traceback" not in output
    assert token.strip() not in output


@pytest.mark.parametrize("damage", ["garbage\n", f"{','.join(COLUMNS)}\n<<<<<<< HEAD\n"])
def test_a_damaged_log_stops_before_the_upload(
    run_send: Callable[..., str], service: KaggleService, damage: str
) -> None:
    Path("submissions/history.csv").write_text(damage)
    output = run_send("resnet18", "--again")
    assert "submissions/history.csv: " in output
    assert "exit code 1" in output
    assert service.calls == []


def test_against_without_score_uploads_nothing(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    output = run_send("resnet18", "--against", FILE)
    assert "--against needs --score; nothing was uploaded" in output
    assert service.calls == []


def test_the_message_for_a_missing_submission_lists_those_that_exist(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    output = run_send("resnet19")
    assert "submissions/resnet19.csv is missing; there are: resnet18" in output
    assert service.calls == []


def test_a_message_of_two_lines_is_an_error(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    assert "the message should be one line of UTF-8 text" in run_send("resnet18", "-m", "a\nb")
    assert service.calls == []


@pytest.mark.parametrize("wait", ["nan", "-5", "inf", "long"])
def test_an_invalid_wait_is_an_error(
    run_send: Callable[..., str], service: KaggleService, wait: str
) -> None:
    assert "argument --wait: should be 0 or more seconds" in run_send("resnet18", f"--wait={wait}")
    assert service.calls == []


def test_the_message_for_damaged_scores_has_their_path(
    run_send: Callable[..., str], service: KaggleService
) -> None:
    Path("metrics/scores/resnet18.json").write_text("<<<<<<< HEAD")
    assert "error: metrics/scores/resnet18.json: damaged (" in run_send("resnet18")
    assert service.calls == []
