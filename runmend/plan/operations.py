"""A compiled command, whatever its verb. Its arguments are the verb's own model, `runmend.language.verbs`, as JSON."""

from pydantic import JsonValue

from runmend.core.frozen import Frozen


class Operation(Frozen):
    """One command: a verb, the object that it is about, and its arguments, which may hold placeholders."""

    verb: str
    """A verb of the table: `get events`, `rollout undo`."""
    kind: str = ""
    """The kind of the object that it is about, empty where it is about none."""
    name: str = ""
    """The object's name, a placeholder."""
    namespace: str = ""
    """Its namespace, a placeholder; empty where its kind has none."""
    arguments: dict[str, JsonValue] = {}
