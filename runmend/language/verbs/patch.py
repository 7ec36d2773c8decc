"""`kubectl patch`: fields of an object, by a strategic merge patch, a JSON merge patch or a JSON patch."""

import copy
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping as Values
from itertools import takewhile
from typing import Any, Final, Literal

import jsonpatch
from pydantic import JsonValue

from runmend.core.errors import PreconditionFailed
from runmend.core.frozen import Frozen
from runmend.core.kinds import CUSTOM, OBJECTS, Kind, kind_of_name
from runmend.core.names import dns_label
from runmend.core.wording import quoted
from runmend.core.yaml_tree import Mapping, Node, Scalar, Sequence, YamlError, read_yaml
from runmend.images.references import parse_image
from runmend.language.needs import Field
from runmend.language.verbs.command import NAMESPACE, Command, Flag, flag, in_namespace, no_more, target_of
from runmend.language.verbs.containers import APP, EACH, LISTS, an_example, by_name, found
from runmend.language.verbs.images import images_for, raise_if_already
from runmend.language.verbs.merging import LIST_OF, Filled, merged
from runmend.language.verbs.values import ANY_OF_RUN, checked, one_line
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.language.verbs.writable import in_words, keys_of_lists, writable
from runmend.plan.change import POD_SPEC, TAINTS, Change, Json, named
from runmend.plan.operations import Operation
from runmend.plan.plan import PLACEHOLDER

EXAMPLE = """'{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}'"""
_KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Node", *OBJECTS, CUSTOM)

Types = Literal["strategic", "merge", "json"]


class Patch(Frozen):
    """A patch, with placeholders in its texts."""

    type: Types = "strategic"
    body: JsonValue


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "patch")
    if target is None:
        return None
    kind, name, words = target
    good = no_more(words, command, f"patch one {kind.name}")
    if kind.namespaced:
        good = in_namespace(command, kind) and good
    elif "--namespace" in command.flags:
        command.error("a node is in no namespace", "leave -n out")
        good = False
    type_ = flag(command, "--type", "strategic")
    if type_ not in ("strategic", "merge", "json"):
        command.error(
            f"--type {quoted(type_)} is not a type of patch", "leave --type out; strategic is kubectl's default"
        )
        return None
    if "--patch" not in command.flags:
        command.error("the patch is missing", f"write -p {EXAMPLE}")
        return None
    if type_ == "strategic" and kind.custom:
        command.error("a custom resource takes no strategic patch", "write --type merge")
        return None
    reading = _Reading(command, type_, kind)
    body = reading.read(flag(command, "--patch"))
    if reading.failed or not good:
        return None
    arguments = Patch(type=type_, body=body).model_dump(mode="json")
    namespace = NAMESPACE if kind.namespaced else ""
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=namespace, arguments=arguments)


