"""The guarantees of docs/security.md, checked in the source: no shell, unpickling or network."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from imports import SRC, libraries_used, modules_used

SOURCES = sorted([*SRC.rglob("*.py"), *(SRC.parent / "benchmarks").glob("*.py")])
OFFLINE = sorted(
    {*SRC.glob("*.py")}
    - {SRC / name for name in ("fetch.py", "weights.py", "send.py", "export.py")}
)
NETWORK = {"aiohttp", "ftplib", "http", "httpx", "huggingface_hub", "kaggle", "requests", "smtplib"}
NETWORK |= {"socket", "ssl", "urllib3"}
RUNS_CODE = {"eval", "exec", "compile", "os.popen", "os.system", "pickle.load", "pickle.loads"}
RUNS_CODE |= {"subprocess.getoutput", "subprocess.getstatusoutput", "joblib.load", "pd.read_pickle"}


def calls_in(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """All calls in a file, with the name of the called function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", OFFLINE, ids=lambda path: path.name)
def test_other_scripts_import_no_library_that_uses_the_network(path: Path) -> None:
    modules = modules_used(path) | {path}
    assert {module.name for module in modules if libraries_used(module) & NETWORK} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SRC.parent)))
def test_no_file_starts_a_shell_runs_text_or_unpickles(path: Path) -> None:
    for name, call in calls_in(path):
        keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert name not in RUNS_CODE
        assert "shell" not in keywords
        if name.startswith("subprocess."):  # programs get their arguments as a list
            programs = [
                *call.args[:1],
                *(word.value for word in call.keywords if word.arg == "args"),
            ]
            assert not any(isinstance(arg, ast.Constant | ast.JoinedStr) for arg in programs)
        assert keywords.get("allow_pickle", "False") == "False"
        if name == "torch.load":
            assert keywords["weights_only"] == "True"
        if name == "YAML" and path.is_relative_to(SRC):
            assert keywords["typ"] == "'safe'"
