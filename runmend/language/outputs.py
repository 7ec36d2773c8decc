"""Which facts a step can tell the gates of later ones, by its command. Called by the compiler."""

from runmend.language.verbs import verb_of
from runmend.plan.operations import Operation
from runmend.plan.outputs import OF_EVERY_STEP, OF_READING, told_of_changes


def told_by(operation: Operation) -> frozenset[str]:
    """The names of the facts that a command's result can have."""
    verb = verb_of(operation)
    if verb.reading:
        return OF_EVERY_STEP | OF_READING | verb.reading.tells(operation)
    if verb.changing is None:
        raise TypeError(f"{verb.words} neither reads nor changes anything")
    return OF_EVERY_STEP | told_of_changes(verb.changing.fields(verb.arguments.model_validate(operation.arguments)))
