"""Adding something touches few files and re-runs few stages, as docs/extending.md describes."""

import re
import subprocess

import pandas as pd
import pytest
from ruamel.yaml import YAML
from workspace import MODELS, ROOT, Workspace

TASKS = ("nose", "face", "wild", "wild128", "kaggle15")
SUBMITTED = {"submit@resnet18", "submit@heatmap_net", "submit@kaggle15_net"}


def every(stage: str, names: tuple[str, ...] | list[str] = tuple(MODELS)) -> set[str]:
    return {f"{stage}@{name}" for name in names}


def copy_of(block: str, name: str, **changes: object) -> dict[str, object]:
    """An entry of the committed params.yaml, changed."""
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    return values[block][name] | changes


def append(workspace: Workspace, file: str, text: str) -> None:
    path = workspace.folder / file
    path.write_text(path.read_text() + text)


def add_model(workspace: Workspace) -> None:
    workspace.set_params({"models.new": copy_of("models", "nose_net", epochs=1)})


def add_architecture(workspace: Workspace) -> None:
    folder = workspace.folder / "src/keypoints/architectures/linear"
    folder.mkdir()
    (folder / "__init__.py").write_text(LINEAR)


def add_architecture_and_model(workspace: Workspace) -> None:
    add_architecture(workspace)
    model = copy_of("models", "face_net", epochs=1, architecture="linear")
    workspace.set_params({"models.new": model})


def add_dataset(workspace: Workspace) -> None:
    file = workspace.folder / "src/keypoints/datasets/imm.py"
    text = file.read_text().replace('"imm"', '"other"')
    file.with_name("other.py").write_text(text)
    block = copy_of("datasets", "imm", urls=["http://localhost/other.tar.gz"])
    workspace.set_params({"datasets.other": block})


def add_competition(workspace: Workspace) -> None:
    folder = workspace.folder / "src/keypoints/competition/definitions"
    text = (folder / "cs194_26.py").read_text()
    (folder / "other.py").write_text(text.replace("cs194-26-fall-2021-project-5", "other"))
    workspace.set_params({"competition": "other"})


def add_loss(workspace: Workspace) -> None:
    append(workspace, "src/keypoints/training/losses.py", LOSS)


def add_augmentation(workspace: Workspace) -> None:
    append(workspace, "src/keypoints/crops/augment.py", "\n# another augmentation\n")


LINEAR = '''"""linear: one linear layer."""

from typing import TYPE_CHECKING, Literal

from keypoints.models.settings import ModelSettings

if TYPE_CHECKING:
    from torch import nn

    from keypoints.models.build import NetworkShape


class LinearSettings(ModelSettings):
    """Settings of a linear network."""

    architecture: Literal["linear"]


SETTINGS = LinearSettings


def build(settings: LinearSettings, shape: "NetworkShape") -> "nn.Module":
    """Build the body of the network."""
    from torch import nn

    height, width = shape.input_size
    features = shape.in_channels * height * width
    return nn.Sequential(nn.Flatten(), nn.Linear(features, 2 * shape.n_points))
'''
LOSS = '''

def cubic(error: Tensor) -> Tensor:
    """Cube of the absolute error."""
    return error.abs() ** 3


ELEMENTWISE_LOSSES["cubic"] = cubic
'''

NEW_MODEL = {f"{stage}@new" for stage in ("train", "predict", "evaluate")}


@pytest.mark.parametrize(
    ("add", "stages"),
    [
        (add_model, NEW_MODEL | {"weights"}),
        (add_architecture, set()),
        (add_architecture_and_model, NEW_MODEL | {"weights"}),
        (add_dataset, {"fetch@other"}),
        (add_competition, SUBMITTED),
        (add_loss, every("train")),
        (
            add_augmentation,
            every("prepare", TASKS)
            | every("train")
            | every("predict")
            | every("evaluate")
            | SUBMITTED,
        ),
    ],
)
def test_an_addition_marks_exactly_the_stages_that_depend_on_it(
    workspace: Workspace, add: object, stages: set[str]
) -> None:
    add(workspace)
    assert workspace.changed() == stages | {"report"}


def test_a_new_architecture_trains_and_is_scored(workspace: Workspace) -> None:
    add_architecture_and_model(workspace)
    ran = workspace.stages_run("repro", "evaluate@new")
    assert ran == ["weights", "train@new", "predict@new", "evaluate@new"]


def test_a_new_data_set_is_read_and_trained_on(workspace: Workspace) -> None:
    add_dataset(workspace)
    raw = workspace.folder / "data/raw"
    workspace.set_params({"tasks.other": copy_of("tasks", "nose", dataset="other")})
    workspace.run("cp", "-r", str(raw / "imm"), str(raw / "other"))
    workspace.run("python", "src/prepare.py", "other")
    assert (workspace.folder / "data/crops/other/store.json").is_file()
    workspace.run("rm", "-rf", str(raw / "other"), str(workspace.folder / "data/crops/other"))


def test_a_new_competition_is_found_by_its_name(workspace: Workspace) -> None:
    add_competition(workspace)
    output = workspace.run("python", "src/send.py", "--check", "submissions/resnet18.csv")
    assert "faces of other" in output


def test_a_new_loss_is_used(workspace: Workspace) -> None:
    add_loss(workspace)
    workspace.set_params({"models.nose_net.loss": "cubic"})
    history = workspace.folder / "metrics/history/nose_net.csv"
    before = pd.read_csv(history)["val_mse"]
    workspace.run("python", "src/train.py", "nose_net")
    assert (pd.read_csv(history)["val_mse"] != before).all()


DIFFS = re.findall(r"```diff\n(.*?)```", (ROOT / "docs/extending.md").read_text(), re.DOTALL)


def test_all_kinds_of_additions_have_a_documented_diff() -> None:
    files = set(re.findall(r"^\+\+\+ b/(\S+)", "".join(DIFFS), re.MULTILINE))
    assert files >= {
        "params.yaml",
        "dvc.yaml",
        "src/keypoints/training/losses.py",
        "src/keypoints/crops/augment.py",
    }


@pytest.mark.parametrize("diff", DIFFS)
def test_a_documented_diff_can_be_applied(diff: str) -> None:
    command = ["git", "apply", "--check", "-"]
    subprocess.run(command, cwd=ROOT, input=diff, text=True, check=True)


def test_an_ensemble_is_submitted_with_one_more_line(workspace: Workspace) -> None:
    members = ["resnet18", "heatmap_net"]
    workspace.set_params({"ensembles": {"pair": {"reduce": "mean", "members": members}}})
    workspace.run("python", "src/ensemble.py", "pair")
    path = workspace.folder / "dvc.yaml"
    line = "      resnet18: wild\n"
    path.write_text(path.read_text().replace(line, f"{line}      pair: wild\n", 1))
    assert workspace.stages_run("repro", "submit@pair") == ["submit@pair"]
    workspace.commit()
    output = workspace.run("python", "src/send.py", "pair", "--dry-run")
    assert "would stop   rendered faces: well-formed" in output
    assert output.count("would stop") == 1
