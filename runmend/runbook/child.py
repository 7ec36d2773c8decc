"""The process that `runmend.runbook.isolated` compiles runbooks in. It ends with whoever started it: with its input, or
by its own alarm.
"""

import json
import signal
import sys
from base64 import b64decode
from dataclasses import asdict
from typing import Any

from runmend.runbook.compiler import compile_runbook
from runmend.runbook.diagnostics import RunbookError

LENGTH = 8
"""The bytes that say how long what follows is."""


def main() -> None:
    """Compile what stdin asks for, one after the other, until its end."""
    _answer({})  # what was needed is imported
    while head := sys.stdin.buffer.read(LENGTH):
        asked = json.loads(sys.stdin.buffer.read(int.from_bytes(head)))
        # Its default action ends the process, whatever holds the interpreter, and whether or not anybody waits.
        signal.alarm(asked["seconds"])
        _answer(_compiled(b64decode(asked["source"]), asked["file"]))
        signal.alarm(0)


def _compiled(source: bytes, file: str) -> dict[str, Any]:
    try:
        compiled = compile_runbook(source, file)
    except RunbookError as error:
        return {"plan": None, "lines": {}, "diagnostics": [asdict(each) for each in error.diagnostics]}
    plan = compiled.plan.model_dump_json()
    return {"plan": plan, "lines": compiled.lines, "diagnostics": [asdict(each) for each in compiled.warnings]}


def _answer(answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    sys.stdout.buffer.write(len(data).to_bytes(LENGTH) + data)
    sys.stdout.buffer.flush()
