"""Git's output does not depend on the user's settings, on file names or on a surrounding hook."""

import os
import subprocess
from pathlib import Path

import pytest

from keypoints.competition.provenance import read_revision
from keypoints.core.errors import printable
from keypoints.core.git import GitError, git, run_git

NAMES = ["ä b.txt", os.fsdecode(b"lat\xefn.txt"), 'quo"te.txt', "new\nline.txt", "-dash.txt"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, as the current folder."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path("params.yaml").write_text("seed: 1\n")
    subprocess.run(["git", "add", "--all"], check=True)
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *author, "commit", "--quiet", "--message", "state"], check=True)
    return tmp_path


def configure(**settings: str) -> None:
    for name, value in settings.items():
        subprocess.run(["git", "config", name.replace("_", "."), value], check=True)


@pytest.mark.parametrize("quotes", ["true", "false"])
def test_changed_files_have_their_names(repository: Path, quotes: str) -> None:
    configure(core_quotePath=quotes, status_relativePaths="false", status_renames="copies")
    for name in NAMES:
        (repository / name).touch()
    assert sorted(read_revision(Path("submissions/history.csv")).changed) == sorted(NAMES)
    git("mv", "params.yaml", "renamed.yaml")
    assert {"params.yaml", "renamed.yaml"} < set(read_revision(Path("x")).changed)


def test_signatures_and_colours_are_not_part_of_the_output(repository: Path) -> None:
    configure(log_showSignature="true", color_ui="always", core_pager="false")
    commit = git("log", "-1", "--format=%H", "--", "params.yaml")
    assert commit == git("rev-parse", "HEAD") and len(commit) == 40
    configure(i18n_logOutputEncoding="UTF-16")
    assert git("log", "-1", "--format=%H") == commit


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
def test_the_repository_is_that_of_the_folder_even_in_a_hook(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(repository / "nosuch"))
    assert len(read_revision(Path("x")).commit) == 40


def test_pathspecs_keep_their_meaning(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    (repository / "new.txt").touch()
    assert read_revision(Path("x")).changed == ["new.txt"]


def test_a_repository_around_the_folder_is_not_that_of_the_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "unpacked").mkdir()
    (repository / "unpacked/params.yaml").touch()
    monkeypatch.chdir(repository / "unpacked")
    assert "did not match any file" in read_revision(Path("x")).problem


def test_hooks_are_not_run(repository: Path) -> None:
    hook = repository / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    run_git("checkout", "--quiet", "-b", "other")


def test_gits_reason_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("LC_ALL", "C")
    assert "not a git repository" in read_revision(Path("x")).problem
    assert git("status") == ""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="git: No such file"):
        run_git("status")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user_is_named(repository: Path) -> None:
    os.chown(repository, 12345, 12345)
    problem = read_revision(Path("x")).problem
    assert "dubious ownership" in problem and "safe.directory" in problem


def test_names_are_printed_as_they_are_or_escaped() -> None:
    assert [*map(printable, NAMES)] == [
        "ä b.txt",
        r"lat\xefn.txt",
        'quo"te.txt',
        r"new\nline.txt",
        "-dash.txt",
    ]
