"""The scheduler and the nodes: every pod gets a node, and its containers the life that their images ask for."""

import asyncio
from collections.abc import Iterable

from runmend.local.sandbox import images, volumes
from runmend.local.sandbox.containers import Container
from runmend.local.sandbox.events import Recorder
from runmend.local.sandbox.fields import managed
from runmend.local.sandbox.resources import NODES, PODS, Object
from runmend.local.sandbox.store import Change, Store, copied, timestamp

# A test that sets a pod's status itself puts this annotation on it ("true"): its kubelet then leaves the status alone.
FROZEN = "sandbox.runmend.io/frozen"
_STOP_S = 0.2


class Kubelets:
    """Schedules pods and runs those of every node."""

    def __init__(self, store: Store, nodes: int) -> None:
        self._store = store
        self._scheduler = Recorder(store, "default-scheduler")
        self._nodes = [f"node-{number}" for number in range(nodes)]
        self._recorders = {name: Recorder(store, "kubelet", name) for name in self._nodes}
        self._images: dict[str, set[str]] = {name: set() for name in self._nodes}
        self._workers: dict[str, Worker] = {}
        self._turn = 0
        for number, name in enumerate(self._nodes):
            store.put(NODES, _node(name, number))

    def on_change(self, change: Change) -> None:
        """A pod came, changed or went; or a node changed, which may take pods now that none took before."""
        if change.resource == NODES and change.old and change.old.get("spec") != (change.new or {}).get("spec"):
            self._look_again()
        if change.resource != PODS:
            return
        if change.new is None:
            self._forget(change.old)
            return
        pod = change.new
        worker = self._workers.get(pod["metadata"]["uid"])
        if worker is not None:
            worker.on_change(pod)
        elif change.old is None:
            asyncio.get_running_loop().call_soon(self._schedule, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _look_again(self) -> None:
        for pod in list(self._store.each(PODS)):
            if not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]:
                name = pod["metadata"]["namespace"], pod["metadata"]["name"]
                asyncio.get_running_loop().call_soon(self._schedule, *name)

    async def stop(self) -> None:
        """End every pod's tasks."""
        tasks = [task for worker in self._workers.values() for task in worker.cancel()]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, namespace: str, name: str) -> None:
        pod = self._store.find(PODS, namespace, name)
        if pod is None or not self._nodes or pod["metadata"]["uid"] in self._workers:
            return
        node = pod["spec"].get("nodeName")
        if not node:
            fitting = [name for name in self._nodes if self._fits(pod, name)]
            if not fitting:
                self._leave(pod)
                return
            node = fitting[self._turn % len(fitting)]
            self._turn += 1
            pod = self._bind(pod, {"status": "True"}, node)
            self._scheduler.note(
                PODS, pod, "Normal", "Scheduled", "Binding", f"Successfully assigned {namespace}/{name} to {node}"
            )
        if node in self._recorders:
            worker = Worker(self._store, self._recorders[node], self._images[node], pod)
            self._workers[pod["metadata"]["uid"]] = worker
            worker.start()

    def _fits(self, pod: Object, name: str) -> bool:
        node = self._store.find(NODES, "", name) or {"metadata": {}, "spec": {}}
        labels = node["metadata"].get("labels") or {}
        if node["spec"].get("unschedulable"):
            return False
        return all(labels.get(key) == value for key, value in (pod["spec"].get("nodeSelector") or {}).items())

    def _leave(self, pod: Object) -> None:
        """Say that no node fits."""
        count = len(self._nodes)
        why = (
            f"0/{count} nodes are available: {count} node(s) didn't match Pod's node affinity/selector. no new "
            "claims to deallocate, "
        )
        why += f"preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling."
        pod = self._bind(pod, {"status": "False", "reason": "Unschedulable", "message": why})
        self._scheduler.note(PODS, pod, "Warning", "FailedScheduling", "Scheduling", why)

    def _bind(self, pod: Object, scheduled: Object, node: str = "") -> Object:
        condition = {"type": "PodScheduled", "lastProbeTime": None, "lastTransitionTime": timestamp(), **scheduled}
        spec = pod["spec"] | ({"nodeName": node} if node else {})
        bound = {"metadata": dict(pod["metadata"]), "spec": spec, "status": pod["status"] | {"conditions": [condition]}}
        return self._store.put(PODS, pod | bound)

    def _forget(self, pod: Object | None) -> None:
        worker = self._workers.pop(pod["metadata"]["uid"], None) if pod is not None else None
        if worker is not None and pod is not None:
            worker.cancel()
            self._recorders[pod["spec"]["nodeName"]].forget(pod["metadata"]["uid"])


