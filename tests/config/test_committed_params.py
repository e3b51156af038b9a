"""The committed settings: valid, explained, and with the rules that their comments state."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from keypoints.config.messages import SettingsError
from keypoints.config.params import TOP_LEVEL, Params, read_params
from keypoints.config.yaml_file import SettingsFile
from keypoints.crops.augment import Augment
from keypoints.crops.format import Task
from keypoints.faces.dataset import find_dataset
from keypoints.models.build import read_model_settings
from keypoints.prediction import tta
from keypoints.prediction.correction_settings import CorrectionSettings
from keypoints.prediction.ensemble import EnsembleSettings
from keypoints.training.optim import OptimSettings
from keypoints.training.settings import read_train_settings

ROOT = Path(__file__).parents[2]
COMMITTED = [ROOT / "params.yaml", ROOT / "contenders/params.yaml"]
DEFAULTS = YAML(typ="safe", pure=True).load(COMMITTED[0].read_text())
KINDS = {
    "tasks": Task,
    "augment": Augment,
    "optim": OptimSettings,
    "tta": tta.TestTimeAugmentation,
    "corrections": CorrectionSettings,
    "ensembles": EnsembleSettings,
}

both_files = pytest.mark.parametrize("path", COMMITTED, ids=["params", "contenders"])


def read_entry(params: Params, block: str, name: str) -> Any:
    """Read an entry as the stages do."""
    if block == "models":
        read_model_settings(params, name)
        return read_train_settings(params, name).model
    if block == "datasets":
        return params.entry(block, name, find_dataset(name).settings)
    return params.entry(block, name, KINDS[block])


@both_files
def test_every_entry_is_valid(path: Path):
    params = read_params(path)
    for block in ("datasets", "models", *KINDS):
        for name in params.names(block):
            read_entry(params, block, name)


def test_the_default_file_has_every_top_level_key_but_the_base(params: Params):
    assert list(params.as_dict()) == [key for key in TOP_LEVEL if key != "base"]


@both_files
def test_no_text_looks_like_a_template(path: Path):
    assert "${" not in path.read_text()  # fails every `dvc exp run -S`


def test_every_key_or_its_block_is_explained_at_its_first_place():
    text = COMMITTED[0].read_text()
    explained: dict[str, bool] = {}
    blocks: list[tuple[int, bool]] = []  # indent of each open block, and whether it has a comment
    lines = re.findall(r"(?m)^((?: *#[^\n]*\n)*)( *)([\w-]+):[^#\n]*(#.*)?$", text)
    for above, indent, name, behind in lines:
        blocks = [block for block in blocks if block[0] < len(indent)]
        blocks.append((len(indent), bool(above.strip() or behind)))
        explained.setdefault(name, any(has_comment for _, has_comment in blocks))
    unexplained = leaf_names(DEFAULTS) - {
        name for name, is_explained in explained.items() if is_explained
    }
    assert unexplained == set()


def leaf_names(block: dict[str, Any]) -> set[str]:
    names: set[str] = set()
    for name, value in block.items():
        names |= leaf_names(value) if isinstance(value, dict) else {name}
    return names


def changed(key: str, value: object) -> Params:
    """The default settings with one value changed, added, or removed (...)."""
    values = copy.deepcopy(DEFAULTS)
    *parents, last = key.split(".")
    block = values
    for parent in parents:
        block = block[parent]
    if value is ...:
        del block[last]
    else:
        block[last] = value
    return Params(SettingsFile(Path("params.yaml"), None, values, values))


def message(key: str, value: object) -> str:
    """The error of reading the entry whose setting is wrong."""
    block, name = key.split(".")[:2]
    with pytest.raises(SettingsError) as caught:
        read_entry(changed(key, value), block, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("datasets.imm.sha256", "abc", "pattern"),
        ("datasets.imm.urls", [], "at least 1"),
        ("datasets.imm.max_unpacked_gb", 0, "greater than 0"),
        ("datasets.imm.val_fraction", 0.6, "less than or equal to 0.5"),
        ("datasets.imm.rendered.people", 100, "less than or equal to 99"),
        ("datasets.ibug.test_list", "public", "one of archive, kaggle"),
        ("datasets.ibug.rendered.photos", 19, "greater than or equal to 20"),
        ("datasets.ibug.rendered.test_photos", 0, "greater than or equal to 1"),
        ("datasets.ibug.rendered.difficulty", 2.5, "less than or equal to 2"),
        ("datasets.ibug.rendered.seed", 2**63, "less than"),  # larger seeds would repeat others
        ("datasets.kaggle15.source", "public", "one of rendered, kaggle"),
        ("datasets.kaggle15.rendered.difficulty", -0.1, "greater than or equal to 0"),
        ("tasks.nose.points", "nose", "one of nose_tip, all"),
        ("tasks.nose.colour", "grey", "boolean"),
        ("tasks.nose.height", 7, "greater than or equal to 8"),
        ("tasks.wild.margin", -1, "greater than or equal to 0"),
        ("tasks.wild.box_scale", 0.9, "greater than or equal to 1"),
        ("augment.wild.rotation", 181, "less than or equal to 180"),
        ("augment.wild.brightness", 1.1, "less than or equal to 1"),
        ("augment.wild.saturation", -0.1, "greater than or equal to 0"),
        ("augment.wild.translate", float("inf"), "finite"),
        ("optim.adam.schedule", "linear", "one of constant, cosine"),
        ("optim.adam.ema", 1, "less than 1"),
        ("optim.adam.clip_grad", 0, "greater than 0"),
        ("models.nose_net.epochs", 0, "greater than or equal to 1"),
        ("models.nose_net.epochs", "3", "integer"),
        ("models.nose_net.batch_size", 0, "greater than or equal to 1"),
        ("models.nose_net.lr_scale", 0, "greater than 0"),
        ("models.nose_net.loss", "wings", "one of mse, l1, smooth_l1, wing"),
        ("models.nose_net.kernel_sizes", [7, 7], "at least 3"),
        ("models.nose_net.task", "noes", "one of nose, face, wild, wild128, kaggle15"),
        ("models.nose_net.augment", "face2", "one of none, face, wild, kaggle15"),
        ("models.nose_net.optim", "sgd", "one of adam"),
        ("models.resnet18.pad_type", "valid", "same"),
        ("models.resnet18.pretrained", 3, "boolean"),
        ("models.resnet18.mean", [0.5], "must have 3 number(s)"),
        ("models.nose_net.architecture", "nosenet", "one of "),
        ("tta.default.scales", [], "at least 1"),
        ("tta.default.flip", 1, "boolean"),
    ],
)
def test_a_wrong_value_is_named_with_key_rule_and_value(key: str, value: object, rule: str):
    error = message(key, value)
    assert f"params.yaml: {key} " in error
    assert rule in error
    assert f"got {value!r}" in error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("models.nose_net.kernel_sizes", [7, 4, 5]),  # even
        ("models.resnet18.mean", [123.7, 116.3, 103.5]),  # 0..1
        ("models.nose_net.mean", [float("nan")]),
        ("models.nose_net.std", [0.0]),
        ("tta.default.scales", [3.0]),
    ],
)
def test_each_number_of_a_list_has_limits(key: str, value: list[float]):
    assert key in message(key, value)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("datasets.imm.rendered.person", ""),
        ("tasks.wild.box_scales", "did you mean box_scale?"),
        ("models.resnet18.epoch", "did you mean epochs?"),
        ("augment.wild.rotate", "did you mean rotation?"),
        ("models.nose_net.pretrained", ""),  # a setting of another architecture
        ("models.nose_net.lr", ""),  # models scale the common learning rate
        ("tasks.nose.seed", ""),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(key: str, hint: str):
    error = message(key, 1)
    assert f"params.yaml: {key} is not a setting" in error
    assert hint in error
    assert f"did you mean {key.split('.')[-1]}?" not in error


@pytest.mark.parametrize(
    "key",
    [
        "datasets.imm.val_fraction",
        "tasks.wild.margin",
        "models.nose_net.kernel_sizes",
        "models.resnet18.epochs",
        "models.resnet18.architecture",
        "augment.wild.translate",
    ],
)
def test_a_missing_key_is_named(key: str):
    assert f"params.yaml: {key} is missing" in message(key, ...)


def test_a_whole_frame_has_no_margin():
    error = message("tasks.nose.margin", 4)
    assert "tasks.nose.margin must be 0 if box_scale is null" in error
    assert "got 4" in error
