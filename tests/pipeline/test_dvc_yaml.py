"""dvc.yaml says what the code does: its lists against the imports, the settings and .gitignore."""

import re
import subprocess
from pathlib import Path

import pytest
from imports import SRC, modules_used
from ruamel.yaml import YAML

ROOT = SRC.parent
PIPELINE = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
STAGES = ("fetch", "prepare", "train", "evaluate", "submit", "report")
CONTENDERS = YAML(typ="safe").load((ROOT / "contenders/dvc.yaml").read_text())
CONTENDERS_PARAMS = YAML(typ="safe").load((ROOT / "contenders/params.yaml").read_text())
FOLDS = YAML(typ="safe").load((ROOT / "contenders/folds/dvc.yaml").read_text())
SHARED = (
    "__init__.py",
    "carried_over.py",
    "correspondence.py",
    "first_weights.py",
    "network.py",
)
ARCHITECTURES = {
    str(path.relative_to(ROOT))
    for path in (SRC / "keypoints/models").glob("*.py")
    if path.name not in SHARED
}
ARCHITECTURE = "src/keypoints/models/${item.architecture}.py"  # the one that a model names


def definition(stage: str) -> dict:
    block = PIPELINE["stages"][stage]
    return block.get("do", block)


def modules_in(deps: list[str]) -> set[str]:
    """The modules among the dependencies of a stage, those in listed packages too."""
    found = {dep.removeprefix("../") for dep in deps if "src/" in dep}
    packages = {dep for dep in found if not dep.endswith(".py")}
    inside = {
        str(path.relative_to(ROOT)) for name in packages for path in (ROOT / name).rglob("*.py")
    }
    return found - packages | inside


