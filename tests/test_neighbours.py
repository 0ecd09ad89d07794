"""Clients of OpenAI's own at the real server; `make neighbours` has many more, the newest of each."""

import shutil
import sys
from pathlib import Path

import pytest

from neighbours import NEIGHBOURS, ROOT, SCRIPTS, outcome

NODE_SDK = ROOT / ".tools" / "openai-node"
_BY_SCRIPT = {one.script: one for one in NEIGHBOURS}


def test_the_sdk_for_python_at_the_program() -> None:
    """
    What `make neighbours` has it do, with the one that is locked.
    """
    one = _BY_SCRIPT["openai_python.py"]
    assert outcome(one, (sys.executable, str(SCRIPTS / one.script))) == "works"


@pytest.mark.skipif(not (NODE_SDK / "node_modules").is_dir(), reason="`make test` fetches it where npm is")
def test_the_sdk_for_node_at_the_program(tmp_path: Path) -> None:
    """
    Every call that the server has, with streams, cursors, uploads in parts, and webhooks that it checks.
    """
    (tmp_path / "node_modules").symlink_to(NODE_SDK / "node_modules")
    one = _BY_SCRIPT["openai_node.mjs"]
    script = Path(shutil.copy(SCRIPTS / one.script, tmp_path))
    assert outcome(one, ("node", str(script))) == "works"
