"""Pre-trained weights as one more source: what a model asks for, timm's or a file."""

import re
import shutil
from pathlib import Path

from keypoints.config.messages import SettingsError
from keypoints.config.models import BackboneSettings, ModelSettings
from keypoints.core.weights_folder import is_weights, teacher_folder, write_record
from keypoints.download.mirrors import Download, DownloadError, download, sha256_of

_TEACHERS = "teachers"  # a folder among the downloads
_WITHOUT = {"pretrained": "true (timm's weights) or false (random)", "teacher": "null (none)"}
_DIGEST_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")  # resnet18-f37072fd.pth


def fetch_weights(
    model: ModelSettings, folder: Path, *, mirror: str | None, home: Path, downloads: Path
) -> str:
    """Bring what a model's `pretrained` and `teacher` ask for, and write down what it was.

    Args:
        model: Settings of the model.
        folder: Of the model's weights; made anew.
        mirror: Folder or URL prefix that is asked first.
        home: What a local file's path is relative to.
        downloads: Where finished downloads are kept.

    Returns:
        A line for the user: which weights, from where.

    Raises:
        SettingsError: If timm knows no weights for the backbone, or a named file is not there.
        DownloadError: If they cannot be had; never a silent fallback to random weights.
    """
    folder.mkdir(parents=True)
    told = _fetch_init(model, folder, mirror=mirror, home=home, downloads=downloads)
    if model.teacher is None:
        return told
    found = _find_file(
        "teacher", model.teacher, mirror=mirror, home=home, downloads=downloads / _TEACHERS
    )
    _check_name(found)
    teacher_folder(folder).mkdir()
    shutil.copyfile(found.path, teacher_folder(folder) / found.path.name)
    return f"{told}; taught by {found.path.name} from {found.origin}, sha256 {found.sha256}"


def _fetch_init(
    model: ModelSettings, folder: Path, *, mirror: str | None, home: Path, downloads: Path
) -> str:
    if not isinstance(model, BackboneSettings) or model.pretrained is False:
        write_record(folder, file=None, sha256=None)
        return "random"
    found = _find(model, mirror=mirror, home=home, downloads=downloads)
    _check_name(found)
    shutil.copyfile(found.path, folder / found.path.name)
    write_record(folder, file=found.path.name, sha256=found.sha256)
    return f"{found.path.name} from {found.origin}, sha256 {found.sha256}"


def _find(model: BackboneSettings, *, mirror: str | None, home: Path, downloads: Path) -> Download:
    if model.pretrained is True:
        address = pretrained_address(model.backbone)
        # A folder for each: many weights have the same name on timm's hub.
        try:
            return download(
                [address], folder=downloads / model.backbone, mirror=mirror, accepts=is_weights
            )
        except DownloadError as error:
            raise DownloadError(
                f"{error}\nOr say in `pretrained:` of the model: a local file, or false for random "
                "weights (make public PRETRAINED=false)."
            ) from error
    return _find_file(
        "pretrained",
        str(model.pretrained),
        mirror=mirror,
        home=home,
        downloads=downloads / model.backbone,
    )


def _find_file(key: str, name: str, *, mirror: str | None, home: Path, downloads: Path) -> Download:
    """A file that a setting names: a local one, or one of the mirror."""
    on_web = mirror is not None and "://" in mirror
    for place in [home / name] + ([] if mirror is None or on_web else [Path(mirror) / name]):
        if place.is_file():
            if not is_weights(place):
                raise SettingsError(
                    f"{place}: neither .safetensors nor a .pth; bring the file again, or name "
                    f"another one in `{key}:` of the model"
                )
            return Download(place, sha256_of(place), origin=str(place))
    if on_web:
        address = f"{str(mirror).rstrip('/')}/{name}"
        return download([address], folder=downloads, accepts=is_weights)
    raise SettingsError(
        f"{key}: no file {name!r}, neither from the repository's root nor in the mirror "
        f"({mirror}); name a file that is there, set `mirror`, or say {_WITHOUT[key]}"
    )


def _check_name(found: Download) -> None:
    """Hold the file against the start of its sha256, where its name carries one."""
    named = _DIGEST_IN_NAME.search(found.path.name)
    if named and not found.sha256.startswith(named[1]):
        raise DownloadError(
            f"{found.path}: sha256 should begin with {named[1]}, as its name says; got "
            f"{found.sha256}; remove the file and fetch it again"
        )


def pretrained_address(name: str) -> str:
    """Where timm says that the weights of a backbone lie: its pretrained configuration.

    Raises:
        SettingsError: If there are none for this name.
    """
    import timm

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:
        config = None
    if config is not None and isinstance(config.url, str) and config.url:
        return config.url
    if config is not None and config.hf_hub_id:
        return f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors"
    raise SettingsError(f"timm knows no weights for backbone {name!r}")
