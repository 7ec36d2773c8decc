"""A kubelet's message about a pull, cut to what differs from one failure to another. Pure.

It begins with the image, wraps what the runtime said in what the runtime tried, and names the image again at each step.
"""

import re
from typing import Final

SHOWN: Final = 300
"""How many characters of what is left are shown."""
_IMAGE: Final = r'"[^"]*"'
_WRAPPERS: Final = re.compile(
    "|".join(
        (
            rf"Failed to (?:pull|inspect) image {_IMAGE}: ",
            r"rpc error: ",
            r"code = \w+ desc = ",
            rf"failed to pull and unpack image {_IMAGE}: ",
            rf"failed to (?:resolve|do|fetch|copy) (?:reference|image) {_IMAGE}: ",
            r"initializing source docker://\S+: ",
            r"(?:Error response from daemon|error pulling image configuration): ",
        )
    ),
    re.IGNORECASE,
)


def essence(message: str) -> str:
    """`not found` of `Failed to pull image "a": … failed to resolve reference "a": a: not found`."""
    named = re.match(r'Failed to pull image "([^"]*)": ', message)
    left = message.strip()
    while True:
        shorter = left[found.end() :] if (found := _WRAPPERS.match(left)) else left
        if named and shorter.startswith(f"{named[1]}: "):
            shorter = shorter[len(named[1]) + 2 :]
        if not shorter or shorter == left:
            break
        left = shorter
    return left if len(left) <= SHOWN else f"{left[: SHOWN // 2]} … {left[-SHOWN // 2 :]}"
