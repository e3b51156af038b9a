"""Pre-trained weights and teachers of models, from timm, the repository or the mirror."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

from pydantic import ConfigDict

from keypoints.config.backbone_name import check_backbone
from keypoints.config.base import Settings
from keypoints.config.messages import SettingsError
from keypoints.core.hashing import sha256_of
from keypoints.core.paths import expand_user
from keypoints.core.weights_folder import (
    model_kind,
    network_kind,
    record_weights,
    teacher_folder,
    weights_problem,
)
from keypoints.download.mirrors import Download, DownloadDirs, DownloadError, file_name, find

RENDERED_RESNET18 = "pretrained/resnet18_rendered.safetensors"
"""Committed weights of a ResNet-18 that was trained on rendered faces."""

_DIGEST_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")  # resnet18-f37072fd.pth


class PretrainedSettings(Settings):
    """The settings of a model that name files to fetch; all others are ignored."""

    model_config = ConfigDict(extra="ignore")

    architecture: str
    backbone: str | None = None  # None: the architecture has none
    pretrained: bool | str = False  # True: timm's weights | False: random | name of a file
    teacher: str | None = None  # name of a model file


def fetch_model_files(settings: PretrainedSettings, folder: Path, dirs: DownloadDirs) -> str:
    """Copy the files that a model needs into a new folder, and record the one with weights.

    Returns a line for the user: names, origins and digests of the files.

    Raises:
        SettingsError: If timm has no such backbone or no weights for it, or a file contains none,
            or those of another kind of network.
        DownloadError: If a file cannot be found; random weights never replace it.
    """
    folder.mkdir(parents=True)
    if settings.backbone is not None:
        check_backbone(settings.backbone)
    if initial := _find_pretrained(settings, dirs):
        own, kind = network_kind(settings.model_dump()), model_kind(initial.path)
        if kind not in (None, own):
            raise SettingsError(
                f"pretrained: {initial.path}: contains a network of the kind {kind}, from which "
                f"{own} cannot start; choose another file"
            )
        summary = _copy(initial, folder)
        record_weights(folder, file=initial.path.name, sha256=initial.sha256)
    else:
        summary = "random"
        record_weights(folder, file=None, sha256=None)
    if settings.teacher is not None:
        teacher = _find_file("teacher", settings.teacher, "null (none)", "teachers", dirs)
        if model_kind(teacher.path) is None:
            raise SettingsError(
                f"teacher: {teacher.path}: not a model of this project; choose another file"
            )
        teacher_folder(folder).mkdir()
        summary += f"; teacher {_copy(teacher, teacher_folder(folder))}"
    return summary


def pretrained_address(backbone: str) -> str:
    """Address of the weights of a timm model; SettingsError if timm has none of this name."""
    import timm  # takes seconds; random weights do not need it

    with suppress(RuntimeError):  # no such model
        if config := timm.get_pretrained_cfg(backbone):
            if isinstance(config.url, str) and config.url:
                return config.url
            if config.hf_hub_id:
                return f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors"
    raise SettingsError(f"timm has no weights for backbone {backbone!r}")


def _find_pretrained(settings: PretrainedSettings, dirs: DownloadDirs) -> Download | None:
    if settings.backbone is None or settings.pretrained is False:
        return None
    if settings.pretrained is not True:
        remedy = "true (timm's weights) or false (random)"
        return _find_file("pretrained", settings.pretrained, remedy, settings.backbone, dirs)
    address = pretrained_address(settings.backbone)
    try:
        # A subfolder per backbone: many weights have the same file name on timm's hub.
        names, subfolder = [file_name(address)], settings.backbone
        return find(names, dirs, urls=[address], subfolder=subfolder, problem_of=weights_problem)
    except DownloadError as error:
        raise DownloadError(
            f"{error}\nOr set `pretrained:` of the model to a local file, such as "
            f"{RENDERED_RESNET18} for a resnet18, or to false for random weights "
            f"(make public PRETRAINED={RENDERED_RESNET18} or PRETRAINED=false)."
        ) from error


def _find_file(key: str, name: str, remedy: str, subfolder: str, dirs: DownloadDirs) -> Download:
    """Find the file that a setting names: in the repository, or like any other download."""
    local = dirs.root / expand_user(name)
    if local.is_file():
        if not (problem := weights_problem(local)):
            return Download(local, sha256_of(local), origin=str(local))
        raise SettingsError(
            f"{local}: {problem}; replace it, or name another one in `{key}:` of the model"
        )
    try:
        return find([name], dirs, subfolder=subfolder, problem_of=weights_problem)
    except DownloadError as error:
        raise DownloadError(f"{key}: {error}\nOr set `{key}:` of the model to {remedy}.") from error


def _copy(found: Download, folder: Path) -> str:
    """Copy a file, after a check of its sha256 if its name contains the first digits of it."""
    digits = _DIGEST_IN_NAME.search(found.path.name)
    if digits and not found.sha256.startswith(digits[1]):
        raise DownloadError(
            f"{found.path}: sha256 should begin with {digits[1]}, as in its name; got "
            f"{found.sha256}; remove the file and fetch it again"
        )
    shutil.copyfile(found.path, folder / found.path.name)
    return f"{found.path.name} from {found.origin}, sha256 {found.sha256}"
