"""What a runbook may call a state of a pod, a container or a node, and how Kubernetes shows it: reasons, conditions and
events, and for which of them a container lingers in it.
"""

from runmend.facts.states import EventSign, State

_PULL_EVENTS = (
    EventSign(reason="Failed", starts="Failed to pull image"),
    EventSign(reason="Failed", starts="Error: ErrImagePull"),
    EventSign(reason="Failed", starts="Error: RegistryUnavailable"),
    EventSign(reason="Failed", starts="Error: SignatureValidationFailed"),
    EventSign(reason="Failed", starts="Error: ImagePullBackOff"),
    EventSign(reason="BackOff", starts="Back-off pulling image"),
)
# The waiting reason alternates between the first and one of the others while the kubelet waits, and tries again. The
# last two are what some container runtimes say instead of ErrImagePull.
_PULL_WAITING = ("ImagePullBackOff", "ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed")

STATES: dict[str, State] = {
    state.name: state
    for state in (
        State(name="ImagePullBackOff", waiting=_PULL_WAITING, events=_PULL_EVENTS),
        State(name="ErrImagePull", waiting=_PULL_WAITING, events=_PULL_EVENTS),
        State(
            name="CrashLoopBackOff",
            waiting=("CrashLoopBackOff",),
            lingers=True,
            events=(EventSign(reason="BackOff", starts="Back-off restarting failed container"),),
            aliases=("crashloop", "crashlooping"),
        ),
        State(name="OOMKilled", terminated=("OOMKilled",), lingers=True, aliases=("oom",)),
        State(
            name="ContainerCreating",
            waiting=("ContainerCreating",),
            passing=True,
            events=(
                EventSign(reason="FailedMount"),
                EventSign(reason="FailedAttachVolume"),
                EventSign(reason="FailedCreatePodSandBox"),
            ),
        ),
        State(name="CreateContainerConfigError", waiting=("CreateContainerConfigError",)),
        State(name="CreateContainerError", waiting=("CreateContainerError",)),
        State(name="RunContainerError", waiting=("RunContainerError",)),
        State(
            name="InvalidImageName",
            waiting=("InvalidImageName",),
            events=(EventSign(reason="InspectFailed", starts="Failed to apply default image tag"),),
        ),
        State(
            name="ErrImageNeverPull",
            waiting=("ErrImageNeverPull",),
            events=(EventSign(reason="ErrImageNeverPull"),),
        ),
        State(
            name="Unschedulable",
            pod="unschedulable",
            events=(EventSign(reason="FailedScheduling"),),
        ),
        State(name="Evicted", pod="evicted", events=(EventSign(reason="Evicted"),)),
        State(name="NotReady", node="!node.ready", aliases=("unready",), events=(EventSign(reason="NodeNotReady"),)),
        State(name="SchedulingDisabled", node="!node.schedulable", aliases=("cordoned", "unschedulable")),
        State(name="MemoryPressure", node="node.memory_pressure"),
        State(name="DiskPressure", node="node.disk_pressure"),
        State(name="PIDPressure", node="node.pid_pressure"),
        State(name="NetworkUnavailable", node="node.network_unavailable"),
    )
}
OF_CONTAINERS: tuple[str, ...] = tuple(state.name for state in STATES.values() if state.of_containers)
"""The states that containers are in."""
