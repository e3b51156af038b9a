"""What a user's environment must not change, and what is reported about it."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import ROOT

from keypoints.core import startup

SCRIPTS = [
    path
    for folder in ("src", "tools", "benchmarks")
    for path in sorted((ROOT / folder).glob("*.py"))
    if "import keypoints" in path.read_text() or "from keypoints" in path.read_text()
    if "__main__" in path.read_text()
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_python_without_the_packages_is_named(script: Path) -> None:
    done = subprocess.run([sys.executable, "-S", script], capture_output=True, text=True)
    assert done.stderr.startswith("error: numpy is not installed for ")
    assert "make setup" in done.stderr and done.returncode == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_python_with_some_of_the_packages_is_named(script: Path, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("import nosuch")
    command = [sys.executable, "-S", script]
    environment = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert re.fullmatch("error: .* is not installed for .*make setup.*\n", done.stderr)
    assert done.returncode == 1


def test_an_old_python_reaches_the_check_of_its_version() -> None:
    annotations = startup._report_briefly.__annotations__  # not evaluated: Python 3.9 has no |
    assert annotations["traceback"] == "TracebackType | None"


def test_variables_of_opencv_and_tqdm_have_no_effect(tmp_path: Path) -> None:
    names = "OPENCV_IO_MAX_IMAGE_PIXELS", "OPENCV_IO_MAX_IMAGE_WIDTH", "TQDM_MININTERVAL"
    environment = {**os.environ, **dict.fromkeys(names, "abc")}
    photo = ROOT / "data/photos/eileen_collins.jpg"
    command = [sys.executable, ROOT / "src/annotate.py", photo, "--out", tmp_path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "1 face in 1 image" in done.stdout and not done.stderr


def test_other_programs_stay_as_they_are() -> None:
    environment = {"PYTHONPATH": str(ROOT / "src"), "OPENCV_LOG_LEVEL": "SILENT"}
    code = "import os, sys, PIL.Image as image; largest = image.MAX_IMAGE_PIXELS; "
    code += "from keypoints import Annotator; "
    code += f"assert len(Annotator()({str(ROOT / 'data/photos/eileen_collins.jpg')!r})) == 1; "
    code += "assert image.MAX_IMAGE_PIXELS == largest; "
    code += "assert sys.excepthook is sys.__excepthook__; "
    code += "assert [name for name in os.environ if 'OPENCV' in name] == ['OPENCV_LOG_LEVEL']"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_a_users_style_of_matplotlib_has_no_effect(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    environment = {"PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "abc", "HOME": str(tmp_path)}
    code = "import keypoints.report.charts, matplotlib; print(matplotlib.rcParams['text.usetex'])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_packages_on_which_stages_depend_get_no_bytecode(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    source = shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(source)}
    code = "import keypoints.config.params, keypoints.faces.images"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    found = [path.parent.relative_to(source) for path in source.rglob("__pycache__")]
    assert found == [Path("keypoints")]  # which is no dependency


def test_an_interruption_of_the_imports_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tqdm.py").write_text("raise KeyboardInterrupt")
    command = [sys.executable, ROOT / "src/annotate.py"]
    environment = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stderr == "interrupted\n"


def test_a_path_in_the_settings_is_utf8_in_every_locale(tmp_path: Path) -> None:
    (tmp_path / "gr\u00f6\u00dfe").mkdir()
    code = "from keypoints.core.paths import expand_user; "
    code += "print(expand_user('gr\\xf6\\xdfe').is_dir())"
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-X", "utf8=0", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def test_text_files_have_the_same_encoding_in_every_locale() -> None:
    calls = [
        (path.name, call.lineno, {keyword.arg for keyword in call.keywords})
        for folder in ("src", "tools")
        for path in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if call.func.attr in ("read_text", "write_text")
    ]
    assert calls
    assert [call for call in calls if "encoding" not in call[2]] == []


def test_line_ends_are_not_converted(tmp_path: Path) -> None:
    """In a clone with core.autocrlf, every stage would otherwise count as changed."""

    def git(*arguments: str) -> None:
        author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True)

    (tmp_path / ".gitattributes").write_text((ROOT / ".gitattributes").read_text())
    (tmp_path / "dvc.yaml").write_bytes(b"stages:\n")
    git("init", "--quiet")
    git("config", "core.autocrlf", "true")
    git("add", "--all")
    git("commit", "--quiet", "--message", "state")
    (tmp_path / "dvc.yaml").unlink()
    git("checkout", "--quiet", "dvc.yaml")
    assert (tmp_path / "dvc.yaml").read_bytes() == b"stages:\n"


@pytest.mark.parametrize(("name", "is_named"), [("gr\u00f6\u00dfe", True), ("it's (1)", False)])
def test_a_folder_in_which_dvc_fails_is_named_by_setup(
    tmp_path: Path, name: str, is_named: bool
) -> None:
    (tmp_path / name).mkdir()
    command = ["make", "-f", str(ROOT / "Makefile"), "path-warning"]
    done = subprocess.run(command, cwd=tmp_path / name, capture_output=True, text=True, check=True)
    assert ("dvc cache dir --local" in done.stderr) == is_named, done.stderr


def test_an_environment_that_is_linked_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/installed.lock").write_text("other packages")
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone/.venv").symlink_to("../other")
    (tmp_path / "clone/requirements.lock").touch()
    (tmp_path / "clone/Makefile").write_text((ROOT / "Makefile").read_text())
    command = ["make", "-C", str(tmp_path / "clone"), "setup"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "error: .venv is a link" in done.stderr and done.returncode != 0
    assert (tmp_path / "other/installed.lock").is_file()


@pytest.mark.parametrize("project", ["", "contenders"])
def test_an_output_that_is_edited_in_place_is_not_that_of_the_cache(project: str) -> None:
    """Root may write to files without write permission, so hard links would alter the cache."""
    config = configparser.ConfigParser()
    config.read(ROOT / project / ".dvc/config")
    assert config["cache"]["type"].strip('"') == "reflink,copy"
