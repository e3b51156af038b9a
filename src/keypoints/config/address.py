"""Addresses in settings, which must contain no credentials: git and dvc.lock would keep them."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _check_address(address: str) -> str:
    try:
        host = urlsplit(address).netloc
    except ValueError as error:
        raise ValueError(f"must be an address or a path: {error}") from error
    if "@" in host:
        raise ValueError(
            "must contain no user name and no password, because git, dvc.lock and experiments "
            "would keep them; put them into ~/.netrc, which is read for each host"
        )
    return address


Address = Annotated[str, AfterValidator(_check_address)]
"""An address, or a path, without user name and password."""
