"""A JSON Schema of a runbook's front matter, made of the tables of its keys, for editors. Pure.

It says less than the compiler: which keys there are, of what types, and which words some of them take.
"""

from typing import Any, Final

from runmend.core.kinds import TARGETS
from runmend.core.modes import Mode
from runmend.runbook.diagnostics import Kind
from runmend.runbook.header import DESCRIPTIVE
from runmend.runbook.keys import OF_RUNBOOKS, OF_STEPS, Key
from runmend.runbook.workflow import MOST_RETRIES

Schema = dict[str, Any]
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_IDENTIFIER: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"}
_TEXTS: Final[Schema] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_GATE: Final[Schema] = {"type": ["string", "boolean"]}
_GATES: Final[Schema] = {"anyOf": [_GATE, {"type": "array", "items": _GATE, "minItems": 1}]}
_STEPS: Final[dict[str, Schema]] = {
    "action_id": _IDENTIFIER,
    "output": _IDENTIFIER,
    **dict.fromkeys(("when", "when_all", "when_any", "unless"), _GATES),
    "retries": {"type": "integer", "minimum": 0, "maximum": MOST_RETRIES},
    "timeout": {"type": ["string", "integer"]},
    "on_error": {"enum": ["abort", "continue"]},
}
_RUNBOOKS: Final[dict[str, Schema]] = {
    "runbook_id": _IDENTIFIER,
    "alertname": _TEXTS,
    "title": _TEXT,
    "description": {"type": "string"},
    "match": {"anyOf": [*_TEXTS["anyOf"], {"type": "object"}]},
    "target": {"anyOf": [{"enum": [*TARGETS]}, {"type": "string", "pattern": "^[A-Za-z]"}]},
    "problem": {"type": "string"},
    "mode": {"enum": [str(mode) for mode in Mode]},
    "protect_serving": {"type": "boolean"},
    "silence": {"type": "array", "items": {"enum": [str(kind) for kind in Kind]}},
}
REQUIRED: Final = ("runbook_id", "alertname")


def front_matter_schema() -> Schema:
    """The schema; draft 2020-12."""
    step = {
        "anyOf": [
            _IDENTIFIER,
            {
                "type": "object",
                "properties": _described(OF_STEPS, _STEPS),
                "required": ["action_id"],
                "additionalProperties": False,
            },
        ]
    }
    known = _RUNBOOKS | {"workflow": {"type": "array", "items": step, "minItems": 1}}
    # What only describes is passed over with a warning.
    describing = "|".join(sorted(DESCRIPTIVE))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The front matter of a Runmend runbook",
        "type": "object",
        "properties": _described(OF_RUNBOOKS, known),
        "patternProperties": {f"^({describing})$": {}},
        "required": [*REQUIRED],
        "additionalProperties": False,
    }


def _described(keys: tuple[Key, ...], schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Each key's schema, with what the key means; every key has one, or none is known at all."""
    return {key.name: {"description": key.means, **schemas[key.name]} for key in keys}
