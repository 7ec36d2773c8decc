"""The tree of an expression."""

from runmend.facts.expressions import compiled
from runmend.facts.syntax import Node


def test_what_a_part_is_told_of_is_worked_out_once() -> None:
    """A check judges each criterion, and tells of each of its parts: to read them anew each time costs most of it."""
    tree = compiled("pods.all(p, p.running && p.ready)")._tree

    assert [id(part) for part in tree] == [id(part) for part in tree]
    assert all({"kind", "function", "operands"} <= part.__dict__.keys() for part in tree if told(part))


def told(part: Node) -> str:
    """Whatever is asked of a part when it is explained."""
    return f"{part.kind}{part.function}{part.operands}{part.path}{part.text}"
