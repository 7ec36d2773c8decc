"""`kubectl set image`: another image for containers."""

from runmend.core.frozen import Frozen
from runmend.core.names import dns_label
from runmend.core.wording import quoted
from runmend.images.references import parse_image
from runmend.language.needs import Field
from runmend.language.verbs.command import NAMESPACE, Command, in_namespace, target_of
from runmend.language.verbs.containers import APP, EACH, LISTS, an_example, copied, found
from runmend.language.verbs.images import images_for, raise_if_already
from runmend.language.verbs.verb import Changing, Example, Situation, Verb
from runmend.plan.change import POD_SPEC, Change, Json, named
from runmend.plan.operations import Operation

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")


class Images(Frozen):
    """Container → image, `{container}` for each that is treated."""

    images: tuple[tuple[str, str], ...]


def _command(command: Command) -> Operation | None:
    target = target_of(command, _KINDS, "set image")
    if target is None:
        return None
    kind, name, words = target
    good = in_namespace(command, kind)
    if not words:
        command.error("the command sets no image", "write {container}={fallback_image}")
        return None
    given: dict[str, str] = {}
    for word in words:
        container, equals, image = word.partition("=")
        if not equals:
            command.error(f"{quoted(word)} is no container with its image", "write CONTAINER=IMAGE")
        elif container == "*":
            command.error("* means every container", f"write {EACH}, which means each that is treated, or a name")
        elif command.check(container, "a container's name", dns_label, ("container",)) and command.check(
            image, "an image reference", parse_image
        ):
            if container in given:
                command.error(f"the container {container} is given two images", "name it once")
            given[command.filled(container)] = image
            continue
        good = False
    if EACH in given and len(given) > 1:
        command.error(f"{EACH} stands beside other containers", "write it alone: it means each that is treated")
        good = False
    if not good:
        return None
    arguments = Images(images=tuple(given.items())).model_dump(mode="json")
    return Operation(verb=VERB.words, kind=kind.name, name=name, namespace=NAMESPACE, arguments=arguments)


def _effect(arguments: Images, situation: Situation) -> Json:
    made, containers = copied(situation)
    for name, image in images_for(arguments.images, situation).items():
        container = found(containers, name, situation)
        raise_if_already(container, image, situation, named=_named(name, situation))
        container["image"] = image
    return made


def _named(name: str, situation: Situation) -> str:
    return next((one.named for one in situation.treated if one.container == name), named(name))


def image_fields(_: object) -> tuple[Field, ...]:
    """The fields that hold images."""
    return tuple((*POD_SPEC, listed, "*", "image") for listed in LISTS)


VERB = Verb(
    words="set image",
    summary="Gives containers of a workload's template another image.",
    kinds=_KINDS,
    arguments=Images,
    command=_command,
    says=lambda arguments: ", ".join(f"container {name} → {image}" for name, image in arguments.images),
    example="kubectl set image deployment/{deployment} {container}=example.org/app:1.0 -n {namespace}",
    changing=Changing(
        effect=_effect,
        fields=image_fields,
        images=lambda arguments: arguments.images,
        example=Example(
            before=an_example(image="registry.example/web:1"),
            changes=(
                Change(
                    path=(*APP, "image"),
                    before="registry.example/web:1",
                    after="example.org/app:1.0",
                ),
            ),
        ),
    ),
)