class _Reading:
    """Walks down one patch, and says of everything that is not wanted where it stands."""

    def __init__(self, command: Command, type_: str, kind: Kind) -> None:
        self._command = command
        self._type = type_
        self._writable = writable(kind)
        self._may = in_words(kind)
        self.failed = False

    def read(self, text: str) -> JsonValue:
        """The patch, JSON or YAML as kubectl takes it."""
        try:
            node = read_yaml(text)
        except YamlError as error:
            self._error(f"the patch is neither JSON nor YAML: {error.problem}", f"write it in single quotes: {EXAMPLE}")
            return None
        if self._type == "json":
            return self._steps(node)
        if not isinstance(node, Mapping) or not node.entries:
            kind = "empty" if node is None or isinstance(node, Mapping) else f"{node.kind}, not a mapping"
            self._error(f"the patch's whole is {kind}", f"write it as {EXAMPLE}")
            return None
        body = self._value(node, ())
        if not self.failed and isinstance(body, dict):
            self._refuse_strange(body)
            self._refuse_ambiguity(body)
        return body

    def _steps(self, node: Node | None) -> JsonValue:
        steps = self._value(node, ()) if node is not None else None
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            self._error("a JSON patch is a list of steps", """write -p '[{"op":"replace","path":"/…","value":…}]'""")
            return None
        tested: set[tuple[str, ...]] = set()
        for step in steps:
            self._step(step if isinstance(step, dict) else {}, tested)
        return steps

    def _step(self, step: dict[str, JsonValue], tested: set[tuple[str, ...]]) -> None:
        """One step; `tested` are the places in the list of taints of which an earlier step tests what stands there."""
        pointer = step.get("path")
        keys = _keys(pointer) if isinstance(pointer, str) else ()
        place = keys[: len(TAINTS) + 1] if keys[: len(TAINTS)] == TAINTS and keys[len(TAINTS) :] else ()
        if step.get("op") not in ("add", "replace", "remove", "test"):
            self._error(
                f"the step {quoted(str(step.get('op')))} is none of a JSON patch", "write add, replace, remove or test"
            )
        elif keys[: len(POD_SPEC) + 1] in LIST_OF:
            self._error(
                "--type json changes containers by their place in the list, which may be another one's by then",
                "leave --type out; strategic is kubectl's default",
            )
        elif step["op"] == "test":
            tested.add(place)
        elif not any(keys[: len(way)] == way for way in self._writable):
            self._error(f"the patch sets {quoted(str(pointer))}", f"remove it; {self._may}")
        elif place and place[-1] != "-" and place not in tested:
            self._error(
                "--type json changes taints by their place in the list, which may be another one's by then",
                f"""begin with {{"op":"test","path":"/{"/".join(place)}/key","value":"…"}}; one more is added at """
                "/spec/taints/-",
            )

    def _value(self, node: Node, path: tuple[str, ...]) -> JsonValue:
        where = _dotted(path)
        if path[-1:] in (("image",), ("name",)) and path[:-2] in LIST_OF and not isinstance(node, Scalar):
            self._error(f"the patch's {where} is {node.kind}, not text", 'put it in double quotes: "…"')
            return None
        if isinstance(node, Mapping):
            made: dict[str, JsonValue] = {}
            for key, value in node.entries:
                if not self._command.refuse_placeholders(key.value, "a key of the patch"):
                    self.failed = True
                elif key.value.startswith("$"):
                    self._error(
                        f"the patch holds the directive {quoted(key.value)} at {where if path else 'its top'}",
                        "remove it; nothing is deleted or replaced by a directive",
                    )
                else:
                    made[key.value] = self._value(value, (*path, key.value))
            return made
        if isinstance(node, Sequence):
            if not node.items and path in LIST_OF:
                self._error(f"the patch's {where} is empty", "name the containers to patch, or leave it out")
            return [self._value(item, (*path, f"[{number}]")) for number, item in enumerate(node.items)]
        return self._scalar(node, path)

    def _scalar(self, node: Scalar, path: tuple[str, ...]) -> JsonValue:
        where = _dotted(path)
        wants_text = path[-1:] in (("image",), ("name",))
        if wants_text and (node.kind != "text" or not node.value):
            what = "empty" if node.kind == "text" else f"{node.kind}, not text"
            self._error(
                f"the patch's {where} is {what}", 'put it in double quotes: "…"' if node.value else "write a value"
            )
            return None
        match node.kind:
            case "a boolean":
                return node.is_true
            case "a number":
                return _number(node.value)
            case "empty":
                return None
        in_list = len(path) > 1 and path[:-2] in LIST_OF
        if in_list and path[-1] == "name":
            good = self._command.check(node.value, "a container's name", dns_label, ("container",))
        elif in_list and path[-1] == "image":
            good = self._command.check(node.value, "an image reference", parse_image)
        else:
            good = self._command.check(node.value, f"the value of {where}", one_line, ANY_OF_RUN)
        self.failed = self.failed or not good
        # An image keeps its placeholder, so that a reader of the plan sees where it comes from; a name is what entries
        # are told apart by.
        return self._command.filled(node.value) if good and path[-1:] == ("name",) else node.value

    def _refuse_strange(self, body: dict[str, JsonValue]) -> None:
        metadata = body.get("metadata")
        heads = {way[0] for way in self._writable}
        strange = [key for key in body if key not in (*heads, "apiVersion", "kind")]
        strange += (
            [f"metadata.{key}" for key in metadata if key not in ("labels", "annotations")]
            if isinstance(metadata, dict)
            else []
        )
        spec = body.get("spec")
        if isinstance(spec, dict) and ("spec",) not in self._writable and "spec" in heads:
            strange += [f"spec.{key}" for key in spec if ("spec", key) not in self._writable]
        for key in strange:
            self._error(f"the patch sets {quoted(key)}", f"remove it; {self._may}")
        for path in LIST_OF:
            listed = _at(body, path)
            where = ".".join(path)
            if listed is None:
                continue
            if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
                self._error(f"the patch's {where} is not a list of containers", f"write it as {EXAMPLE}")
            elif self._type == "merge":
                self._error(
                    "--type merge replaces the whole list of containers",
                    "leave --type out; strategic is kubectl's default",
                )
            elif nameless := [number for number, entry in enumerate(listed) if "name" not in entry]:
                self._error(
                    f"the patch's {where}[{nameless[0]}] has no name", f"name the container and its image: {EXAMPLE}"
                )

    def _refuse_ambiguity(self, body: dict[str, JsonValue]) -> None:
        if self.failed:
            return
        containers, init = ([str(entry["name"]) for entry in _entries(body, listed)] for listed in LISTS)
        names = containers + init
        if EACH in init:
            self._error(
                "{container} stands under initContainers",
                "write it under containers: it means each container that is treated, and goes under "
                "initContainers where it belongs",
            )
        elif EACH in names and len(names) > 1:
            self._error(
                "{container} stands beside other containers", "write it alone: it means each container that is treated"
            )
        for name in sorted({name for name, count in Counter(names).items() if count > 1} - {EACH}):
            self._error(
                f"the patch names the container {quoted(name)} twice",
                "name it once; a pod's containers have different names",
            )

    def _error(self, problem: str, remedy: str) -> None:
        self.failed = True
        self._command.error(problem, remedy)


