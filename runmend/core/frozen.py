"""The base of every value that passes between packages or through Temporal."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value; a field that it does not know is an error, not a guess."""

    model_config = ConfigDict(frozen=True, extra="forbid")
