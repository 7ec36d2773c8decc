"""The alert bridge: Alertmanager's webhook in, runs in Temporal out.

Started by `runmend bridge`, `runmend dev` and `runmend demo`.
"""

from runmend.bridge.app import create_app
from runmend.bridge.security import Exposed, check_exposure
from runmend.bridge.server import serve, serving

__all__ = ["Exposed", "check_exposure", "create_app", "serve", "serving"]