def _dotted(path: tuple[str, ...]) -> str:
    """`spec.containers[0].name`."""
    return ".".join(path).replace(".[", "[") or "whole"


def _keys(pointer: str) -> tuple[str, ...]:
    """The keys of a JSON pointer (RFC 6901)."""
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:])


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _at(body: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401  JSON
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _entries(body: Any, listed: str) -> list[dict[str, Any]]:  # noqa: ANN401  JSON
    return _at(body, (*POD_SPEC, listed)) or []


def _images(patch: Patch) -> tuple[tuple[str, str], ...]:
    if patch.type != "strategic":
        return ()
    entries = [entry for listed in LISTS for entry in _entries(patch.body, listed)]
    return tuple((str(entry["name"]), str(entry["image"])) for entry in entries if "image" in entry)


def _effect(patch: Patch, situation: Situation) -> Json:
    if patch.type == "json":
        return _stepped(patch.body, situation)
    if patch.type == "merge":
        replaced: Json = merged(situation.item, _filled(patch.body, situation.values), {})
        return replaced
    _raise_if_no_help(patch, situation)
    keys = keys_of_lists(kind_of_name(situation.now.target.kind))
    made: Json = merged(situation.item, _placed(patch.body, situation), keys)
    return made


def _raise_if_no_help(patch: Patch, situation: Situation) -> None:
    """Where images are what the patch gives, every treated container is given one that it does not run yet."""
    images = _images(patch)
    if not images:
        return
    containers = by_name(situation.item)
    for name, image in images_for(images, situation).items():
        label = next((one.named for one in situation.treated if one.container == name), named(name))
        raise_if_already(found(containers, name, situation), image, situation, named=label)


def _placed(body: Any, situation: Situation) -> Any:  # noqa: ANN401  JSON
    """The patch, filled: `{container}` as each container that is treated, in the list where that stands, with its own
    values; without containers that are not treated, where some are.
    """
    pod = _at(body, POD_SPEC)
    if not isinstance(pod, dict) or not any(listed in pod for listed in LISTS):
        return _filled(body, situation.values)
    template = _at(situation.item, POD_SPEC) or {}
    where = {entry["name"]: listed for listed in LISTS for entry in template.get(listed) or ()}
    treated = [one.container for one in situation.treated]
    placed: dict[str, list[Any]] = {}
    for entry in (entry for listed in LISTS for entry in pod.get(listed) or ()):
        names = treated if entry["name"] == EACH else [entry["name"]] if entry["name"] in treated or not treated else []
        for name in names:
            if name not in where:
                found({}, name, situation)
            placed.setdefault(where[name], []).append(_filled(entry, situation.values_of(name)))
    # Containers keep their order, in which the kubelet starts them; by kubectl they would take the patch's.
    order = list(where)
    for entries in placed.values():
        entries.sort(key=lambda entry: order.index(entry["name"]))
    rest = copy.deepcopy(body)
    for listed in LISTS:
        _at(rest, POD_SPEC).pop(listed, None)
    made = _filled(rest, situation.values)
    _at(made, POD_SPEC).update(placed)
    return made


def _filled(value: Any, values: Values[str, str]) -> Any:  # noqa: ANN401  JSON
    """JSON with the placeholders of its texts filled; what one alone stands for may be a number."""
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str):
        return value
    text = checked(value, values, "text")
    return Filled(text) if PLACEHOLDER.fullmatch(value) else text


