"""Values of make's variables reach params.yaml as typed, through make, the shell and Hydra."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from workspace import ROOT

sys.path.append(str(ROOT / "tools"))

from dvc_override import dvc_override

# Characters with a meaning in make, in the shell and in Hydra's grammar.
TEXTS = [
    "/data/My Data (1)/gr\u00f6\u00dfe",
    "../it's",
    "https://host/x?y=1&z=[2],{3}",
    '$HOME $(x) `y` $$ #1; !2 *~ a"b\\"c\\\\" @x +y -z, a=b\\',
    "-x",
]
LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def parsed_by_dvc(folder: Path, override: str) -> object:
    """The value that `dvc exp run -S` writes."""
    path = folder / "params.yaml"
    path.write_text("mirror:\n")
    apply_overrides(path, to_path_overrides([override])["params.yaml"])
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))["mirror"]


@settings(max_examples=40)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])))
@example("\\")
@example('"')
@example("a\\\\")
@example("\u3000a\u00a0b")
def test_dvc_parses_every_text_as_it_was_typed(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    if "${" in text or text in ("", "null", "true", "false"):
        return
    folder = tmp_path_factory.mktemp("params")
    assert parsed_by_dvc(folder, dvc_override("mirror", text)) == text


def test_null_and_booleans_stay_what_they_are(tmp_path: Path) -> None:
    for text, value in (("null", None), ("", None), ("true", True), ("false", False)):
        assert parsed_by_dvc(tmp_path, dvc_override("mirror", text)) is value


@pytest.mark.parametrize("text", ["${x}", "a\nb", "\x00"])
def test_what_params_yaml_cannot_contain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must contain neither"):
        dvc_override("mirror", text)


@pytest.mark.parametrize("text", TEXTS)
def test_make_passes_every_character_of_an_argument_on(tmp_path: Path, text: str) -> None:
    assert f"<{dvc_override('mirror', text)}>" in printed_by_make(tmp_path, f"MIRROR={text}")


def test_make_does_not_take_its_variables_from_the_environment(tmp_path: Path) -> None:
    assert "<mirror=null>" in printed_by_make(tmp_path, MIRROR="/other", PRETRAINED="x")


def printed_by_make(tmp_path: Path, *arguments: str, **environment: str) -> list[str]:
    """Output of `make public` with a `dvc` that prints its arguments."""
    for name in ("Makefile", "tools/dvc_override.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    commands = tmp_path / ".venv/bin"
    commands.mkdir(parents=True)
    (commands / "python").symlink_to(sys.executable)
    (commands / "dvc").write_text('#!/bin/sh\nfor a; do printf "<%s>\\n" "$a"; done\n')
    (commands / "dvc").chmod(0o755)
    (tmp_path / ".venv/.done").touch()
    for name in ("requirements.lock", "report/scores.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv/installed.lock").touch()
    done = subprocess.run(
        ["make", "public", *arguments],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)} | LOCALE | environment,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines() + done.stderr.splitlines()
