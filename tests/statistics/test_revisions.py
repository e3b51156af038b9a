"""Outputs of other revisions: of the repository's DVC project, and of one in a folder below."""

from pathlib import Path

import pytest
from dvc.repo import Repo
from workspace import Workspace

import compare
from keypoints.core.errors import PipelineError
from keypoints.statistics.revisions import RevisionOutputs

STAGE = """\
stages:
  write:
    cmd: echo {text} > faces/model.csv
    outs:
      - faces/model.csv
"""
TABLE = Path("faces/model.csv")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, commands: Path) -> Path:
    """A repository with two DVC projects; both were run and committed, and then changed."""
    root = tmp_path_factory.mktemp("repository")
    workspace = Workspace(root, commands)
    workspace.run("git", "init", "--quiet")
    workspace.run("git", "config", "user.name", "Test")
    workspace.run("git", "config", "user.email", "test@example.com")
    for project in (root, root / "inner"):
        (project / "faces").mkdir(parents=True)
        Repo.init(str(project), subdir=project != root).close()
        (project / "dvc.yaml").write_text(STAGE.format(text=project.name))
    (root / "inner/.dvc/config").write_text('[cache]\n    dir = "../../.dvc/cache"\n')
    workspace.commit()  # before the first run
    workspace.dvc("repro", "--quiet")
    workspace.beside(root / "inner").dvc("repro", "--quiet")
    workspace.commit()
    for project in (root, root / "inner"):
        (project / TABLE).write_text("changed\n")
    return root


@pytest.mark.parametrize("project", ["", "inner"])
def test_a_revision_has_its_outputs_although_the_files_changed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    monkeypatch.chdir(repository)
    revision, workspace = (RevisionOutputs(name, Path(project)) for name in ("HEAD", "workspace"))
    assert revision.read(TABLE) == f"{(repository / project).name}\n"
    assert workspace.read(TABLE) == "changed\n"
    assert "model.csv" in revision.names(TABLE.parent)
    assert workspace.names(TABLE.parent) == revision.names(TABLE.parent)
    assert revision.names(Path("nosuch")) == []


def test_the_message_for_a_missing_output_or_revision_names_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    with pytest.raises(PipelineError, match=r"inner/other\.csv: HEAD has no such output in DVC's"):
        RevisionOutputs("HEAD", Path("inner")).read(Path("other.csv"))
    with pytest.raises(PipelineError, match=r"other\.csv: workspace .* run `dvc repro`"):
        RevisionOutputs("workspace").read(Path("other.csv"))
    with pytest.raises(PipelineError, match=r"HEAD~1 .* contains no dvc\.lock; commit one after"):
        RevisionOutputs("HEAD~1").read(TABLE)
    with pytest.raises(PipelineError, match="unknown Git revision 'nosuch'; give a commit"):
        RevisionOutputs("nosuch")


def test_a_misspelled_folder_of_a_model_is_named(tmp_path: Path) -> None:
    for revision in ("HEAD", "workspace"):
        with pytest.raises(PipelineError, match=r"contendrs: no such folder; name a model, or"):
            RevisionOutputs(revision, tmp_path / "contendrs")


def test_a_remote_in_the_users_settings_is_not_used(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dvc").mkdir()
    settings = "[core]\n    remote = team\n['remote \"team\"']\n    url = s3://127.0.0.1/x\n"
    (tmp_path / "dvc/config").write_text(settings)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(repository)
    cache = repository / ".dvc/cache"
    cache.rename(tmp_path / "cache")
    try:
        with pytest.raises(PipelineError, match="HEAD has no such output in DVC's cache"):
            RevisionOutputs("HEAD").read(TABLE)
    finally:
        (tmp_path / "cache").rename(cache)


def test_a_damaged_table_is_named_and_the_other_models_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics/faces").mkdir(parents=True)
    table = "face,group,norm_px,mae_px\nNA,NA,50,1\n007,null,50,2\n"
    contents = {
        "good": table,
        "binary": "\0\udcff",
        "commas": table.replace("50,1", "50,0,1").replace("50,2", "50,0,2"),
        "empty": table[: table.index("NA")],
        "quoted": table.replace("50", '"50,0"'),
        "text": "a,b\n1,2\n",
        "twice": table + "007,null,50,2\n",
        "._good": "\0",
    }
    (tmp_path / "metrics/faces/folder.csv").mkdir()
    for name, content in contents.items():
        path = tmp_path / f"metrics/faces/{name}.csv"
        path.write_text(content, errors="surrogateescape")
    monkeypatch.chdir(tmp_path)
    compare.open_outputs.cache_clear()
    with pytest.raises(PipelineError, match="not compared: binary, commas, empty, folder, quoted"):
        compare.compare_all(("workspace",), ("workspace",), "mae_px")
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert "the same errors on all 2 faces in 2 group" in lines.pop("good")
    problems = {
        "binary": "not a text file",
        "commas": "not a table of faces: its rows have more columns than the first line",
        "empty": "not a table of faces: it has no faces",
        "folder": "Is a directory",
        "quoted": "not a table of faces: its column norm_px contains other values than",
        "text": "not a table of faces: it has no column face",
        "twice": "not a table of faces: it lists a face twice",
    }
    assert list(lines) == list(problems)
    for name, problem in problems.items():
        assert lines[name].startswith(f"metrics/faces/{name}.csv: {problem}")
