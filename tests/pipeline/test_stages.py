"""dvc.yaml against the code: dependencies and imports, parameters and what the scripts read."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from imports import SRC, direct_imports, libraries_used, modules_used
from ruamel.yaml import YAML

ROOT = SRC.parent
DESIGN = (ROOT / "docs/design.md").read_text()
PIPELINE = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
CONTENDERS = YAML(typ="safe").load((ROOT / "contenders/dvc.yaml").read_text())["stages"]
PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
CONTENDERS_PARAMS = YAML(typ="safe").load((ROOT / "contenders/params.yaml").read_text())
LAYERS = (
    "core",
    "config",
    "faces",
    "datasets",
    "download",
    "rendered",
    "crops",
    "models",
    "architectures",
    "training",
    "prediction",
    "statistics",
    "evaluation",
    "competition",
    "annotation",
    "export",
    "report",
)
BY_NAME = {"datasets", "architectures"}  # packages whose modules are imported by name


def documented_table() -> dict[str, set[str]]:
    """The table of stages and packages in docs/design.md."""
    rows = re.search(r"(?:^\| stage \| core .*$\n)(?:^\|.*\n)+", DESIGN, re.M)
    assert rows is not None
    header, _, *lines = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in rows[0].strip().splitlines()
    )
    return {
        line[0].split("@")[0].strip("`"): {
            package for package, cell in zip(header[1:], line[1:], strict=True) if cell
        }
        for line in lines
    }


TABLE = documented_table()


def definition(stage: str, stages: dict) -> dict:
    return stages[stage].get("do", stages[stage])


def listed_packages(stage: str, stages: dict) -> set[str]:
    """Packages of the library among a stage's dependencies."""
    deps = [dep.removeprefix("../") for dep in definition(stage, stages)["deps"]]
    prefix = "src/keypoints/"
    return {dep.removeprefix(prefix).split("/")[0] for dep in deps if dep.startswith(prefix)}


def imported_packages(script: Path) -> set[str]:
    """Packages that a script imports; those imported by name are left out."""
    modules = modules_used(script) - {SRC / "keypoints/__init__.py"}
    return {module.relative_to(SRC / "keypoints").parts[0] for module in modules} - BY_NAME


@pytest.mark.parametrize(
    ("stage", "stages"),
    [(stage, PIPELINE) for stage in PIPELINE if stage != "report"]
    + [(stage, CONTENDERS) for stage in CONTENDERS],
)
def test_a_stage_lists_the_packages_of_the_documented_table(stage: str, stages: dict) -> None:
    assert listed_packages(stage, stages) == TABLE[stage]
    script = f"src/{stage}.py"
    assert script in [dep.removeprefix("../") for dep in definition(stage, stages)["deps"]]


@pytest.mark.parametrize("stage", TABLE)
def test_a_stage_imports_exactly_the_packages_of_the_documented_table(stage: str) -> None:
    assert imported_packages(SRC / f"{stage}.py") == TABLE[stage] - BY_NAME


@pytest.mark.parametrize("stage", ["evaluate", "submit", "correct", "ensemble"])
def test_stages_that_read_predictions_do_not_import_torch(stage: str) -> None:
    script = SRC / f"{stage}.py"
    importing = {
        str(path.relative_to(SRC))
        for path in modules_used(script) | {script}
        if libraries_used(path) & {"torch", "timm"}
    }
    code = f"import sys, {stage}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SRC
    )
    assert done.stdout.strip() == "False", importing


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_no_later_layer(package: str) -> None:
    later = set(LAYERS[LAYERS.index(package) + 1 :])
    for path in (SRC / "keypoints" / package).rglob("*.py"):
        imported = {
            module.relative_to(SRC / "keypoints").parts[0]
            for module in direct_imports(path) - {SRC / "keypoints/__init__.py"}
        }
        assert not imported & later, path


def test_every_package_is_a_layer_and_no_module_lies_beside_them() -> None:
    folders = {path.name for path in (SRC / "keypoints").iterdir() if path.name != "__pycache__"}
    assert folders == {*LAYERS, "__init__.py"}


