"""The patch of `kubectl patch deployment -p`: a strategic merge patch that may set images of containers, and nothing
else.
"""

from collections import Counter

from runmend.core.names import dns_label
from runmend.images.references import parse_image
from runmend.plan.plan import ContainerImage
from runmend.runbook.diagnostics import quoted
from runmend.runbook.values import Values
from runmend.core.yaml_tree import Mapping, Node, Scalar, Sequence, YamlError, read_yaml

EXAMPLE = """'{"spec":{"template":{"spec":{"containers":[{"name":"{container}","image":"{fallback_image}"}]}}}}'"""
_ONLY = "remove it; only name and image of spec.template.spec.containers and initContainers may be patched"
_LISTS = ("containers", "initContainers")
_EACH = "{container}"

Images = tuple[tuple[ContainerImage, ...], tuple[ContainerImage, ...]]


def read_patch(text: str, values: Values) -> Images | None:
    """Read the patch, JSON or YAML as kubectl takes it: the images of containers and init containers; None where the
    report has errors.
    """
    try:
        node = read_yaml(text)
    except YamlError as error:
        values.report.error(
            values.line, f"the patch is neither JSON nor YAML: {error.problem}", f"write it in single quotes: {EXAMPLE}"
        )
        return None
    return _Patch(values).read(node)


class _Patch:
    """Walks down one patch, and says of everything that is not wanted where it stands."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._failed = False

    def read(self, node: Node | None) -> Images | None:
        path = ""
        for key in ("spec", "template", "spec"):
            node = self._only(node, path, (key,)).get(key)
            path = f"{path}.{key}".lstrip(".")
            if node is None:
                self._error(f"the patch sets no {path}", f"write it as {EXAMPLE}")
                return None
        lists = self._only(node, path, _LISTS)
        containers, init_containers = (self._images(lists.get(name), f"{path}.{name}") for name in _LISTS)
        if not lists and not self._failed:
            self._error(f"the patch sets no {path}.containers", f"write it as {EXAMPLE}")
        self._refuse_ambiguity(containers, init_containers)
        return None if self._failed else (containers, init_containers)

    def _only(self, node: Node | None, path: str, keys: tuple[str, ...]) -> dict[str, Node]:
        """The entries of a mapping that may stand there; an error for each other one."""
        if not isinstance(node, Mapping):
            if node is not None:
                self._error(f"the patch's {path or 'whole'} is {node.kind}, not a mapping", f"write it as {EXAMPLE}")
            return {}
        kept = {}
        for key, value in node.entries:
            name = key.value
            if not self._values.refuse_placeholders(name, "a key of the patch"):
                self._failed = True
            elif name.startswith("$"):
                self._error(
                    f"the patch holds the directive {quoted(name)} at {path or 'its top'}",
                    f"{_ONLY}, and nothing deleted or replaced",
                )
            elif name not in keys:
                self._error(f"the patch sets {quoted(f'{path}.{name}'.lstrip('.'))}", _ONLY)
            else:
                kept[name] = value
        return kept

    def _images(self, node: Node | None, path: str) -> tuple[ContainerImage, ...]:
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self._error(f"the patch's {path} is {node.kind}, not a list", f"write it as {EXAMPLE}")
            return ()
        if not node.items:
            self._error(f"the patch's {path} is empty", "name the containers to patch, or leave it out")
        images = [self._image(item, f"{path}[{number}]") for number, item in enumerate(node.items)]
        return tuple(image for image in images if image)

    def _image(self, node: Node, path: str) -> ContainerImage | None:
        entries = self._only(node, path, ("name", "image"))
        texts = {}
        for key in ("name", "image"):
            value = entries.get(key)
            if value is None:
                if isinstance(node, Mapping):
                    self._error(f"the patch's {path} has no {key}", f"name the container and its image: {EXAMPLE}")
            elif not isinstance(value, Scalar) or value.kind != "text":
                self._error(f"the patch's {path}.{key} is {value.kind}, not text", 'put it in double quotes: "…"')
            elif not value.value:
                self._error(f"the patch's {path}.{key} is empty", "write a value")
            else:
                texts[key] = value.value
        name, image = texts.get("name"), texts.get("image")
        good = name is None or self._values.check(name, "a container's name", dns_label, ("container",))
        good = (image is None or self._values.check(image, "an image reference", parse_image)) and good
        self._failed = self._failed or not good
        if not (good and name and image):
            return None
        # The image keeps its placeholder, so that a reader of the plan sees where it comes from; a name is what entries
        # are told apart by.
        return ContainerImage(name=self._values.filled(name), image=image)

    def _refuse_ambiguity(
        self, containers: tuple[ContainerImage, ...], init_containers: tuple[ContainerImage, ...]
    ) -> None:
        names = [entry.name for entry in (*containers, *init_containers)]
        if any(entry.name == _EACH for entry in init_containers):
            self._error(
                "{container} stands under initContainers",
                "write it under containers: it means each container that is treated, and goes under "
                "initContainers where it belongs",
            )
        elif _EACH in names and len(names) > 1:
            self._error(
                "{container} stands beside other containers", "write it alone: it means each container that is treated"
            )
        for name in sorted({name for name, count in Counter(names).items() if count > 1} - {_EACH}):
            self._error(
                f"the patch names the container {quoted(name)} twice",
                "name it once; a pod's containers have different names",
            )

    def _error(self, problem: str, remedy: str) -> None:
        self._failed = True
        self._values.report.error(self._values.line, problem, remedy)
