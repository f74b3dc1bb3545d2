"""A process in which some modules cannot be imported, as on a system or in an environment without them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HIDE = """
import sys
sys.path.insert(0, sys.argv[1])

class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in sys.argv[2].split(","):
            raise ModuleNotFoundError(f"{name} is hidden", name=name)

sys.meta_path.insert(0, Hidden)
for name in sys.argv[2].split(","):
    sys.modules.pop(name, None)
"""


def run_without(names, code, cwd):
    """Run code in a fresh process without these modules; return what it printed."""
    command = [sys.executable, "-c", HIDE + code, str(ROOT), ",".join(names)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
