"""`runmend facts`, `runmend sentences` and `runmend verbs`."""

import json

import pytest

from runmend.cli.main import run
from runmend.facts.expressions import compiled
from runmend.facts.groups import FUNCTIONS, GROUPS
from runmend.facts.outside import ASKING
from runmend.facts.schema import MODELS, facts_of
from runmend.language.states import STATES
from runmend.language.verbs import VERBS
from runmend.runbook.forms import FORMS


def test_every_group_function_state_and_fact_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts"]) == 0
    lines = capsys.readouterr().out.splitlines()

    first = [line.split()[0] for line in lines if line.startswith("  ")]
    facts = [fact.name for model in MODELS.values() for fact in facts_of(model)]
    functions = [function.example.split()[0] for function in (*FUNCTIONS, *ASKING)]
    assert first == [*GROUPS, *functions, *STATES, *facts]
    assert "Pod (pods, pod)" in lines
    assert [name for name, state in STATES.items() if not state.in_words] == []


def test_every_sentence_is_listed_with_its_expression(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sentences"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[::2] == [example for form in FORMS for example in form.examples]
    told = [line.partition(": ") for line in lines[1::2]]
    assert {place for place, _, _ in told} == {
        "    criterion, becomes true",
        "    criterion with a query, becomes true",
        "    criterion with a query, stays true",
        "    criterion, stays true",
        "    criterion or condition, becomes true",
        "    condition",
    }
    others = [expression for _, _, expression in told if expression.startswith("the ")]
    assert others == [
        "the target is a Deployment",
        "the target is a StatefulSet",
        "the alert carries namespace, pod",
        "the alert carries any labels",
    ]
    for _, _, expression in told:
        if expression not in others:
            compiled(expression)


def test_every_verb_is_listed_with_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verbs"]) == 0
    lines = capsys.readouterr().out.splitlines()

    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == [f"kubectl {verb.words}: {verb.summary}" for verb in VERBS]
    about_logs = lines.index(next(head for head in heads if head.startswith("kubectl logs:")))
    assert "    rights: get, list pods; get pods/log" in lines[about_logs : about_logs + 6]


def test_both_are_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in facts["kinds"]["Event"]} == {fact.name for fact in facts_of(MODELS["Event"])}

    assert run(["sentences", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)

    assert run(["verbs", "-o", "json"]) == 0
    assert [row["verb"] for row in json.loads(capsys.readouterr().out)] == [verb.words for verb in VERBS]
    assert {
        "sentence": "Pod transitions from `ImagePullBackOff` to `Running`",
        "query": "",
        "place": "criterion",
        "expression": 'pods.size() > 0 && pods.all(p, p.running) && !waiting("ImagePullBackOff")',
        "must": "become",
        "seconds": None,
    } in rows
