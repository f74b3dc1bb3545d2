"""The pages of the service, each self-contained: nothing is loaded from elsewhere."""

from functools import cache
from pathlib import Path

from tsforecast import reporting

ASSETS = Path(__file__).parent / "assets"
SHARED = Path(reporting.__file__).parent / "assets"
# A page may run its own script and send requests to this service, nothing else.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@cache
def live_page() -> str:
    """Return the page that shows the model in service."""
    page = _read(ASSETS / "live.html")
    return (
        page.replace("/*style*/", _read(SHARED / "uPlot.min.css") + _read(ASSETS / "page.css"))
        .replace("/*charts*/", _read(SHARED / "uPlot.iife.min.js"))
        .replace("/*script*/", _read(ASSETS / "live.js"))
    )


@cache
def docs_page() -> str:
    """Return the page that shows the HTTP interface, from its OpenAPI document."""
    page = _read(ASSETS / "docs.html")
    return page.replace("/*style*/", _read(ASSETS / "page.css")).replace(
        "/*script*/", _read(ASSETS / "docs.js")
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
