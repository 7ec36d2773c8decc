"""The table of verbs: every command that a runbook may use. A verb is a file here, and its row in `VERBS`."""

from typing import Any, Final

from runmend.language.verbs import (
    apply,
    cordon,
    create_job,
    delete,
    describe,
    drain,
    get,
    get_events,
    logs,
    marks,
    patch,
    rollout_restart,
    rollout_resume,
    rollout_status,
    rollout_undo,
    scale,
    set_env,
    set_image,
    set_resources,
    set_service_account,
    taint,
)
from runmend.language.verbs.verb import Changing, Reading, Verb
from runmend.plan.operations import Operation

VERBS: Final[tuple[Verb[Any], ...]] = (
    get.VERB,
    get_events.VERB,
    describe.VERB,
    logs.VERB,
    rollout_status.VERB,
    patch.VERB,
    set_image.VERB,
    set_resources.VERB,
    set_env.VERB,
    set_service_account.VERB,
    rollout_undo.VERB,
    rollout_resume.VERB,
    marks.ANNOTATE,
    marks.LABEL,
    cordon.CORDON,
    cordon.UNCORDON,
    taint.VERB,
    drain.VERB,
    delete.VERB,
    rollout_restart.VERB,
    scale.VERB,
    apply.VERB,
    create_job.VERB,
)
BY_WORDS: Final = {verb.words: verb for verb in VERBS}


def verb_of(operation: Operation) -> Verb[Any]:
    """The verb of a compiled command."""
    return BY_WORDS[operation.verb]


def changing_of(operation: Operation) -> tuple[Changing[Any], Any]:
    """How a command changes its object, and its arguments.

    Raises:
        TypeError: its verb only reads.
    """
    verb = verb_of(operation)
    if verb.changing is None:
        raise TypeError(f"{operation.verb} only reads")
    return verb.changing, verb.arguments.model_validate(operation.arguments)


def is_beside(operation: Operation) -> bool:
    """Whether a command changes an object beside the run's target."""
    changing = verb_of(operation).changing
    if changing is None or changing.beside is None:
        return False
    return operation.verb != delete.VERB.words or operation.kind != "Pod"


def reading_of(operation: Operation) -> tuple[Reading[Any], Any]:
    """How a command reads, and its arguments.

    Raises:
        TypeError: its verb changes something.
    """
    verb = verb_of(operation)
    if verb.reading is None:
        raise TypeError(f"{operation.verb} does not only read")
    return verb.reading, verb.arguments.model_validate(operation.arguments)