def parameters(stage: str) -> list[str]:
    return definition(stage)["params"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_modules_that_it_imports(stage: str) -> None:
    deps, used = definition(stage)["deps"], modules_used(SRC / f"{stage}.py")
    if ARCHITECTURE in deps:
        assert used & ARCHITECTURES
        used = used - ARCHITECTURES | {ARCHITECTURE}
    assert modules_in(deps) == used | {f"src/{stage}.py"}


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_a_stage_lists_the_settings_that_its_script_reads(stage: str) -> None:
    script = (SRC / f"{stage}.py").read_text()
    read = set(re.findall(r"(?:\bparams|read_params\(\))\.(?!yaml)(\w+)", script))
    read = {{"task": "tasks", "model": "models"}.get(name, name) for name in read - {"raw"}}
    listed = set(parameters(stage))
    if stage == "fetch":  # whose items name further settings
        items = PIPELINE["stages"][stage]["foreach"].values()
        listed |= {item[key] for item in items for key in ("source", "archive", "drawn")}
    assert {name.split(".")[0] for name in listed if not name.startswith("${")} == read


@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate", "submit"])
def test_a_stage_of_the_contenders_is_that_of_the_pipeline_one_folder_further(stage: str) -> None:
    own, other = definition(stage), CONTENDERS["stages"][stage]["do"]
    modules = [f"../{dep}" for dep in own["deps"] if dep.startswith("src/")]
    listed = [dep for dep in other["deps"] if dep.startswith("../src/")]
    assert set(listed) - {"../src/keypoints/models/timm_backbone.py"} == set(modules)
    assert other["cmd"] == own["cmd"].replace("src/", "../src/")
    assert (other["outs"], other.get("metrics")) == (own["outs"], own.get("metrics"))
    near = {name for name in other["params"] if isinstance(name, str)}
    far = next(name["../params.yaml"] for name in other["params"] if isinstance(name, dict))
    assert near | set(far) == set(own["params"])


@pytest.mark.parametrize("name", CONTENDERS_PARAMS["ensembles"])
def test_an_ensemble_depends_on_its_modules_and_on_what_its_members_left(name: str) -> None:
    deps = CONTENDERS["stages"][name]["deps"]
    members = CONTENDERS_PARAMS["ensembles"][name]["members"]
    task = CONTENDERS_PARAMS["models"][members[0]]["task"]
    is_asked = CONTENDERS_PARAMS["tasks"][task]["dataset"] == "ibug"  # IMM has no test faces
    splits = ("validation", "test") if is_asked else ("validation",)
    used = modules_used(SRC / "ensemble.py") | {"src/ensemble.py"}
    assert modules_in(deps) == used
    assert [dep for dep in deps if not dep.startswith("../")] == [
        f"data/crops/{task}",
        *(
            file
            for member in members
            for file in (
                *(f"metrics/predictions/{member}_{split}.npz" for split in splits),
                f"models/{member}_calibrator.safetensors",
            )
        ),
    ]


def test_a_correction_depends_on_its_modules_its_model_and_the_crops_of_its_task() -> None:
    stage = CONTENDERS["stages"]["calibrate"]
    used = modules_used(SRC / "calibrate.py") | {"src/calibrate.py"}
    tasks = {name: CONTENDERS_PARAMS["models"][name]["task"] for name in stage["foreach"]}
    assert stage["foreach"] == tasks
    deps = stage["do"]["deps"]
    assert modules_in(deps) == used
    assert {dep for dep in deps if "src/" not in dep} == {
        "models/${key}.safetensors",
        "data/crops/${item}",
    }


def test_the_contenders_weights_depend_on_what_fetch_depends_on() -> None:
    listed = CONTENDERS["stages"]["weights"]["deps"]
    assert listed == [f"../{dep}" for dep in definition("fetch")["deps"]]


@pytest.mark.parametrize("stage", ["train", "cross", "calibrate"])
def test_a_stage_of_the_folds_depends_on_exactly_the_modules_that_it_imports(stage: str) -> None:
    block = FOLDS["stages"][stage]
    used = modules_used(SRC / f"{stage}.py") | {f"src/{stage}.py"}
    assert modules_in(block.get("do", block)["deps"]) == used


def test_every_fold_that_is_put_together_is_trained() -> None:
    trained, cross = FOLDS["stages"]["train"]["foreach"], FOLDS["stages"]["cross"]
    folds = [f"{k}of5" for k in range(1, 6)]
    assert trained == {
        f"{model}-{fold}": {"model": model, "fold": fold, "task": task}
        for model, task in cross["foreach"].items()
        for fold in folds
    }
    for model, task in cross["foreach"].items():
        assert CONTENDERS_PARAMS["models"][model]["task"] == task
    assert cross["do"]["cmd"].endswith(" ${key} 5")
    models = [f"models/${{key}}.{fold}.safetensors" for fold in folds]
    assert [dep for dep in cross["do"]["deps"] if dep.startswith("models/")] == models


def test_the_report_depends_on_every_setting_since_its_page_prints_them() -> None:
    assert parameters("report") == [{"params.yaml": None}]


def test_every_model_has_its_learning_curves_and_pictures_among_the_plots() -> None:
    plots = [next(iter(plot)) if isinstance(plot, dict) else plot for plot in PIPELINE["plots"]]
    expected = {f"learning curves of {model}" for model in PARAMS["models"]}
    expected |= {
        f"metrics/pictures/{model}_{kind}.png"
        for model in PARAMS["models"]
        for kind in ("good", "bad")
    }
    assert set(plots) == expected | {f"CED curves of task {task}" for task in PARAMS["tasks"]}


def test_every_model_has_its_curve_among_those_of_its_task() -> None:
    plots = [plot for plot in PIPELINE["plots"] if isinstance(plot, dict)]
    curves = {name: list(plot["y"]) for block in plots for name, plot in block.items()}
    for task in PARAMS["tasks"]:
        models = [name for name, model in PARAMS["models"].items() if model["task"] == task]
        assert curves[f"CED curves of task {task}"] == [f"metrics/ced/{m}.csv" for m in models]


@pytest.mark.parametrize(
    ("stages", "params"), [(PIPELINE, PARAMS), (CONTENDERS, CONTENDERS_PARAMS)]
)
def test_every_model_whose_data_has_test_faces_is_submitted(stages: dict, params: dict) -> None:
    expected = {
        name: {"task": model["task"], "architecture": model["architecture"]}
        for name, model in params["models"].items()
        if params["tasks"][model["task"]]["dataset"] in ("ibug", "kaggle15")
    }
    assert stages["stages"]["submit"]["foreach"] == expected


def test_git_ignores_every_output_but_the_scores(tmp_path: Path) -> None:
    ignored = [
        "data/raw/imm",
        "data/crops/nose",
        "data/weights",
        "models/nose_net.safetensors",
        "metrics/history/nose_net.csv",
        "metrics/faces/nose_net.csv",
        "metrics/ced/nose_net.csv",
        "metrics/pictures/nose_net_good.png",
        "metrics/predictions/nose_net_validation.npz",
        "metrics/runs/fetch_imm.json",
        "submissions/resnet18.csv",
        "report/scores.md",
        "report/times.html",
        "report/index.html",
        "data/photos/own.jpg",
    ]
    kept = [
        "data/photos/README.md",
        "metrics/scores/nose_net.json",
        "submissions/history.csv",
        "submissions/results/resnet18.csv.gz",
    ]
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    for folder in ("data/raw/imm", "data/crops/nose", "data/weights", "data/photos"):
        (tmp_path / folder).mkdir(parents=True)
    done = subprocess.run(
        ["git", "check-ignore", *ignored, *kept],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ignored
