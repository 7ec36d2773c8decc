"""One container of a pod, as a kubelet keeps it: pulled, started, and started again when it ends."""

import asyncio
from typing import Protocol

from runmend.local.sandbox import images
from runmend.local.sandbox.resources import Object
from runmend.local.sandbox.store import timestamp

# A kubelet looks at a pod in trouble about this often; each look says again what is wrong.
SYNC_S = 2.0
START_S = 0.05
INIT_S = 0.2
FIRST_BACK_OFF_S = 10.0
LONGEST_BACK_OFF_S = 300.0


class Pod(Protocol):
    """What a container needs of the pod that it is in."""

    def record(self, kind: str, reason: str, message: str, path: str = "") -> None:
        """Record an event about the pod."""

    def publish(self) -> None:
        """Write the containers' states into the pod's status."""

    def authorized(self, image: str) -> tuple[bool, list[str]]:
        """Whether the pod has credentials for an image, and which of its pull secrets are not there."""

    def on_node(self, image: str) -> bool:
        """Whether the node has the image already."""

    def pulled(self, image: str) -> None:
        """The node has the image from now on."""

    @property
    def restart_policy(self) -> str:
        """Always, OnFailure or Never."""

    @property
    def title(self) -> str:
        """The pod as messages about restarts name it: `name_namespace(uid)`."""


class Container:
    """The life of a container; `run` ends only when the container ended for good."""

    def __init__(self, pod: Pod, spec: Object, *, init: bool) -> None:
        self.spec = spec
        self.init = init
        self.ready = False
        self.restarts = 0
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last: Object = {}
        self.done = asyncio.Event()
        self._pod = pod
        self._started = False
        self._id = ""
        self._back_off_s = FIRST_BACK_OFF_S
        self._began = ""
        self._ended: Object = {}

    @property
    def status(self) -> Object:
        """As the pod's status shows it."""
        image = self.spec["image"]
        status = {
            "name": self.spec["name"],
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": image,
            "imageID": image if self._id else "",
            "started": self._started,
        }
        return status | ({"containerID": self._id} if self._id else {})

    @property
    def succeeded(self) -> bool:
        """It ended with 0."""
        return bool(self.state.get("terminated", {}).get("exitCode") == 0)

    async def run(self) -> None:
        """Pull, start, wait for the end, start again."""
        while True:
            await self._pull()
            await asyncio.sleep(START_S)
            self._start()
            exit_code, reason = await self._until_exit()
            self._end(exit_code, reason)
            policy = self._pod.restart_policy
            if policy == "Never" or (exit_code == 0 and (self.init or policy == "OnFailure")):
                self.done.set()
                return
            await asyncio.sleep(SYNC_S / 2)
            if self.restarts:
                await self._back_off()
            self.last = {"terminated": self._ended}
            self.restarts += 1

    async def _pull(self) -> None:
        image, delay = self.spec["image"], FIRST_BACK_OFF_S
        while why := images.misspelt(image):
            self._record("Warning", "InspectFailed", why)
            self._record("Warning", "Failed", "Error: InvalidImageName")
            self._wait("InvalidImageName", why)
            await asyncio.sleep(SYNC_S)
        if self.spec.get("imagePullPolicy") != "Always" and self._pod.on_node(image):
            self._record(
                "Normal",
                "Pulled",
                f'Container image "{image}" already present on machine and can be accessed by the pod',
            )
            return
        while error := await self._try_to_pull(image):
            self._wait("ErrImagePull", error)
            until = _now() + delay
            await asyncio.sleep(SYNC_S / 2)
            while _now() < until:
                self._record("Normal", "BackOff", f'Back-off pulling image "{image}"')
                self._record("Warning", "Failed", "Error: ImagePullBackOff")
                self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {error}')
                await asyncio.sleep(max(0.0, min(SYNC_S, until - _now())))
            delay = min(2 * delay, LONGEST_BACK_OFF_S)

    async def _try_to_pull(self, image: str) -> str:
        authorized, absent = self._pod.authorized(image)
        if absent:
            names = ", ".join(absent)
            message = (
                f"Unable to retrieve some image pull secrets ({names}); attempting to pull the image may not succeed."
            )
            self._pod.record("Warning", "FailedToRetrieveImagePullSecret", message)
        self._record("Normal", "Pulling", f'Pulling image "{image}"')
        took = images.SLOW_S if images.behaviour(image) == "slow" else 0.0
        await asyncio.sleep(took)
        error = images.pull_error(image, authorized=authorized)
        if error:
            self._record("Warning", "Failed", f'Failed to pull image "{image}": {error}')
            self._record("Warning", "Failed", "Error: ErrImagePull")
        else:
            self._pod.pulled(image)
            time = f"{took:.0f}s ({took:.0f}s including waiting)"
            self._record("Normal", "Pulled", f'Successfully pulled image "{image}" in {time}. Image size: 0 bytes.')
        return error

    def _start(self) -> None:
        self._record("Normal", "Created", "Container created")
        self._record("Normal", "Started", "Container started")
        self._id = f"sandbox://{self._pod.title}/{self.spec['name']}/{self.restarts}"
        self._began = timestamp()
        self.state = {"running": {"startedAt": self._began}}
        self._started = True
        self.ready = not self.init and "readinessProbe" not in self.spec
        self._pod.publish()

    async def _until_exit(self) -> tuple[int, str]:
        ending = images.exit_of(self.spec)
        if ending is not None:
            await asyncio.sleep(images.EXIT_S)
            return ending
        if self.init:
            await asyncio.sleep(INIT_S)
            return 0, "Completed"
        await self._probe()
        await asyncio.Event().wait()  # until the pod is deleted
        return 0, "Completed"

    async def _probe(self) -> None:
        probe = self.spec.get("readinessProbe")
        if not probe:
            return
        await asyncio.sleep(probe.get("initialDelaySeconds", 0))
        while images.behaviour(self.spec["image"]) == "unhealthy":
            self._record("Warning", "Unhealthy", "Readiness probe failed: unhealthy")
            await asyncio.sleep(probe["periodSeconds"])
        self.ready = True
        self._pod.publish()

    def _end(self, exit_code: int, reason: str) -> None:
        times = {"startedAt": self._began, "finishedAt": timestamp()}
        self._ended = {"exitCode": exit_code, "reason": reason, **times, "containerID": self._id}
        self.state = {"terminated": self._ended}
        self._started = False
        self.ready = self.init and exit_code == 0
        self._pod.publish()

    async def _back_off(self) -> None:
        delay, name, title = self._back_off_s, self.spec["name"], self._pod.title
        self._back_off_s = min(2 * delay, LONGEST_BACK_OFF_S)
        self.last = {"terminated": self._ended}
        until = _now() + delay - SYNC_S / 2
        while _now() < until:
            self._record("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {title}")
            self._wait(
                "CrashLoopBackOff", f"back-off {delay_text(delay)} restarting failed container={name} pod={title}"
            )
            await asyncio.sleep(max(0.0, min(SYNC_S, until - _now())))

    def _wait(self, reason: str, message: str) -> None:
        self.state = {"waiting": {"reason": reason, "message": message}}
        self.ready = self._started = False
        self._pod.publish()

    def _record(self, kind: str, reason: str, message: str) -> None:
        field = "initContainers" if self.init else "containers"
        self._pod.record(kind, reason, message, f"spec.{field}{{{self.spec['name']}}}")


def delay_text(seconds: float) -> str:
    """As Go prints a duration: `10s`, `2m40s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _now() -> float:
    return asyncio.get_running_loop().time()
