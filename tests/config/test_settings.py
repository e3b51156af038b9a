"""params.yaml: what is read, what is refused in which words, and that every key is explained."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from keypoints.config.messages import SettingsError
from keypoints.config.models import RegressionSettings
from keypoints.config.params import Params, read_params

COMMITTED = Path(__file__).parents[2] / "params.yaml"


def with_lr(folder: Path, text: str) -> Path:
    """The committed file with another text behind `lr:`."""
    path = folder / "params.yaml"
    path.write_text(re.sub(r"(?m)^lr: \S+", f"lr: {text}", COMMITTED.read_text(), count=1))
    return path


def with_value(folder: Path, key: str, value: object) -> Path:
    """The committed file with one value changed or added."""
    values = YAML(typ="safe", pure=True).load(COMMITTED.read_text())
    *blocks, last = key.split(".")
    block = values
    for name in blocks:
        block = block[name]
    block[last] = value
    path = folder / "params.yaml"
    with path.open("w") as file:
        YAML().dump(values, file)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_params(path)
    return str(caught.value)


def test_committed_file_is_read(params: Params):
    assert params.tasks["face"].input_size == (160, 240)
    assert params.tasks["face"].channels == 1
    assert params.tasks["wild"].channels == 3
    assert params.model("nose_net").task == "nose"
    assert isinstance(params.model("resnet18"), RegressionSettings)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 0.001), ("1e-05", 1e-5), ("1e-5", 1e-5), ("1E-5", 1e-5), (".5", 0.5), ("1", 1.0)],
)
def test_every_notation_of_a_number_is_a_number(tmp_path: Path, text: str, number: float):
    assert read_params(with_lr(tmp_path, text)).lr == number


@pytest.mark.parametrize("text", ["fast", "'0.001'", "true", "null", ".nan", ".inf", "0", "-1e-3"])
def test_lr_must_be_a_number_above_zero(tmp_path: Path, text: str):
    message = refusal(with_lr(tmp_path, text))
    assert re.search(r"params\.yaml: lr should be .+; got ", message)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("lr", "fast", "number"),
        ("lr", 0, "greater than 0"),
        ("seed", -1, "greater than or equal to 0"),
        ("seed", 1.5, "integer"),
        ("seed", 2**63, "less than"),  # beyond it, two seeds would draw the same
        ("source", "private", "one of rendered, public"),
        ("device", "tpu", "one of auto, cpu, cuda, mps"),
        ("mirror", 3, "string"),
        ("downloads.imm.sha256", "abc", "pattern"),
        ("downloads.imm.urls", [], "at least 1"),
        ("rendered.imm.people", 100, "less than or equal to 99"),
        ("rendered.ibug.photos", 19, "greater than or equal to 20"),
        ("rendered.ibug.test_photos", 0, "greater than or equal to 1"),
        ("rendered.ibug.difficulty", 2.5, "less than or equal to 2"),
        ("rendered.kaggle15.difficulty", -0.1, "greater than or equal to 0"),
        ("validation.imm", 0.6, "less than or equal to 0.5"),
        ("tasks.nose.dataset", "lfw", "one of imm, ibug"),
        ("tasks.nose.points", "nose", "one of nose_tip, all"),
        ("tasks.nose.colour", "grey", "boolean"),
        ("tasks.wild.margin", -1, "greater than or equal to 0"),
        ("tasks.wild.box_scale", 0.9, "greater than or equal to 1"),
        ("models.nose_net.epochs", 0, "greater than or equal to 1"),
        ("models.nose_net.epochs", "3", "integer"),
        ("models.nose_net.batch_size", 0, "greater than or equal to 1"),
        ("models.nose_net.lr_scale", 0, "greater than 0"),
        ("models.nose_net.loss", "wings", "one of mse, l1, smooth_l1, wing"),
        (
            "models.nose_net.architecture",
            "nosenet",
            "one of nose_net, face_net, timm_backbone",
        ),
        ("models.nose_net.kernels", [7, 7], "at least 3"),
        ("models.resnet18.pad_type", "valid", "same"),
        ("models.resnet18.pretrained", 3, "boolean"),
        ("models.resnet18.augment.rotation", 181, "less than or equal to 180"),
        ("at_test.resnet18.scales", [], "at least 1"),
        ("at_test.resnet18.mirror", 1, "boolean"),
        ("models.resnet18.augment.brightness", 1.1, "less than or equal to 1"),
        ("models.resnet18.augment.saturation", -0.1, "greater than or equal to 0"),
    ],
)
def test_wrong_value_is_refused_with_key_rule_and_value(
    tmp_path: Path, key: str, value: object, rule: str
):
    message = refusal(with_value(tmp_path, key, value))
    assert f"params.yaml: {key} " in message
    assert rule in message
    assert f"got {value!r}" in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("models.nose_net.kernels", [7, 4, 5]),  # odd, says its comment
        ("models.resnet18.mean", [123.7, 116.3, 103.5]),  # 0..1, says its comment
        ("models.nose_net.mean", [float("nan")]),
        ("models.nose_net.std", [0.0]),
    ],
)
def test_number_in_a_list_obeys_the_rule_of_its_list(tmp_path: Path, key: str, value: list[float]):
    assert key in refusal(with_value(tmp_path, key, value))


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("sede", "did you mean seed?"),
        ("rendered.persons", ""),
        ("tasks.wild.enlarged", "did you mean box_scale?"),
        ("models.resnet18.epoch", "did you mean epochs?"),
        ("models.resnet18.augment.rotate", "did you mean rotation?"),
        ("models.nose_net.pretrained", ""),  # another architecture's
    ],
)
def test_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path, key: str, hint: str):
    message = refusal(with_value(tmp_path, key, 1))
    assert f"params.yaml: {key} is not a setting" in message
    assert hint in message


@pytest.mark.parametrize("key", ["epochs", "models.nose_net.lr", "tasks.nose.seed"])
def test_key_in_the_wrong_block_is_not_suggested_as_itself(tmp_path: Path, key: str):
    message = refusal(with_value(tmp_path, key, 1))
    assert f"{key} is not a setting" in message
    assert f"did you mean {key.split('.')[-1]}?" not in message


@pytest.mark.parametrize(
    "key",
    [
        "lr",
        "rendered",
        "tasks.wild.margin",
        "models.nose_net.kernels",
        "models.resnet18.epochs",
        "models.resnet18.architecture",
        "models.resnet18.augment.shift",
    ],
)
def test_missing_key_is_named(tmp_path: Path, key: str):
    values = YAML(typ="safe", pure=True).load(COMMITTED.read_text())
    *blocks, last = key.split(".")
    block = values
    for name in blocks:
        block = block[name]
    del block[last]
    path = tmp_path / "params.yaml"
    with path.open("w") as file:
        YAML().dump(values, file)
    assert f"params.yaml: {key} is missing" in refusal(path)


def test_model_of_no_task_is_refused(tmp_path: Path):
    message = refusal(with_value(tmp_path, "models.nose_net.task", "noes"))
    assert "models.nose_net.task must be one of nose, face, wild, kaggle15; got 'noes'" in message


@pytest.mark.parametrize(
    ("name", "members", "rule"),
    [
        ("best", [], "ensembles.best.members should have at least 1"),
        ("best", ["resnet18", "resnet81"], "ensembles.best.members should be different ones of"),
        ("best", ["resnet18", "resnet18"], "ensembles.best.members should be different ones of"),
        ("best", ["resnet18", "face_net"], "the same points of one data set"),
        ("best", ["nose_net", "face_net"], "the same points of one data set"),
        ("resnet18", ["nose_net", "nose_net_3x3"], "ensembles.resnet18 has the name of a model"),
    ],
)
def test_ensemble_is_of_different_models_that_predict_the_same(
    tmp_path: Path, name: str, members: list[str], rule: str
):
    block = {name: {"how": "mean", "members": members}}
    assert rule in refusal(with_value(tmp_path, "ensembles", block))


@pytest.mark.parametrize(
    ("start", "pretrained", "rule"),
    [
        ("models/face_net.safetensors", False, None),
        ("data/weights/nose_net", False, "resnet18.start should be data/weights/resnet18 or"),
        ("models/resnet81.safetensors", False, "resnet18.start should be data/weights/resnet18 or"),
        ("models/resnet18.safetensors", False, "resnet18.start should be data/weights/resnet18 or"),
        ("models/face_net.safetensors", True, "models.resnet18.pretrained must be false"),
    ],
)
def test_a_model_may_go_on_from_another_one(
    tmp_path: Path, start: str, pretrained: bool, rule: str | None
):
    path = with_value(tmp_path, "models.resnet18.start", start)
    text = path.read_text()
    path.write_text(text.replace("pretrained: false", f"pretrained: {str(pretrained).lower()}"))
    if rule:
        assert rule in refusal(path)
    else:
        assert read_params(path).models["resnet18"].init_model == "face_net"


def test_way_of_predicting_is_that_of_a_model(tmp_path: Path):
    message = refusal(with_value(tmp_path, "at_test.resnet81", {"mirror": True}))
    assert "at_test.resnet81 should be one of nose_net, " in message


@pytest.mark.parametrize("key", ["mean", "std"])
def test_mean_and_deviation_have_a_number_for_each_channel(tmp_path: Path, key: str):
    message = refusal(with_value(tmp_path, f"models.resnet18.{key}", [0.5]))
    assert f"models.resnet18.{key} must have 3 number(s)" in message
    assert "got [0.5]" in message


def test_whole_frame_has_no_margin(tmp_path: Path):
    message = refusal(with_value(tmp_path, "tasks.nose.margin", 4))
    assert "tasks.nose.margin must be 0 where box_scale is null" in message
    assert "got 4" in message


def test_every_problem_is_told_at_once(tmp_path: Path):
    path = with_value(tmp_path, "seed", -1)
    path.write_text(re.sub(r"(?m)^lr: \S+", "lr: fast", path.read_text()))
    message = refusal(path)
    assert "seed should" in message
    assert "lr should" in message


@pytest.mark.parametrize(
    "text", ["lr: [", "\tlr: 1", "lr: 1\nlr: 2", "lr: \x07", "a: &b 1\nc: *d", ""]
)
def test_file_that_is_no_mapping_of_unique_keys_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert str(path) in refusal(path)


def test_duplicate_key_is_named(tmp_path: Path):
    path = tmp_path / "params.yaml"
    path.write_text(COMMITTED.read_text() + "\nseed: 2\n")
    assert "duplicate key" in refusal(path)
    assert "seed" in refusal(path)


def test_missing_file_is_named(tmp_path: Path):
    message = refusal(tmp_path / "params.yaml")
    assert f"{tmp_path / 'params.yaml'}: No such file" in message


def test_unknown_model_and_task_are_told_what_there_is(params: Params):
    with pytest.raises(SettingsError, match="no 'resnet'; it has nose_net, .*resnet18"):
        params.model("resnet")
    with pytest.raises(SettingsError, match="no 'eyes'; it has nose, face, wild"):
        params.task("eyes")


def test_nothing_in_the_file_looks_like_a_template():
    assert "${" not in COMMITTED.read_text()


def test_every_key_or_its_block_is_explained_where_it_comes_first():
    text = COMMITTED.read_text()
    explained: dict[str, bool] = {}
    blocks: list[tuple[int, bool]] = []  # indent of each open block, and whether it has a comment
    for indent, name, comment in re.findall(r"(?m)^( *)([\w-]+):[^#\n]*(#.*)?$", text):
        blocks = [block for block in blocks if block[0] < len(indent)]
        blocks.append((len(indent), bool(comment)))
        explained.setdefault(name, any(has_comment for _, has_comment in blocks))
    unexplained = leaf_names(YAML(typ="safe", pure=True).load(text)) - {
        name for name, is_explained in explained.items() if is_explained
    }
    assert unexplained == set()


def leaf_names(block: dict[str, object]) -> set[str]:
    names: set[str] = set()
    for name, value in block.items():
        names |= leaf_names(value) if isinstance(value, dict) else {name}
    return names


@pytest.mark.parametrize("key", ["mirror", "downloads.imm.urls"])
def test_credentials_in_an_address_are_refused_and_not_shown(tmp_path: Path, key: str):
    address = "https://user:secret@example.com/faces"
    value = address if key == "mirror" else [f"{address}.zip"]
    message = refusal(with_value(tmp_path, key, value))
    assert f"params.yaml: {key} must hold no user name and no password" in message
    assert "put them into ~/.netrc" in message
    assert "secret" not in message
