"""How two compiled runbooks differ, for a person to read before a run is done again with the newer one. Pure."""

from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

import yaml

from runmend.plan.plan import Plan


def difference(before: Plan, after: Plan) -> str:
    """A unified diff of both plans in full, without the lines where things stand in their files; empty where nothing
    differs.
    """
    olds, news = in_words(before), in_words(after)
    lines = unified_diff(
        olds.splitlines(),
        news.splitlines(),
        f"{before.file} (the run's)",
        f"{after.file} (as it is now)",
        lineterm="",
        n=2,
    )
    return "\n".join(lines)


def in_words(plan: Plan) -> str:
    """A plan in full, as YAML: which file first, then what it says."""
    told = _without_lines(plan.model_dump(mode="json"))
    first = {name: told.pop(name) for name in ("file", "sha256")}
    text: str = yaml.safe_dump(first | told, sort_keys=False, allow_unicode=True, width=120)
    return text


def does_the_same(before: Plan, after: Plan) -> bool:
    """Whether two plans differ in nothing but which file they came from, and where in it things stand."""
    return all(a == b for a, b in zip(_parts(before), _parts(after), strict=True))


def _parts(plan: Plan) -> Iterator[Any]:
    told = _without_lines(plan.model_dump(mode="json"))
    return (
        told[name]
        for name in sorted(told)
        if name not in ("file", "sha256", "title", "description", "problem", "notes")
    )


def _without_lines(value: Any) -> Any:  # noqa: ANN401  JSON
    """JSON without the line numbers: one more line of prose moves all of them."""
    if isinstance(value, dict):
        return {key: _without_lines(each) for key, each in value.items() if key != "line"}
    return [_without_lines(each) for each in value] if isinstance(value, list) else value
