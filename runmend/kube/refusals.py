"""Who refused a request on its way into the cluster, by what the API server, or a controller, says of it."""

from typing import Final

_SIGNS: Final = (
    ("exceeded quota", "quota"),
    ("admission webhook", "admission webhook"),
    ("failed calling webhook", "admission webhook"),
    ("ValidatingAdmissionPolicy", "admission policy"),
    ("violates PodSecurity", "pod security"),
    ("service account", "service account"),
    ("limitrange", "limit range"),
    ("per Pod is", "limit range"),
    ("per Container is", "limit range"),
)
"""What a refusal says → what refused, for a run's reason."""


def refused_by(said: str) -> str:
    """What refused, in a few words without a name; empty where the refusal does not say."""
    return next((kind for sign, kind in _SIGNS if sign in said), "")
