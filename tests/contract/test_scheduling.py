"""Which node a pod is put on, and what is told of one that no node fits."""

from tests.cluster.api import Json, Namespace, a_pod, eventually

NODE = {"kubernetes.io/hostname": "node-1"}
NOWHERE = {"example.test/no": "node"}


def nodes_of(namespace: Namespace) -> list[Json]:
    items: list[Json] = namespace.http.get("/api/v1/nodes").json()["items"]
    return items


def selecting(name: str, labels: Json) -> Json:
    """A pod for nodes of these labels."""
    pod = a_pod(name)
    pod["spec"]["nodeSelector"] = labels
    return pod


def test_a_pod_is_put_on_a_node_that_it_selects(namespace: Namespace) -> None:
    for number in range(3):
        namespace.create("pods", selecting(f"web-{number}", NODE))

    eventually(lambda: all(pod["spec"].get("nodeName") for pod in namespace.items("pods")))

    assert {pod["spec"]["nodeName"] for pod in namespace.items("pods")} == {"node-1"}


def test_a_pod_that_no_node_fits_says_why_and_nothing_of_its_containers(namespace: Namespace) -> None:
    # The taint of a node that has just become ready stays for a moment, and would be the reason then.
    eventually(lambda: not any("taints" in node["spec"] for node in nodes_of(namespace)))
    count = len(nodes_of(namespace))
    namespace.create("pods", selecting("web", NOWHERE))

    pod = eventually(lambda: found if (found := namespace.get("pods", "web"))["status"].get("conditions") else None)
    (event,) = eventually(lambda: namespace.events_of("web"))

    assert pod is not None
    (condition,) = pod["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")
    why = f"0/{count} nodes are available: {count} node(s) didn't match Pod's node affinity/selector. "
    assert condition["message"].startswith(why)
    assert pod["status"]["phase"] == "Pending"
    assert not {"containerStatuses", "startTime", "hostIP"} & set(pod["status"])
    assert "nodeName" not in pod["spec"]
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "FailedScheduling", condition["message"])
    assert (event["reportingComponent"], event["source"], event["eventTime"][-1]) == ("default-scheduler", {}, "Z")


def test_a_pod_that_no_node_fits_is_deleted_at_once(namespace: Namespace) -> None:
    namespace.create("pods", selecting("web", NOWHERE))
    eventually(lambda: namespace.get("pods", "web")["status"].get("conditions"))

    namespace.http.delete(namespace.path("pods", "web"))

    assert namespace.names("pods") == []