def test_functions_and_calls_are_short() -> None:
    for path in [*SRC.rglob("*.py"), *(ROOT / "tools").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 50, (path, node.name)
            elif isinstance(node, ast.Call):
                assert len(node.args) + len(node.keywords) <= 10, (path, node.lineno)


@pytest.mark.parametrize("stage", ["train", "predict", "prepare", "evaluate", "submit"])
def test_a_stage_of_the_contenders_has_the_outputs_of_the_default_one(stage: str) -> None:
    own, other = definition(stage, PIPELINE), definition(stage, CONTENDERS)
    timings = [out for out in own["outs"] if "timings" in out]
    assert other["cmd"] == own["cmd"].replace("src/", "../src/")
    assert set(other["outs"]) == set(own["outs"]) - set(timings)
    assert other.get("metrics") == own.get("metrics")


def test_an_ensemble_depends_on_the_predictions_of_its_members() -> None:
    ensembles = CONTENDERS_PARAMS["ensembles"]
    members = {name: ensemble["members"] for name, ensemble in ensembles.items()}
    assert CONTENDERS["ensemble"]["foreach"] == members
    deps = [dep for dep in CONTENDERS["ensemble"]["do"]["deps"] if dep.startswith("data/")]
    assert deps == ["data/predictions/${item[0]}", "data/predictions/${item[1]}"]


def test_all_predictions_of_the_contenders_are_evaluated_and_submitted() -> None:
    models, ensembles = CONTENDERS_PARAMS["models"], CONTENDERS_PARAMS["ensembles"]
    tasks = {name: model["task"] for name, model in models.items()}
    averaged = [name for name in CONTENDERS["evaluate"]["foreach"] if name.endswith("_folds")]
    tasks |= {name: tasks[name.removesuffix("_folds")] for name in averaged}
    for name, correction in CONTENDERS_PARAMS["corrections"].items():
        assert correction["task"] == tasks[name]
        tasks[f"{name}_corrected"] = correction["task"]
    for name, ensemble in ensembles.items():
        tasks[name] = tasks[ensemble["members"][0]]
    assert CONTENDERS["evaluate"]["foreach"] == tasks
    with_test_faces = {
        name: task
        for name, task in tasks.items()
        if CONTENDERS_PARAMS["tasks"][task]["dataset"] in ("ibug", "kaggle15")
    }
    assert CONTENDERS["submit"]["foreach"] == with_test_faces


def test_every_default_model_whose_data_has_test_faces_is_submitted() -> None:
    expected = {
        name: model["task"]
        for name, model in PARAMS["models"].items()
        if PARAMS["tasks"][model["task"]]["dataset"] in ("ibug", "kaggle15")
    }
    assert PIPELINE["submit"]["foreach"] == expected


def test_the_graph_is_small() -> None:
    lines = [
        line
        for file in ("dvc.yaml", "contenders/dvc.yaml")
        for line in (ROOT / file).read_text().splitlines()
    ]
    assert len(lines) <= 440
    assert sum("- src/" in line or "- ../src/" in line for line in lines) <= 125


def test_git_ignores_every_output_but_the_scores(tmp_path: Path) -> None:
    outputs = [
        out
        for stages in (PIPELINE, CONTENDERS)
        for stage in stages
        for out in definition(stage, stages)["outs"]
    ]
    ignored = sorted({re.sub(r"\$\{.*?\}", "name", out) for out in outputs if isinstance(out, str)})
    ignored += [f"contenders/{out}" for out in ignored if "report" not in out]
    ignored.append("data/photos/own.jpg")
    kept = [
        "data/photos/README.md",
        "data/photos/eileen_collins.jpg",
        "metrics/scores/nose_net.json",
        "contenders/metrics/scores/sharp_224.json",
        "submissions/history.csv",
        "submissions/results/best.csv.gz",
        "contenders/submissions/history.csv",
    ]
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    for name in (*ignored, *kept):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if "." in path.name:
            path.touch()
        else:
            path.mkdir(exist_ok=True)
    done = subprocess.run(
        ["git", "check-ignore", *ignored, *kept], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.split() == ignored
