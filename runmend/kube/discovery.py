"""Which version of a custom resource the API server has. Called by `kube.client`."""

import threading
import time
from dataclasses import replace
from typing import Final

from runmend.core.errors import NotFound, StepFailed
from runmend.core.kinds import Kind, kind_of_name
from runmend.kube.requests import Requests

KNOWN_SECONDS: Final = 300.0
"""For how long an answer is kept: versions come and go with their CustomResourceDefinition."""


class Discovery:
    """The kinds of an API server; the answers are kept. Safe to share between threads."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._found: dict[str, tuple[float, Kind]] = {}
        self._lock = threading.Lock()

    def kind(self, name: str) -> Kind:
        """The kind of a name of `runmend.core.kinds`, with its version.

        Raises:
            StepFailed: it is a custom resource, and the API server has none of that name, or none in a namespace.
        """
        kind = kind_of_name(name)
        if not kind.custom:
            return kind
        with self._lock:
            told, known = self._found.get(name, (0.0, None))
        if known and time.monotonic() - told < KNOWN_SECONDS:
            return known
        found = self._asked(kind)
        with self._lock:
            self._found[name] = (time.monotonic(), found)
        return found

    def _asked(self, kind: Kind) -> Kind:
        unknown = StepFailed(
            f"the API server has no custom resource {kind.name}; `kubectl get crd {kind.name}` shows it where there is",
            reason="no such custom resource",
        )
        try:
            group = self._requests.send("GET", "/apis/{group}", {"group": kind.group})
            version = str(group["preferredVersion"]["version"])
            names = {"group": kind.group, "version": version}
            listed = self._requests.send("GET", "/apis/{group}/{version}", names)
        except NotFound as error:
            raise unknown from error
        row = next((each for each in listed.get("resources") or () if each.get("name") == kind.plural), None)
        if row is None:
            raise unknown
        if not row.get("namespaced"):
            raise StepFailed(
                f"{kind.name} are in no namespace, and of such kinds only nodes are fixed",
                reason="a custom resource in no namespace",
            )
        return replace(kind, version=version)
