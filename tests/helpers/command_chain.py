"""Several command lines of ``run.py`` one after the other in one process, which imports TensorFlow once.

The arguments of one command are separated from those of the next by ``--``; the first one that fails ends the chain.
``copy SOURCE TARGET`` in place of a command copies a file.
"""

import itertools
import runpy
import shutil
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "run.py"

if __name__ == "__main__":
    sys.path.insert(0, str(RUN.parent))  # as `python run.py` does
    from tsforecast import leaving

    leaving.keep_process()
    for is_end, arguments in itertools.groupby(sys.argv[1:], lambda argument: argument == "--"):
        if is_end:
            continue
        command = list(arguments)
        if command[0] == "copy":
            shutil.copy(*command[1:])
            continue
        sys.argv = [str(RUN), *command]
        try:
            runpy.run_path(str(RUN), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise
