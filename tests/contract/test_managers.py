"""Who set a field last, as managedFields tell it."""

from tests.cluster.api import Json, Namespace, a_deployment, eventually, image_patch

APP = 'k:{"name":"app"}'


def managers_of_the_image(deployment: Json, container: str = APP) -> list[str]:
    """The managers that own the image of a container of the template."""
    found = []
    for entry in deployment["metadata"]["managedFields"]:
        fields = entry["fieldsV1"]
        for step in ("f:spec", "f:template", "f:spec", "f:containers", container):
            fields = fields.get(step, {})
        if "f:image" in fields:
            found.append(entry["manager"])
    return found


def test_a_creator_manages_what_it_set(namespace: Namespace) -> None:
    made = namespace.create("deployments", a_deployment(replicas=0), fieldManager="creator")

    assert managers_of_the_image(made) == ["creator"]
    (entry,) = made["metadata"]["managedFields"]
    assert {name: entry[name] for name in ("manager", "operation", "apiVersion", "fieldsType")} == {
        "manager": "creator",
        "operation": "Update",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
    }
    assert entry["time"].endswith("Z")
    assert {".", "f:image", "f:name"} <= set(entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"][APP])


def test_the_one_that_changed_the_image_last_manages_it_alone(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=0), fieldManager="creator")

    first = namespace.patch("deployments", "web", image_patch("b:2"), fieldManager="first")
    second = namespace.patch("deployments", "web", image_patch("b:3"), fieldManager="second")
    third = namespace.patch("deployments", "web", image_patch("b:3"), fieldManager="third")

    assert managers_of_the_image(first) == ["first"]
    assert managers_of_the_image(second) == ["second"]
    assert managers_of_the_image(third) == ["second"]
    assert {entry["manager"] for entry in second["metadata"]["managedFields"]} >= {"creator", "second"}


def test_without_a_name_the_client_program_is_the_manager(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=0), fieldManager="creator")
    namespace.http.headers["User-Agent"] = "some-program/1.2 (linux)"
    try:
        patched = namespace.patch("deployments", "web", image_patch("b:2"))
    finally:
        del namespace.http.headers["User-Agent"]

    assert managers_of_the_image(patched) == ["some-program"]


def test_one_manager_s_annotation_is_not_another_s_image(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(replicas=0), fieldManager="creator")

    patched = namespace.patch(
        "deployments", "web", {"metadata": {"annotations": {"example.test/run": "1"}}}, fieldManager="noter"
    )

    assert managers_of_the_image(patched) == ["creator"]
    noter = next(entry for entry in patched["metadata"]["managedFields"] if entry["manager"] == "noter")
    assert "f:example.test/run" in noter["fieldsV1"]["f:metadata"]["f:annotations"]
    assert "f:spec" not in noter["fieldsV1"]


def test_the_controllers_take_nothing_from_the_template_s_managers(namespace: Namespace) -> None:
    namespace.create("deployments", a_deployment(), fieldManager="creator")

    eventually(lambda: namespace.get("deployments", "web")["status"].get("availableReplicas"))

    assert managers_of_the_image(namespace.get("deployments", "web")) == ["creator"]
