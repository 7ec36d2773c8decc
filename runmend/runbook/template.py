"""A runbook to begin with: what `runmend new` writes. It compiles, and lint finds nothing to say of it."""

from typing import Final

_TEMPLATE: Final = """\
---
# Which runbook this is, and the alert that it answers. docs/language.md says what else may stand here.
runbook_id: {name}
alertname: {alert}
title: {title}
# Nothing is changed until you take this line away: a run says what it would change.
mode: recommend
# What is wrong, as an expression or a sentence. Where it is not so, a run ends and changes nothing.
problem: pods.exists(p, !p.running)
workflow:
  - action_id: look
    on_error: continue
  - action_id: fix
    # The step runs only where this holds. `runmend facts` lists what may be asked.
    when: workload.previous_revision != null
---

# {title}

## Problem

Say for people what the alert means. This text binds nothing.

## Actions

### Look

- **action_id**: `look`
- **description**: Read the newest events of the target.
- **command**: `kubectl get events -n {{namespace}} --field-selector type=Warning`

### Fix

- **action_id**: `fix`
- **description**: Go back to the revision before this one.
- **command**: `kubectl rollout undo deployment/{{deployment}} -n {{namespace}}`
- **conditions**:
  - Requires: `namespace`, `deployment` labels

## Success Criteria

- All replicas are available
- No container restarts for 5 minutes

## Notes

- Try it without a cluster: `runmend simulate {file} --scenario bad-program`.
"""


def new_runbook(name: str, alert: str, file: str) -> str:
    """Its text.

    Args:
        name: its `runbook_id`.
        alert: the alert that it answers.
        file: how a command names the file.
    """
    words = name.removeprefix("RB_").replace("_", " ").replace("-", " ").strip() or name
    return _TEMPLATE.format(name=name, alert=alert, title=f"{words.capitalize()} remediation", file=file)
