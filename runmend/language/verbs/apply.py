"""`kubectl apply -f -` of a document that stands in the runbook: an object beside the target, by server-side apply."""

import copy
import re
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from runmend.alerts.alert import Target
from runmend.core.errors import NotFound
from runmend.core.frozen import Frozen
from runmend.core.kinds import KINDS, Kind, kind_named
from runmend.core.names import dns_subdomain
from runmend.core.wording import listed, quoted
from runmend.core.yaml_tree import Mapping, Node, Scalar, Sequence, YamlError, read_yaml
from runmend.language.needs import Needs, Right, Write
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more
from runmend.language.verbs.values import ANY_OF_RUN, checked, one_line
from runmend.language.verbs.verb import Changing, Situation, Verb
from runmend.plan.edit import Beside, Edit
from runmend.plan.notes import NOTES
from runmend.plan.operations import Operation

if TYPE_CHECKING:
    from runmend.kube.client import Cluster

_NOT: Final = frozenset({"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision", "Event"})
APPLIED: Final = tuple(kind.name for kind in KINDS if kind.namespaced and kind.name not in _NOT)
_HARMLESS: Final = frozenset({"ConfigMap", "Secret", "Service", "ServiceAccount", "Job", "PersistentVolumeClaim"})
"""What takes nothing from anybody where it is new."""
_PRINTABLE: Final = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")
_NOTE: Final = ("metadata", "annotations", NOTES)
EXAMPLE: Final = """kubectl apply -n {namespace} -f - <<EOF
apiVersion: v1
kind: ConfigMap
metadata:
  name: web-config
data:
  mode: safe
EOF"""


class Apply(Frozen):
    """The document, with placeholders in its texts."""

    document: dict[str, JsonValue]


def _command(command: Command) -> Operation | None:
    good = no_more(command.words, command, "write kubectl apply -f - with the document behind it")
    if flag(command, "--filename") != "-" or not command.document.strip():
        command.error("no document stands behind the command", "write kubectl apply -f - <<EOF, the document, and EOF")
        return None
    document = _document(command)
    kind = _kind(document, command) if document else None
    if document is None or kind is None:
        return None
    good = _metadata(document, kind, command) and in_namespace(command, kind) and good
    metadata = document.get("metadata")
    if not good or not isinstance(metadata, dict):
        return None
    arguments = Apply(document=document).model_dump(mode="json")
    return Operation(
        verb=VERB.words, kind=kind.name, name=str(metadata["name"]), namespace=NAMESPACE, arguments=arguments
    )


def _document(command: Command) -> dict[str, JsonValue] | None:
    try:
        node = read_yaml(command.document)
    except YamlError as error:
        command.error(f"the document is not YAML: {error.problem}", "correct it; one document is applied at a time")
        return None
    if not isinstance(node, Mapping):
        command.error("the document is no mapping", "write apiVersion, kind, metadata and what else it has")
        return None
    body = _json(node, command)
    return body if isinstance(body, dict) else None


