"""``python -m tsforecast``."""

import sys

from tsforecast.command import main

if __name__ == "__main__":
    sys.exit(main())
