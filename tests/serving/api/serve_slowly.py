"""Run by ``test_server``: the real server around a scorer that takes its time.

``python -m tests.serving.api.serve_slowly HOME PORT DELAY_S``
"""

from __future__ import annotations

import sys
from pathlib import Path

from serving.api import create_app, server
from serving.settings import Settings
from tests.serving.api.service_tools import ScriptedScorer, quick_analyzer

if __name__ == "__main__":
    home, port, delay_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    server.HEADER_TIMEOUT_S = 1.0
    settings = Settings(home=home, model="fake", body_timeout_s=1.0)
    app = create_app(settings, quick_analyzer(ScriptedScorer(delay_s)))
    server.serve_app(app, "127.0.0.1", port)
