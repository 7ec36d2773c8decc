"""What people and programs wrote, as the API server's audit log tells it. The control plane's own parts are not in
it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.cluster.api import Json

COMPONENTS = "test:components"
"""The group of the control plane's parts and nodes."""
POLICY: Json = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "userGroups": [COMPONENTS, "system:nodes", "system:serviceaccounts:kube-system"]},
        {"level": "Request", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True)
class Write:
    """One request that would write, and what it was answered."""

    verb: str
    resource: str
    namespace: str
    name: str
    user: str
    agent: str
    code: int
    dry_run: bool
    body: Json | None

    @property
    def done(self) -> bool:
        """Whether something was written."""
        return not self.dry_run and 200 <= self.code < 300


def writes(log: Path, *, namespace: str | None = None, resource: str | None = None, agent: str = "") -> Iterator[Write]:
    """The writes of a log, oldest first, those of a namespace, of a kind of object, of a program whose user agent
    begins so."""
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        subject = entry.get("objectRef", {})
        write = Write(
            verb=entry["verb"],
            resource="/".join(part for part in (subject.get("resource"), subject.get("subresource")) if part),
            namespace=subject.get("namespace", ""),
            name=subject.get("name", ""),
            user=entry["user"]["username"],
            agent=entry.get("userAgent", ""),
            code=entry.get("responseStatus", {}).get("code", 0),
            dry_run="dryRun" in parse_qs(urlsplit(entry["requestURI"]).query),
            body=entry.get("requestObject"),
        )
        wanted = namespace in (None, write.namespace) and resource in (None, write.resource)
        if wanted and write.agent.startswith(agent):
            yield write
