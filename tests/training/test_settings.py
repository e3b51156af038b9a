"""Settings of a training: the presets that a model names, and rules that involve several blocks."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from workspace import ROOT

from keypoints.config.messages import SettingsError
from keypoints.config.params import read_params
from keypoints.core.errors import PipelineError
from keypoints.training.folds import Fold
from keypoints.training.settings import TrainSettings, read_train_settings

MODELS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["models"]
OTHERS = ", ".join(f"models/{name}.safetensors" for name in MODELS if name != "resnet18")


def read(folder: Path, name: str, **changes: Any) -> TrainSettings:
    """Read the settings of a model; keys of `changes` have __ in place of dots."""
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text())
    for key, value in changes.items():
        *blocks, last = key.split("__")
        block = params
        for each in blocks:
            block = block[each]
        block[last] = value
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(params, file)
    return read_train_settings(read_params(folder / "params.yaml"), name)


def test_the_presets_that_a_model_names_are_read(tmp_path: Path):
    settings = read(tmp_path, "face_net", optim__adam__ema=0.9, augment__face__rotation=12)
    assert (settings.augment.rotation, settings.optim.ema) == (12, 0.9)
    info = settings.info("imm58")
    assert (info.augment["rotation"], info.optim["ema"]) == (12, 0.9)


def test_a_models_own_seed_and_its_factor_of_the_learning_rate_count(tmp_path: Path):
    plain = read(tmp_path, "nose_net", seed=7, lr=0.002)
    assert (plain.seed, plain.lr, plain.info("imm58").lr) == (7, 0.002, 0.002)
    scale = {"models__nose_net__seed": 3, "models__nose_net__lr_scale": 0.5}
    own = read(tmp_path, "nose_net", seed=7, lr=0.002, **scale)
    assert (own.seed, own.info("imm58").lr) == (3, 0.001)


def test_a_name_can_have_a_fold(tmp_path: Path):
    settings = read(tmp_path, "nose_net.2of5")
    assert (settings.name, settings.base, settings.fold) == (
        "nose_net.2of5",
        "nose_net",
        Fold(2, 5),
    )
    with pytest.raises(PipelineError, match=r"nose_net\.2: a fold, such as 2of5, should follow"):
        read(tmp_path, "nose_net.2")


def test_other_models_and_unused_presets_are_not_validated(tmp_path: Path):
    changes = {"models__resnet18__loss": 3, "augment__wild__rotation": "far", "ensembles": 5}
    assert read(tmp_path, "nose_net", **changes).base == "nose_net"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "nose_net",
            {"models__nose_net__loss": "wings"},
            "models.nose_net.loss must be one of mse, l1, smooth_l1, wing; got 'wings'",
        ),
        (
            "nose_net",
            {"models__nose_net__task": "chin"},
            "models.nose_net.task must be one of nose, face, wild, wild128, kaggle15; got 'chin'",
        ),
        (
            "nose_net",
            {"models__nose_net__augment": "all"},
            "models.nose_net.augment must be one of none, face, wild, kaggle15, strong; got 'all'",
        ),
        (
            "nose_net",
            {"models__nose_net__optim": "sgd"},
            "models.nose_net.optim must be one of adam, adamw; got 'sgd'",
        ),
        (
            "face_net",
            {"augment__face__rotation": 200},
            "augment.face.rotation should be less than or equal to 180; got 200",
        ),
        ("nose_net", {"lr": "fast"}, "lr should be a valid number; got 'fast'"),
        (
            "nose_net",
            {"models__nose_net__mean": [0.5, 0.5, 0.5]},
            "models.nose_net.mean must have 1 number(s), one per channel of task nose; "
            "got [0.5, 0.5, 0.5]",
        ),
        (
            "nose_net",
            {"models__nose_net__sizes": [{"height": 61, "epochs": 1, "lr_scale": 1.0}]},
            "models.nose_net.sizes.0.height must be at most 60, the height of task nose; got 61",
        ),
        (
            "resnet18",
            {"models__resnet18__init": "models/resnet19.safetensors"},
            "models.resnet18.init must be data/weights/resnet18 or the file of another model, one "
            f"of {OTHERS}; got 'models/resnet19.safetensors'",
        ),
        (
            "resnet18",
            {
                "models__resnet18__init": "models/face_net.safetensors",
                "models__resnet18__teacher": "t.safetensors",
            },
            "models.resnet18.teacher must be null, because the model starts from "
            "models/face_net.safetensors; only models that start from data/weights can have a "
            "teacher; got 't.safetensors'",
        ),
        (
            "resnet18",
            {
                "models__resnet18__init": "models/face_net.safetensors",
                "models__resnet18__pretrained": True,
            },
            "models.resnet18.pretrained must be false, because the model starts from "
            "models/face_net.safetensors; got True",
        ),
    ],
)
def test_a_wrong_setting_is_an_error_with_key_rule_and_value(
    tmp_path: Path, name: str, changes: dict[str, Any], message: str
):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, name, **changes)
    assert str(caught.value) == f"{tmp_path / 'params.yaml'}: {message}"