class Worker:
    """One pod on its node; the containers' view of it."""

    def __init__(self, store: Store, recorder: Recorder, present: set[str], pod: Object) -> None:
        self._store = store
        self._recorder = recorder
        self._present = present
        self._pod = pod
        self._began = timestamp()
        self._inits = [Container(self, copied(spec), init=True) for spec in pod["spec"].get("initContainers") or []]
        self._containers = [Container(self, copied(spec), init=False) for spec in pod["spec"]["containers"]]
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: asyncio.Task[None] | None = None
        self._mounted = False

    @property
    def restart_policy(self) -> str:
        """Always, OnFailure or Never."""
        return str(self._pod["spec"]["restartPolicy"])

    @property
    def title(self) -> str:
        """The pod as messages about restarts name it."""
        metadata = self._pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    def start(self) -> None:
        """Say that the pod is being made, and let its containers live."""
        if self._inits:
            for container in [*self._inits, *self._containers]:
                container.state = {"waiting": {"reason": "PodInitializing"}}
        self.publish()
        self._tasks[""] = asyncio.get_running_loop().create_task(self._run())

    def on_change(self, pod: Object) -> None:
        """The pod object changed: it may be ending, or a container may have another image."""
        was_frozen, self._pod = _is_frozen(self._pod), pod
        if "deletionTimestamp" in pod["metadata"]:
            if self._ending is None:
                self._ending = asyncio.get_running_loop().create_task(self._end())
            return
        specs = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        for container, spec in zip([*self._inits, *self._containers], specs, strict=True):
            if container.spec["image"] != spec["image"]:
                self._replace(container, spec)
        if was_frozen and not _is_frozen(pod):
            self.publish()

    def cancel(self) -> list[asyncio.Task[None]]:
        """End all tasks; they are returned to be waited for."""
        tasks = [*self._tasks.values(), *([self._ending] if self._ending is not None else [])]
        for task in tasks:
            task.cancel()
        return tasks

    def record(self, kind: str, reason: str, message: str, path: str = "") -> None:
        """Record an event about the pod."""
        if not _is_frozen(self._pod):
            self._recorder.record(PODS, self._pod, kind, reason, message, path=path)

    def authorized(self, image: str) -> tuple[bool, list[str]]:
        """Whether the pod has credentials for an image, and which of its pull secrets are not there."""
        return images.authorized(self._store, self._pod, image)

    def on_node(self, image: str) -> bool:
        """Whether the node has the image, and needs no credentials for it."""
        return image in self._present and images.behaviour(image) != "unauthorized"

    def pulled(self, image: str) -> None:
        """The node has the image from now on."""
        self._present.add(image)

    def publish(self) -> None:
        """Write the containers' states into the pod's status, if they differ from it."""
        pod = self._store.find(PODS, self._pod["metadata"]["namespace"], self._pod["metadata"]["name"])
        if pod is None or pod["metadata"]["uid"] != self._pod["metadata"]["uid"] or _is_frozen(pod):
            return
        status = self._status(pod["status"])
        if status != pod["status"]:
            new = pod | {"metadata": dict(pod["metadata"]), "status": status}
            new["metadata"]["managedFields"] = managed(PODS, pod, new, "kubelet", "status")
            self._store.put(PODS, new)

    async def _mount(self) -> None:
        """Mount the volumes, again and again while that fails: only then is anything of the pod made."""
        wait = volumes.FIRST_WAIT_S
        while told := volumes.not_mounted(self._store, self._pod):
            for message in told:
                self.record("Warning", "FailedMount", message)
            await asyncio.sleep(wait)
            wait = min(2 * wait, volumes.LONGEST_WAIT_S)
        self._mounted = True

    async def _run(self) -> None:
        await asyncio.sleep(0)
        await self._mount()
        for container in self._inits:
            task = self._live(container)
            await container.done.wait()
            if not container.succeeded:
                return
            task.cancel()
        for container in self._containers:
            if self._inits:
                container.state = {"waiting": {"reason": "PodInitializing"}}
            self._live(container)

    def _live(self, container: Container) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(container.run())
        self._tasks[container.spec["name"]] = task
        return task

    def _replace(self, container: Container, spec: Object) -> None:
        container.spec = copied(spec)
        task = self._tasks.get(spec["name"])
        if task is None or task.done():
            return
        task.cancel()
        if "running" in container.state:
            self.record(
                "Normal",
                "Killing",
                f"Container {spec['name']} definition changed, will be restarted",
                f"spec.containers{{{spec['name']}}}",
            )
            container.restarts += 1
        self._live(container)

    async def _end(self) -> None:
        for container in self._containers:
            if "running" in container.state:
                name = container.spec["name"]
                self.record("Normal", "Killing", f"Stopping container {name}", f"spec.containers{{{name}}}")
        await asyncio.sleep(min(_STOP_S, self._pod["metadata"].get("deletionGracePeriodSeconds", _STOP_S)))
        for task in self._tasks.values():
            task.cancel()
        self._store.drop(PODS, self._pod)

    def _status(self, before: Object) -> Object:
        inits = [container.status for container in self._inits]
        containers = [container.status for container in self._containers]
        known = {condition["type"]: condition for condition in before.get("conditions") or []}
        phase = _phase(self.restart_policy, self._inits, self._containers)
        conditions = _conditions(phase, inits, containers, made=self._mounted)
        status = {
            "phase": phase,
            "conditions": [_kept(known.get(new["type"]), new) for new in conditions],
            "hostIP": "192.0.2.2",
            "podIP": "192.168.192.168",
            "startTime": self._began,
            "containerStatuses": containers,
            "qosClass": before.get("qosClass", "BestEffort"),
        }
        return status | ({"initContainerStatuses": inits} if inits else {})