def _json(node: Node, command: Command) -> JsonValue:
    if isinstance(node, Mapping):
        for key, _ in node.entries:
            command.refuse_placeholders(key.value, "a key of the document")
        return {key.value: _json(value, command) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [_json(item, command) for item in node.items]
    return _scalar(node, command)


def _scalar(node: Scalar, command: Command) -> JsonValue:
    match node.kind:
        case "a boolean":
            return node.is_true
        case "empty":
            return None
        case "a number":
            return float(node.value) if re.search(r"[.eE]", node.value) else int(node.value, 0)
    if "\n" in node.value:  # a file of its own, which may have braces
        return node.value if _PRINTABLE.fullmatch(node.value) else _unprintable(command)
    good = command.check(node.value, "a value of the document", one_line, ANY_OF_RUN)
    return command.filled(node.value) if good else ""


def _unprintable(command: Command) -> JsonValue:
    command.error("the document holds characters that cannot be printed", "remove them")
    return ""


def _kind(document: dict[str, JsonValue], command: Command) -> Kind | None:
    version, name = str(document.get("apiVersion") or ""), str(document.get("kind") or "")
    group = version.rpartition("/")[0]
    found = kind_named(f"{name}.{group}" if group else name)
    if found and found.custom:
        return found
    if found and found.name == name and found.api_version == version and name in APPLIED:
        return found
    command.error(
        f"a document of kind {quoted(name)} in {quoted(version)} is not applied",
        f"it is done to {listed([f'{kind.name} ({kind.api_version})' for kind in KINDS if kind.name in APPLIED])}, "
        "and to custom resources; workloads are patched",
    )
    return None


def _metadata(document: dict[str, JsonValue], kind: Kind, command: Command) -> bool:
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        command.error("the document names no object", "write metadata: with a name: below it")
        return False
    good = command.check(str(metadata["name"]), "the object's name", dns_subdomain, ANY_OF_RUN)
    if strange := metadata.keys() - {"name", "namespace", "labels", "annotations"}:
        command.error(
            f"the document sets metadata.{min(strange)}", "remove it; a name, labels and annotations may be set"
        )
        good = False
    if metadata.get("namespace", NAMESPACE) != NAMESPACE:
        command.error("the document names a namespace", f"leave it out, or write {NAMESPACE}")
        good = False
    if "status" in document:
        command.error("the document sets status", "remove it; controllers write that")
        good = False
    if kind.name == "Secret" and document.keys() & {"data", "stringData"}:
        command.error("the document holds what is in a Secret", "remove it: what a runbook holds is no secret")
        good = False
    return good


def filled(value: JsonValue, values: dict[str, str]) -> JsonValue:
    """A document with the placeholders of its texts filled."""
    match value:
        case dict():
            return {key: filled(each, values) for key, each in value.items()}
        case list():
            return [filled(each, values) for each in value]
        case str() if "{" in value and "\n" not in value:
            return checked(value, values, "text")
    return value


def _beside(arguments: Apply, cluster: "Cluster", situation: Situation) -> Beside:
    body = filled(copy.deepcopy(arguments.document), dict(situation.values))
    assert isinstance(body, dict)  # noqa: S101  a document
    kind = kind_named(f"{body['kind']}.{str(body['apiVersion']).rpartition('/')[0]}") or kind_named(str(body["kind"]))
    metadata = body["metadata"]
    assert kind  # noqa: S101  looked at when it was compiled
    assert isinstance(metadata, dict)  # noqa: S101  the same
    target = situation.now.target
    made = Target(cluster=target.cluster, namespace=target.namespace, kind=kind.name, name=str(metadata["name"]))
    body["metadata"] = {**metadata, "namespace": target.namespace}
    new = False
    if kind.name in _HARMLESS:
        try:
            cluster.read(kind.name, made.namespace, made.name, metadata_only=True)
        except NotFound:
            new = True
    return Beside(how=Edit.APPLY, object=made, body=body, harmless=new)


def rights(operation: Operation) -> Needs:
    """What it needs in RBAC."""
    kind = kind_named(operation.kind)
    assert kind  # noqa: S101  a compiled operation
    verbs = ("get", "create", "patch")
    return Needs(
        rights=(Right(kind.group, (kind.plural,), verbs, f"A runbook applies a {kind.name}."),),
        writes=(
            Write("CREATE", f"{kind.group}/{kind.plural}"),
            Write("UPDATE", f"{kind.group}/{kind.plural}", _fields(operation.arguments["document"])),
        ),
    )


def _fields(document: JsonValue) -> tuple[tuple[str, ...], ...]:
    keys = (
        [key for key in document if key not in ("apiVersion", "kind", "metadata")] if isinstance(document, dict) else []
    )
    return (*((key,) for key in keys), ("metadata", "labels"), ("metadata", "annotations"), _NOTE)


VERB = Verb(
    words="apply",
    summary="Makes an object beside the target as a document in the runbook says, by server-side apply.",
    kinds=APPLIED,
    arguments=Apply,
    command=_command,
    says=lambda apply: f"{apply.document['kind']} as the document says",
    example=EXAMPLE,
    flags=(Flag("--filename", "f", means="`-`: the document that stands behind it", example=EXAMPLE),),
    changing=Changing(beside=_beside, repeatable=True, undoable=False),
    needs_of=rights,
)
