"""The repository's root, and outputs that are replaced as a whole or not at all."""

import errno
from pathlib import Path

import pytest

from keypoints.core import paths


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "src/keypoints").mkdir(parents=True)
    (folder / "contenders/.dvc").mkdir(parents=True)
    return folder


def test_the_root_is_found_from_a_project_in_a_subfolder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(repository)
    assert paths.repo_root() == Path()
    monkeypatch.chdir(repository / "contenders")
    assert paths.repo_root() == Path("..")


def test_the_root_is_the_users_repository_if_dvc_runs_an_experiment_in_a_copy(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    copy = tmp_path_factory.mktemp("copy")
    (copy / "src/keypoints").mkdir(parents=True)
    monkeypatch.chdir(copy)
    for root in (repository, repository / "contenders"):
        monkeypatch.setenv("DVC_ROOT", str(root))
        assert paths.repo_root() == repository


def test_another_project_around_the_repository_is_not_its_root(
    repository: Path, monkeypatch: pytest.MonkeyPatch
):
    (repository.parent / ".dvc").mkdir(exist_ok=True)  # such as a shared cache
    monkeypatch.chdir(repository)
    monkeypatch.setenv("DVC_ROOT", "/")
    assert paths.repo_root() == Path()


def test_the_root_is_the_current_folder_if_no_folder_has_the_package(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir("/")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert paths.repo_root() == Path()


def test_replacing_an_output_leaves_the_file_that_it_links_to(tmp_path: Path):
    cached = tmp_path / "cached"
    cached.write_text("old")
    (tmp_path / "output").symlink_to(cached)
    paths.replace_output(tmp_path / "output").write_text("new")
    assert (cached.read_text(), (tmp_path / "output").read_text()) == ("old", "new")
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("folder")
    assert not paths.replace_output(tmp_path / "linked").exists()
    assert (tmp_path / "folder/below").is_dir()
    assert not paths.replace_output(tmp_path / "folder").exists()


def test_a_file_is_replaced_if_the_block_succeeds(tmp_path: Path):
    path = tmp_path / "made/file.csv"
    for text in ("first", "second"):
        with paths.atomic_file(path) as temporary:
            temporary.write_text(text)
        assert path.read_text() == text
    assert [*path.parent.iterdir()] == [path]


def test_a_file_stays_as_it_was_if_the_block_fails(tmp_path: Path):
    path = tmp_path / "file.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), paths.atomic_file(path) as temporary:
        temporary.write_text("ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path: Path):
    path = tmp_path / "file.csv"
    for name in (None, "temporary"):
        with pytest.raises(OSError) as caught, paths.atomic_file(path) as temporary:
            raise OSError(errno.ENOSPC, "No space left on device", name and temporary)
        assert caught.value.filename == str(path)


def test_a_folder_is_removed_if_the_block_fails(tmp_path: Path):
    folder = tmp_path / "made/folder"
    with paths.atomic_folder(folder):
        folder.mkdir()
    assert folder.is_dir()
    with pytest.raises(ValueError, match="broken"), paths.atomic_folder(folder):
        assert not folder.exists()
        folder.mkdir()
        (folder / "half").write_text("")
        raise ValueError("broken")
    assert not folder.exists()


def test_files_of_a_fold_lie_in_the_folder_of_its_cross_validation():
    assert paths.model_file("net") == Path("models/net.safetensors")
    assert paths.history_file("net") == Path("metrics/history/net.csv")
    assert paths.model_file("net.2of5") == Path("models/net_folds/net.2of5.safetensors")
    assert paths.history_file("net.2of5") == Path("models/net_folds/net.2of5.csv")
    assert paths.fold_folder("net") == Path("models/net_folds")
