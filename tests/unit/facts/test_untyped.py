"""What of an object expressions read without a type, and what is kept from them."""

import pytest

from runmend.facts.expressions import compiled
from runmend.facts.snapshot import Snapshot
from runmend.facts.untyped import untyped

WIDGET = {
    "kind": "Widget",
    "metadata": {
        "name": "a",
        "managedFields": [{"manager": "x"}],
        "annotations": {"team": "shop", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    },
    "spec": {"size": 3, "parts": [{"name": "a", "on": True}], "env": [{"name": "TOKEN", "value": "hunter2"}]},
    "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Broken"}]},
}


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("object.spec.size > 2", True),
        ("object.spec.parts.all(p, p.on)", True),
        ('object.status.conditions.exists(c, c.type == "Ready" && c.status == "True")', False),
        ('object.metadata.annotations["team"] == "shop"', True),
        ("has(object.spec.missing)", False),
        ("object.spec.missing == 1", None),
        ("object.spec.size == 'three'", False),
        ("object.spec.size > 'three'", None),
    ],
)
def test_fields_are_asked_without_types(source: str, *, holds: bool | None) -> None:
    judged = compiled(source).judge(Snapshot(object=untyped(WIDGET)))

    assert judged.holds is holds, judged.evidence


def test_evidence_says_what_was_read() -> None:
    judged = compiled("object.spec.size < 2").judge(Snapshot(object=untyped(WIDGET)))

    assert judged.evidence == "object.spec.size is 3"
    gone = compiled("object.spec.size < 2").judge(Snapshot())
    assert (gone.holds, gone.evidence) == (None, "object.spec.size: there is no object")


def test_no_secret_is_read() -> None:
    shown = untyped(WIDGET)

    assert "hunter2" not in str(shown)
    assert shown["spec"]["env"] == [{"name": "TOKEN"}]
    assert shown["metadata"] == {"name": "a", "annotations": {"team": "shop"}}
    secret = untyped(
        {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}, "type": "Opaque"}
    )
    assert secret == {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": ""}, "type": "Opaque"}
