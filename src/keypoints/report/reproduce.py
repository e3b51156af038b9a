"""The section on how the page came about: commands, revision, settings, versions."""

import platform
import subprocess
from importlib.metadata import version

from keypoints.config.params import Params
from keypoints.report.runs import TaskRun
from keypoints.report.template import Section, render
from keypoints.report.timings import stages_of

INPUTS = ("src", "params.yaml", "dvc.yaml", "requirements.lock")
LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pandas",
    "opencv-python-headless",
    "matplotlib",
    "dvc",
)


def making_section(params: Params, tasks: list[TaskRun], revision: str) -> Section:
    """Tell how to make the same page again."""
    models = [model for task in tasks for model in task.models]
    body = render(
        "making.html",
        params=params,
        models=models,
        blocks=_blocks(params),
        n_times=len(stages_of(params)),
        revision=revision,
        pretrained=any(getattr(model.settings.model, "pretrained", False) for model in models),
        python=platform.python_version(),
        versions={name: version(name) for name in LIBRARIES},
    )
    return Section("making", "How this was made", body)


def revision_of_inputs() -> str:
    """The last commit that touched code or settings, with a mark where they differ from it.

    It follows from the inputs alone: the same inputs give the same page, whatever else is
    committed.
    """
    said = _git("log", "-1", "--format=%H", "--", *INPUTS)
    if not said:
        return "not in git"
    changed = _git("status", "--porcelain", "--", *INPUTS)
    return f"{said[:10]}{' and changes that are not committed' if changed else ''}"


def date_of_inputs() -> str:
    """The day (ISO 8601) of the last commit that touched code or settings; empty without git."""
    return _git("log", "-1", "--format=%cs", "--", *INPUTS)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _blocks(params: Params) -> list[tuple[str, str]]:
    """The settings as text, block by block, without places on the network or on this machine."""
    values = params.model_dump(exclude={"downloads", "mirror"})
    top = {key: value for key, value in values.items() if not isinstance(value, dict)}
    blocks = {"for all": top}
    for key, value in values.items():
        if key in ("tasks", "models"):
            blocks |= {f"{key}.{name}": block for name, block in value.items()}
        elif isinstance(value, dict):
            blocks[key] = value
    return [(name, "\n".join(_lines(block))) for name, block in blocks.items()]


def _lines(block: dict, indent: str = "") -> list[str]:
    lines = []
    for key, value in block.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {'null' if value is None else value}")
    return lines
