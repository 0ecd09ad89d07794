"""Run the real server with a scripted engine: `scripted_server.py HOME [--delay S] [--journal FILE]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rowbatch.server.local_model import MODEL_ID
from rowbatch.server.main import serve
from serving import ScriptedEngine

parser = argparse.ArgumentParser()
parser.add_argument("home", type=Path)
parser.add_argument("--delay", type=float, default=0.0)
parser.add_argument("--journal", type=Path)
options = parser.parse_args()
serve(
    options.home,
    engine=ScriptedEngine(delay_s=options.delay, models=(MODEL_ID,), journal=options.journal),
)
