"""No text takes the compiler more time than in proportion to its length."""

import gc
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runmend.runbook import RunbookError, compile_runbook
from runmend.runbook.document import SIZE_MAX
from tests.attacks.hostile_texts import CRITERIA, DESCRIBED, GATED, GET, HEAD, HOSTILE, PATCH, STEPS, hostile_text

TRIES = 6
"""Of which the fastest counts: others use the machine too."""
NOISE_SECONDS = 0.04
"""What takes no longer is not measured against anything."""
PIECES = st.text("a1 \n`*_[]()<>!#-:,;|\\\"'{}=&~./", min_size=1, max_size=6)
PLACES = st.sampled_from([HEAD, "---\n", f"{HEAD}a", f"{HEAD}# a", f"{GET} ", PATCH, GATED, DESCRIBED, CRITERIA, STEPS])


def seconds(source: bytes) -> float:
    gc.collect()
    gc.disable()
    began = time.process_time()
    try:
        compile_runbook(source, "rb.md")
    except RunbookError:
        pass
    finally:
        took = time.process_time() - began
        gc.enable()
    return took


def check_growth(text: Callable[[int], str], size: int = SIZE_MAX // 8) -> None:
    """Twice the text takes at most 2.5 times the processor time, so four times the text 6.25 times: two doublings tell
    more than one from what others do to the machine's caches. Measured at the largest size that is above the noise.
    """
    little, much = (text(length).encode() for length in (size, 4 * size))
    assert len(much) <= SIZE_MAX
    short, long = float("inf"), float("inf")
    for _ in range(TRIES):
        short, long = min(short, seconds(little)), min(long, seconds(much))
        if long <= 2.5**2 * short or long <= NOISE_SECONDS:
            break
    else:
        pytest.fail(f"{len(little)} bytes take {short:.3f} s, {len(much)} bytes {long:.3f} s")
    if long <= NOISE_SECONDS and size < SIZE_MAX // 4:
        check_growth(text, SIZE_MAX // 4)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_rule_takes_more_than_in_proportion(name: str) -> None:
    check_growth(lambda size: hostile_text(*HOSTILE[name], size))


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(PLACES, PIECES, PIECES)
def test_no_generated_text_takes_more_than_in_proportion(place: str, piece: str, end: str) -> None:
    check_growth(lambda size: place + piece * ((size - len(place) - len(end)) // len(piece)) + end)


def test_a_file_of_errors_is_told_with_the_first_of_them() -> None:
    with pytest.raises(RunbookError) as caught:
        compile_runbook(hostile_text("---\n", "key№: 1\n", "---\n", 15_000).encode(), "rb.md")

    told = str(caught.value).splitlines()
    assert len(told) <= 102
    assert told[-1].endswith(": error: there are more errors than these 100; correct these first")