def _stepped(steps: JsonValue, situation: Situation) -> Json:
    """JSON patch (RFC 6902)."""
    try:
        made = jsonpatch.apply_patch(situation.item, _filled(steps, situation.values))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        raise PreconditionFailed(
            f"the JSON patch does not fit {situation.now.target}: {error}", reason="the patch does not fit"
        ) from error
    return dict(made)


def _fields(patch: Patch) -> tuple[Field, ...]:
    if patch.type == "json":
        steps = patch.body if isinstance(patch.body, list) else []
        ways = [_keys(str(step["path"])) for step in steps if isinstance(step, dict) and step["op"] != "test"]
        # A list is changed as a whole where it has no names.
        return tuple(dict.fromkeys(tuple(takewhile(lambda key: not _is_place(key), way)) for way in ways))
    return tuple(dict.fromkeys(_leaves(patch.body, ())))


def _is_place(key: str) -> bool:
    return key == "-" or key.isdecimal()


def _leaves(value: Any, path: Field) -> Iterator[Field]:  # noqa: ANN401  JSON
    """The fields that a patch may change; containers wherever they stand in the two lists."""
    if path in LIST_OF and isinstance(value, list):
        for entry in value:
            for listed in LISTS if entry.get("name") == EACH else (path[-1],):
                for key, each in entry.items():
                    if key != "name":
                        yield from _leaves(each, (*path[:-1], listed, "*", key))
    elif isinstance(value, dict) and value:
        for key, each in value.items():
            if path or key not in ("apiVersion", "kind"):
                yield from _leaves(each, (*path, key))
    else:
        yield path


def _says(patch: Patch) -> str:
    images = _images(patch)
    others = [field for field in _fields(patch) if not (images and field[-1] == "image")]
    said = [f"container {name} → {image}" for name, image in images]
    said += [".".join(key for key in field if key != "*").removeprefix("spec.template.spec.") for field in others]
    return ", ".join(dict.fromkeys(said))


VERB = Verb(
    words="patch",
    summary="Changes fields of an object by a patch: strategic, merge or json.",
    kinds=_KINDS,
    arguments=Patch,
    command=_command,
    says=_says,
    example=f"kubectl patch deployment {{deployment}} -n {{namespace}} -p {EXAMPLE}",
    flags=(
        Flag("--patch", "p", means="the patch, JSON or YAML"),
        Flag("--type", means="`strategic`, `merge` or `json`", example="strategic"),
    ),
    changing=Changing(
        effect=_effect,
        fields=_fields,
        images=_images,
        example=Example(
            before=an_example(image="registry.example/web:1"),
            changes=(
                Change(
                    path=(*APP, "image"),
                    before="registry.example/web:1",
                    after="registry.example/web:2",
                ),
            ),
            values={"fallback_image": "registry.example/web:2"},
        ),
    ),
)
