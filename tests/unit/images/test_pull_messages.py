"""What is left of a kubelet's message about a pull."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.images.pull_messages import SHOWN, essence

APP = "registry.example/app:1"
FAILED = f'Failed to pull image "{APP}": '


@pytest.mark.parametrize(
    ("message", "left"),
    [
        (
            (
                f'{FAILED}rpc error: code = NotFound desc = failed to pull and unpack image "{APP}": '
                f'failed to resolve reference "{APP}": {APP}: not found'
            ),
            "not found",
        ),
        (
            (
                f'Failed to pull image "{APP}": failed to pull and unpack image "{APP}": failed to resolve reference '
                f'"{APP}": pull access denied, repository does not exist or may require authorization'
            ),
            "pull access denied, repository does not exist or may require authorization",
        ),
        (
            (
                f'Failed to pull image "{APP}": initializing source docker://{APP}: reading manifest 1 in '
                "registry.example/app: manifest unknown"
            ),
            "reading manifest 1 in registry.example/app: manifest unknown",
        ),
        (
            (f"{FAILED}rpc error: code = Unknown desc = Error response from daemon: manifest for {APP} not found"),
            f"manifest for {APP} not found",
        ),
        (f'Failed to pull image "{APP}": ', f'Failed to pull image "{APP}":'),
        ("Back-off", "Back-off"),
    ],
)
def test_what_every_message_says_is_left_out(message: str, left: str) -> None:
    assert essence(message) == left


@given(st.text(max_size=2000))
def test_something_short_is_always_left(text: str) -> None:
    assert len(essence(text)) <= SHOWN + len(" … ")
    assert bool(essence(text)) == bool(text.strip())
