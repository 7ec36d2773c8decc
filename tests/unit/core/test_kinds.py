"""Kinds of objects by their names, words and labels."""

import pytest

from runmend.core.kinds import KINDS, OBJECTS, TARGETS, has_pods, is_in_no_namespace, kind_named, kind_of_name, label_of


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("pvc", "PersistentVolumeClaim"),
        ("HPA", "HorizontalPodAutoscaler"),
        ("netpol", "NetworkPolicy"),
        ("networkpolicies.networking.k8s.io", "NetworkPolicy"),
        ("cronjobs.v1.batch", "CronJob"),
        ("certificates.cert-manager.io", "certificates.cert-manager.io"),
        ("Certificate.cert-manager.io", "certificates.cert-manager.io"),
        ("policy.example.com", "policies.example.com"),
        ("mesh.example.com", "meshes.example.com"),
    ],
)
def test_a_word_names_a_kind_as_kubectl_has_it(word: str, name: str) -> None:
    found = kind_named(word)

    assert found
    assert found.name == name


@pytest.mark.parametrize("word", ["ship", "web.shop", "foo.networking.k8s.io", "a b.example.com", "../x.example.com"])
def test_other_words_name_none(word: str) -> None:
    assert kind_named(word) is None


@pytest.mark.parametrize(
    ("name", "singular"),
    [
        ("certificates.cert-manager.io", "certificate"),
        ("policies.example.com", "policy"),
        ("meshes.example.com", "mesh"),
        ("ingresses.example.com", "ingress"),
        ("PersistentVolumeClaim", "persistentvolumeclaim"),
    ],
)
def test_a_kind_is_one_by_its_singular(name: str, singular: str) -> None:
    assert kind_of_name(name).singular == singular
    assert label_of(name) == singular


def test_what_is_not_known_owns_pods_and_a_custom_resource_does_not() -> None:
    assert has_pods("Rollout")
    assert not has_pods("certificates.cert-manager.io")
    assert label_of("Job") == "job_name"
    with pytest.raises(KeyError):
        kind_of_name("Rollout")


def test_the_kinds_that_may_be_fixed_are_in_a_namespace_or_nodes() -> None:
    assert [name for name in TARGETS if is_in_no_namespace(name)] == ["Node"]
    assert not any(map(has_pods, OBJECTS))
    words = [word for kind in KINDS for word in kind.words]
    assert len(words) == len(set(words))
