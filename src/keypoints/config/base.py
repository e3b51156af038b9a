"""Base class and common types of all blocks of settings."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A block of settings: types are checked strictly and unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Probability = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=0.5)]
Address = Annotated[str, AfterValidator(_check_address)]  # or a path; without credentials
