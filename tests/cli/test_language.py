"""`runmend facts` and `runmend sentences`."""

import json

import pytest

from runmend.cli.main import run
from runmend.facts.expressions import FUNCTIONS, GROUPS, compiled
from runmend.facts.schema import MODELS, facts_of
from runmend.language.states import STATES
from runmend.runbook.sentences import FORMS


def test_every_group_function_state_and_fact_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts"]) == 0
    lines = capsys.readouterr().out.splitlines()

    first = [line.split()[0] for line in lines if line.startswith("  ")]
    facts = [fact.name for model in MODELS.values() for fact in facts_of(model)]
    assert first == [*GROUPS, *(function.example for function in FUNCTIONS), *facts]
    assert f"states: {', '.join(STATES)}" in lines


def test_every_sentence_is_listed_with_its_expression(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sentences"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[::2] == [example for form in FORMS for example in form.examples]
    for line in lines[1::2]:
        compiled(line.partition("s true: ")[2])


def test_both_are_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in facts["kinds"]["Event"]} == {fact.name for fact in facts_of(MODELS["Event"])}

    assert run(["sentences", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {
        "sentence": "Pod transitions from `ImagePullBackOff` to `Running`",
        "expression": 'pods.size() > 0 && pods.all(p, p.running) && !waiting("ImagePullBackOff")',
        "must": "become",
        "seconds": None,
    }
