"""Names of backbones, which timm defines; it is imported late, because this takes seconds."""

import difflib

from keypoints.config.messages import SettingsError


def check_backbone(name: str) -> None:
    """Check the part of a name before the tag of its weights; SettingsError if timm lacks it."""
    import timm

    known = timm.list_models()
    if name.split(".")[0] not in known:
        similar = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(similar)}?" if similar else "see timm.list_models()"
        raise SettingsError(f"timm has no backbone {name!r}; {hint}")