def _phase(policy: str, inits: Iterable[Container], containers: Iterable[Container]) -> str:
    """The phase as the kubelet computes it: Pending while any container has not started once."""
    for init in inits:
        if not init.succeeded:
            return "Failed" if "terminated" in init.state and policy == "Never" else "Pending"
    states = [container.state if "waiting" not in container.state else container.last for container in containers]
    if not all(states):
        return "Pending"
    if any("running" in state for state in states) or policy == "Always":
        return "Running"
    codes = [state["terminated"]["exitCode"] for state in states]
    if not any(codes):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _conditions(phase: str, inits: list[Object], containers: list[Object], *, made: bool) -> list[Object]:
    waiting = [status["name"] for status in inits if not status["ready"]]
    unready = [status["name"] for status in containers if not status["ready"]]
    ready = _because(unready, "ContainersNotReady", "containers with unready status: [{}]")
    if phase == "Failed":
        ready = {"status": "False", "reason": "PodFailed"}
    told = {
        "PodReadyToStartContainers": {"status": "True" if made and phase != "Failed" else "False"},
        "Initialized": _because(waiting, "ContainersNotInitialized", "containers with incomplete status: [{}]"),
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": {"status": "True"},
    }
    times = {"lastProbeTime": None, "lastTransitionTime": timestamp()}
    return [{"type": kind, **times, **condition} for kind, condition in told.items()]


def _because(missing: list[str], reason: str, message: str) -> Object:
    """True where nothing is missing, else false because of that."""
    return (
        {"status": "False", "reason": reason, "message": message.format(" ".join(missing))}
        if missing
        else {"status": "True"}
    )


def _kept(old: Object | None, new: Object) -> Object:
    if old is not None and old["status"] == new["status"]:
        return new | {"lastTransitionTime": old["lastTransitionTime"]}
    return new


def _is_frozen(pod: Object) -> bool:
    return (pod["metadata"].get("annotations") or {}).get(FROZEN) == "true"


def _node(name: str, number: int) -> Object:
    now = timestamp()
    told = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    )
    conditions = [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for kind, status, reason, message in told
    ]
    amounts = {"cpu": "1", "memory": "3840Mi", "pods": "110"}
    addresses = [{"type": "InternalIP", "address": f"192.0.2.{number + 2}"}, {"type": "Hostname", "address": name}]
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {"providerID": f"sandbox://{name}"},
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": conditions,
            "addresses": addresses,
            "nodeInfo": {
                **dict.fromkeys(
                    ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion"), ""
                ),
                "containerRuntimeVersion": "sandbox://1",
                "kubeletVersion": "v1.36.3",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }
