"""A registry that nobody asks: what is simulated or tested depends on no network, and tells no one of its images."""

from collections.abc import Sequence

from runmend.images.pull_secrets import Credentials
from runmend.images.references import ImageReference
from runmend.images.registry import Answer, Registry, RegistryAnswer


class NotAsked(Registry):
    """Answers that it cannot be told, without asking."""

    def __init__(self) -> None:
        """Without the machine's certificates."""

    def ask(self, image: str | ImageReference, credentials: Sequence[Credentials] = ()) -> RegistryAnswer:  # noqa: ARG002
        """Say that nobody was asked."""
        return RegistryAnswer(str(image), Answer.UNKNOWN, "no registry is asked in a simulation")
