"""Reading of params.yaml, block by block, and its error messages."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, model_validator

from keypoints.config.base import Address, Seed, Settings
from keypoints.config.messages import SettingsError
from keypoints.config.params import Params, read_params

LearningRate = Annotated[float, Field(gt=0)]


class Sizes(Settings):
    """A nested block."""

    height: Annotated[int, Field(ge=8)]
    kernels: Annotated[list[Literal[1, 3, 5]], Field(max_length=3)] = [3]

    @model_validator(mode="after")
    def _check_kernels(self) -> "Sizes":
        if max(self.kernels, default=0) > self.height // 2:
            raise ValueError(f"kernels must be smaller than half the height; got {self.kernels}")
        return self


class Model(Settings):
    """An entry of `models`."""

    loss: Literal["mse", "l1"]
    epochs: Annotated[int, Field(ge=1)] = 1
    flip: bool | str = False
    sizes: Sizes | None = None
    urls: list[Address] = []


def write(folder: Path, text: str, name: str = "params.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Params:
    return read_params(write(folder, text))


def message(folder: Path, text: str, key: str = "seed", kind: Any = Seed) -> str:
    """The error of reading one key, without the folder."""
    with pytest.raises(SettingsError) as caught:
        read(folder, text).read(key, kind)
    return str(caught.value).replace(f"{folder}/", "")


def model_message(folder: Path, block: str) -> str:
    return message(folder, f"models: {{net: {block}}}", "models.net", Model)


def test_a_block_is_read_with_its_type(tmp_path: Path):
    params = read(tmp_path, "seed: 3\nmodels: {net: {loss: l1, sizes: {height: 9}}}")
    assert params.read("seed", Seed) == 3
    assert params.read("models.net", Model) == Model(loss="l1", sizes=Sizes(height=9))
    assert params.entry("models", "net", Model).epochs == 1
    assert params.names("models") == ["net"]
    assert params.names("ensembles") == []
    assert params.as_dict()["seed"] == 3


def test_a_typo_in_one_block_does_not_affect_another(tmp_path: Path):
    params = read(tmp_path, "seed: one\nmodels: {net: {loss: mse}, other: {los: mse}}")
    assert params.entry("models", "net", Model).loss == "mse"
    with pytest.raises(SettingsError, match=r"seed should be a valid integer; got 'one'"):
        params.read("seed", Seed)
    with pytest.raises(SettingsError, match=r"models\.other\.los is not a setting"):
        params.entry("models", "other", Model)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 0.001), ("1e-05", 1e-5), ("1e-5", 1e-5), ("1E-5", 1e-5), (".5", 0.5), ("1", 1.0)],
)
def test_every_notation_of_a_number_is_a_number(tmp_path: Path, text: str, number: float):
    # DVC writes `-S lr=1e-5` as 1e-05, which YAML 1.1 reads as a string.
    assert read(tmp_path, f"lr: {text}").read("lr", LearningRate) == number


@pytest.mark.parametrize("text", ["fast", "'0.001'", "true", "null", ".nan", ".inf", "0", "-1e-3"])
def test_a_number_must_be_finite_and_within_its_limits(tmp_path: Path, text: str):
    error = message(tmp_path, f"lr: {text}", "lr", LearningRate)
    assert error.startswith("params.yaml: lr should be ") and "; got " in error


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("{epochs: 1}", "models.net.loss is missing; copy it from another entry"),
        ("{loss: l2}", "models.net.loss must be one of mse, l1; got 'l2'"),
        ("{loss: l1, epochs: 0}", "models.net.epochs should be greater than or equal to 1; got 0"),
        ("{loss: l1, epochs: 1.5}", "models.net.epochs should be a valid integer; got 1.5"),
        ("{loss: l1, epochs: '3'}", "models.net.epochs should be a valid integer; got '3'"),
        ("{loss: l1, epoch: 3}", "models.net.epoch is not a setting; did you mean epochs?"),
        ("{loss: l1, zoom: 3}", "models.net.zoom is not a setting of this block; remove it"),
        (
            "{loss: l1, sizes: {height: 9, heigth: 9}}",
            "models.net.sizes.heigth is not a setting; did you mean height?",
        ),
        (
            "{loss: l1, sizes: {height: 9, loss: l1}}",
            "models.net.sizes.loss is not a setting of this block; remove it",
        ),
        ("{loss: l1, sizes: 9}", "models.net.sizes should be a block of settings; got 9"),
        (
            "{loss: l1, sizes: {height: 9, kernels: [3, 4]}}",
            "models.net.sizes.kernels.1 must be one of 1, 3, 5; got 4",
        ),
        (
            "{loss: l1, sizes: {height: 9, kernels: [1, 1, 1, 1]}}",
            "models.net.sizes.kernels should have at most 3 items; got [1, 1, 1, 1]",
        ),
        (
            "{loss: l1, sizes: {height: 8, kernels: [5]}}",
            "models.net.sizes.kernels must be smaller than half the height; got [5]",
        ),
        ("[1]", "models.net should be a block of settings; got [1]"),
        ("", "models.net should be a block of settings; got None"),
        (
            "{loss: l1, urls: ['https://me:secret@example.com/a.zip']}",
            "models.net.urls.0 must contain no user name and no password, because git, dvc.lock "
            "and experiments would keep them; put them into ~/.netrc, which is read for each host",
        ),
        (
            "{loss: l1, urls: ['http://[']}",
            "models.net.urls.0 must be an address or a path: Invalid IPv6 URL",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_rule(tmp_path: Path, block: str, error: str):
    assert model_message(tmp_path, block) == f"params.yaml: {error}"


def test_an_address_with_a_password_is_rejected_without_showing_it(tmp_path: Path):
    text = "mirror: https://me:secret@example.com"
    error = message(tmp_path, text, "mirror", Address | None)
    assert error.startswith("params.yaml: mirror must contain no user name and no password")
    assert "secret" not in error
    assert read(tmp_path, "mirror: ../mirror").read("mirror", Address | None) == "../mirror"
    assert read(tmp_path, "mirror:").read("mirror", Address | None) is None


def test_each_type_of_a_union_is_a_problem_of_the_same_key(tmp_path: Path):
    lines = model_message(tmp_path, "{loss: l1, flip: 3}").splitlines()
    assert [line.split(" should ")[0] for line in lines] == ["params.yaml: models.net.flip"] * 2
    lines = message(tmp_path, "seed: []", "seed", int | str).splitlines()
    assert [line.split(" should ")[0] for line in lines] == ["params.yaml: seed"] * 2


def test_a_key_that_is_not_text_is_named(tmp_path: Path):
    error = message(tmp_path, "models: {net: {3: 4}}", "models.net", dict[str, Any])
    assert error == "params.yaml: models.net has a key that is not text: 3; put it in quotes"
    error = model_message(tmp_path, "{loss: l1, sizes: {height: 9, null: 4}}")
    assert (
        error == "params.yaml: models.net.sizes has a key that is not text: None; put it in quotes"
    )


def test_all_problems_of_a_block_are_listed_up_to_a_limit(tmp_path: Path):
    error = model_message(tmp_path, "{loss: l2, epochs: 0, epoch: 3}")
    assert [line.split()[1] for line in error.splitlines()] == [
        "models.net.loss",
        "models.net.epochs",
        "models.net.epoch",
    ]
    unknown = ", ".join(f"unknown{number}: 1" for number in range(1234))
    lines = model_message(tmp_path, f"{{loss: l1, {unknown}}}").splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 1,214 more problems"


@pytest.mark.parametrize(
    "text", ["x" * 10_000, repr([["x"] * 30] * 30), "0x" + "f" * 5000], ids=["text", "list", "hex"]
)
def test_a_long_value_is_shortened(tmp_path: Path, text: str):
    assert len(model_message(tmp_path, f"{{loss: {text}}}")) < 300
    assert len(model_message(tmp_path, f"{{loss: l1, epochs: [{text}]}}")) < 300


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("sede: 1", "sede is not a setting; did you mean seed?"),
        ("downloads: {}", "downloads is not a setting; remove it"),
        ("3: 1", "3 is not a setting; remove it"),
        ("[1]", "the file should be a block of settings"),
        ("", "the file should be a block of settings"),
        ("lr: 1", "seed is missing; copy it from the default file"),
        ("seed: 1\nseed: 2", 'duplicate key "seed" in line 2: rename or remove one of the two'),
        (
            "tasks:\n  nose: 1\n  nose: 2\n",
            'duplicate key "nose" in line 3: rename or remove one of the two',
        ),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, error: str):
    assert message(tmp_path, text) == f"params.yaml: {error}"


@pytest.mark.parametrize("text", ["lr: [", "\tlr: 1", "lr: \x07", "a: &b 1\nc: *d", "lr: !!x 1"])
def test_a_file_that_is_not_yaml_is_named(tmp_path: Path, text: str):
    assert message(tmp_path, text).startswith("params.yaml: not YAML: ")


def test_blocks_that_are_nested_too_deeply_are_not_yaml(tmp_path: Path):
    assert "nested too deeply" in message(tmp_path, "[" * 1000)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"params\.yaml: No such file.*its dvc\.yaml"):
        read_params(tmp_path / "params.yaml")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path):
    assert read(tmp_path, "\ufeffseed: 3").read("seed", Seed) == 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("models: 3", "models should be a block of settings; got 3"),
        ("models:", "models should be a block of settings; got None"),
        (
            "models: {33: {}}",
            "models has an entry named 33; a name consists of letters, digits, - and _ "
            "(put numbers in quotes)",
        ),
        (
            "models: {a.b: {}}",
            "models has an entry named 'a.b'; a name consists of letters, digits, - and _ "
            "(put numbers in quotes)",
        ),
    ],
)
def test_names_of_entries_are_checked(tmp_path: Path, text: str, error: str):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text).names("models")
    assert str(caught.value) == f"{tmp_path}/params.yaml: {error}"


def test_an_unknown_entry_is_an_error_that_lists_the_known_ones(tmp_path: Path):
    params = read(tmp_path, "models: {a: {loss: l1}, b: {loss: l1}}")
    with pytest.raises(SettingsError, match=r"^models has no 'c'; it has a, b$"):
        params.entry("models", "c", Model)
    with pytest.raises(SettingsError, match=r"^ensembles has no 'x'; it has none$"):
        params.entry("ensembles", "x", Model)


def test_a_file_inherits_whole_top_level_keys_of_its_base(tmp_path: Path):
    write(tmp_path, "seed: 1\nlr: 0.1\nmodels: {a: {loss: l1}}", "base.yaml")
    params = read(tmp_path, "base: base.yaml\nlr: 0.2\nmodels: {b: {loss: l1}}")
    assert params.read("seed", Seed) == 1
    assert params.read("lr", float) == 0.2
    assert params.names("models") == ["b"]


def test_a_file_inherits_single_settings_of_data_sets(tmp_path: Path):
    write(tmp_path, "datasets: {a: {x: 1, y: 2}, b: {x: 3}}", "base.yaml")
    params = read(tmp_path, "base: base.yaml\ndatasets: {a: {x: 5}}")
    assert params.as_dict()["datasets"] == {"a": {"x": 5, "y": 2}, "b": {"x": 3}}


def test_errors_name_the_file_to_correct(tmp_path: Path):
    write(tmp_path, "seed: -1\nlr: 0.1", "base.yaml")
    text = "base: base.yaml\nmodels: {net: {loss: l2}}"
    params = read(tmp_path, text)
    assert message(tmp_path, text).startswith("base.yaml: seed should be")
    assert message(tmp_path, text, "device", str).startswith("base.yaml: device is missing")
    assert message(tmp_path, text, "models.net", Model).startswith("params.yaml: models.net.loss")
    assert str(params.error("models.net.loss", "must be l1")) == (
        f"{tmp_path}/params.yaml: models.net.loss must be l1"
    )
    assert str(params.error("lr", "is too large")) == f"{tmp_path}/base.yaml: lr is too large"
    write(tmp_path, "sede: 1", "base.yaml")
    assert message(tmp_path, text).startswith("base.yaml: sede is not a setting")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("base: nowhere.yaml", "nowhere.yaml: No such file or directory; correct `base` in {path}"),
        ("base: params.yaml", "{path}: base should name a settings file that has no base itself;"),
        ('base: "a\\0b"', "'{folder}/a\\x00b': embedded null byte; correct `base` in {path}"),
        ("base: list.yaml", "{path}: base should name a settings file that has no base itself;"),
    ],
)
def test_a_wrong_base_is_named(tmp_path: Path, text: str, error: str):
    write(tmp_path, "[1]", "list.yaml")
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert error.format(folder=tmp_path, path=tmp_path / "params.yaml") in str(caught.value)
