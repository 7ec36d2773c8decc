"""The metrics API in front of an API server, for tests: as much of it as is asked for here."""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

_ROOT = "/apis/metrics.k8s.io/v1beta1"
Usage = dict[str, str]


@dataclass
class MetricsApi:
    """Wraps the sandbox: `Sandbox(wrap=metrics.wrap)`."""

    pods: dict[tuple[str, str], dict[str, Usage]] = field(default_factory=dict)
    """(namespace, pod) → container → what it uses."""
    nodes: dict[str, Usage] = field(default_factory=dict)
    status: int = 200
    """Another one is answered to everything, with no more than a message."""
    asked: list[str] = field(default_factory=list)

    def wrap(self, application: ASGIApp) -> ASGIApp:
        """What stands in front of it."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(_ROOT):
                await application(scope, receive, send)
                return
            self.asked.append(f"{scope['path'].removeprefix(_ROOT)}?{scope['query_string'].decode()}".rstrip("?"))
            status, body = self._answer(scope["path"].removeprefix(_ROOT).strip("/").split("/"))
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(body).encode()})

        return answer

    def _answer(self, path: list[str]) -> tuple[int, dict[str, Any]]:
        match path:
            case _ if self.status != 200:
                return self.status, {
                    "kind": "Status",
                    "message": "the server is currently unable to handle the request",
                }
            case ["namespaces", namespace, "pods"]:
                items = [_pod(*key, used) for key, used in self.pods.items() if key[0] == namespace]
                return 200, {"kind": "PodMetricsList", "metadata": {}, "items": items}
            case ["namespaces", namespace, "pods", name] if (namespace, name) in self.pods:
                return 200, _pod(namespace, name, self.pods[namespace, name])
            case ["nodes", name] if name in self.nodes:
                return 200, {"kind": "NodeMetrics", "metadata": {"name": name}, "usage": self.nodes[name]}
            case _:
                return 404, {"kind": "Status", "message": f'metrics.k8s.io "{path[-1]}" not found'}


def _pod(namespace: str, name: str, used: dict[str, Usage]) -> dict[str, Any]:
    containers = [{"name": container, "usage": usage} for container, usage in used.items()]
    return {"kind": "PodMetrics", "metadata": {"namespace": namespace, "name": name}, "containers": containers}
