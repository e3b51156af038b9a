"""The committed weights of a ResNet-18 that was trained on rendered faces."""

import re
from typing import Any

from ruamel.yaml import YAML
from workspace import ROOT

from keypoints.download.pretrained import RENDERED_RESNET18

CARD = (ROOT / "pretrained/README.md").read_text()


def rendered_seeds(settings: Any) -> set[int]:
    """Values of `seed` in all blocks named `rendered`."""
    if not isinstance(settings, dict):
        return set()
    own = {settings["rendered"]["seed"]} if "rendered" in settings else set()
    return own.union(*(rendered_seeds(block) for block in settings.values()))


def test_the_faces_behind_the_initial_weights_appear_nowhere_else() -> None:
    (seed,) = set(re.findall(r"datasets\.ibug\.rendered\.seed=(\d+)", CARD))
    files = [ROOT / "params.yaml", ROOT / "contenders/params.yaml"]
    used = set().union(*(rendered_seeds(YAML(typ="safe").load(file)) for file in files))
    assert used
    assert int(seed) not in used
    code = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assert not [file for file in code if seed in file.read_text()]


def test_the_default_resnet18_starts_from_the_committed_weights() -> None:
    models = YAML(typ="safe").load(ROOT / "params.yaml")["models"]
    assert models["resnet18"]["pretrained"] == RENDERED_RESNET18
    assert (ROOT / RENDERED_RESNET18).is_file()
