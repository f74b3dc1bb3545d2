"""job=watch: running and finished runs of a folder in a browser, with curves as they grow; needs no TensorFlow."""

from pathlib import Path

from tsforecast.comparison.watch import HOST, Watch, create_server
from tsforecast.config import Config
from tsforecast.files import remove_if_empty


def main(config: Config, path: Path) -> None:
    """Serve the page until stopped with Ctrl-C."""
    remove_if_empty(path)
    server = create_server(Watch(config.over, config.watch.seconds), config.watch.port)
    print(f"http://{HOST}:{server.server_address[1]}/ shows {config.over}; stop with Ctrl-C.", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.")
