"""A real image registry on loopback: Debian's docker-registry, over https, for whoever knows the password."""

import hashlib
import json
import ssl
from pathlib import Path

import httpx

from tests.cluster.binaries import find
from tests.cluster.processes import Processes, clean_environment, free_port

NAME = "registry"
USER, PASSWORD = "robot", "secret"
# Of that password, by bcrypt.
HTPASSWD = "robot:$2b$04$aKlZe3qneKRcYjnk78a8TOJ6Yb/moMmcrf8Lloqv1wTiPze1JyS9u"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


class OciRegistry:
    """It keeps what is pushed in a folder.

    Args:
        running: where its process runs.
        folder: for its files; it must exist.
        certificate: of 127.0.0.1; it is its own authority's too.
        key: the certificate's.
    """

    def __init__(self, running: Processes, folder: Path, certificate: Path, key: Path) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._processes = running
        self._folder = folder
        self._certificate, self._key = certificate, key

    def start(self) -> None:
        """Start it, and wait until it answers."""
        passwords, config = self._folder / "htpasswd", self._folder / "registry.yml"
        passwords.write_text(f"{HTPASSWD}\n")
        settings = {
            "version": 0.1,
            "log": {"accesslog": {"disabled": False}, "level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "images")}},
            "http": {"addr": self.host, "tls": {"certificate": str(self._certificate), "key": str(self._key)}},
            "auth": {"htpasswd": {"realm": "tests", "path": str(passwords)}},
        }
        config.write_text(json.dumps(settings))
        self._processes.start(NAME, [find("docker-registry"), "serve", config], clean_environment())
        self._processes.ready(NAME, self._answers)

    def push(self, repository: str, tag: str) -> str:
        """Push an image without layers; its reference by digest."""
        with self._client() as client:
            config = self._push_blob(client, repository, b"{}")
            body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG} | config, "layers": []}
            path = f"/v2/{repository}/manifests/{tag}"
            answer = client.put(path, content=json.dumps(body), headers={"Content-Type": MANIFEST}).raise_for_status()
            return f"{self.host}/{repository}@{answer.headers['Docker-Content-Digest']}"

    @staticmethod
    def _push_blob(client: httpx.Client, repository: str, content: bytes) -> dict[str, str | int]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        where = client.post(f"/v2/{repository}/blobs/uploads/").raise_for_status().headers["Location"]
        to = httpx.URL(where).copy_merge_params({"digest": digest})
        client.put(to, content=content, headers={"Content-Type": "application/octet-stream"}).raise_for_status()
        return {"digest": digest, "size": len(content)}

    def _client(self) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=str(self._certificate))
        return httpx.Client(
            base_url=f"https://{self.host}", auth=(USER, PASSWORD), verify=trusted, trust_env=False, timeout=10
        )

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return client.get("/v2/").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
