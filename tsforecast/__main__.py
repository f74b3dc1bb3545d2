"""``python -m tsforecast``."""

from tsforecast.command import run

if __name__ == "__main__":
    run()
