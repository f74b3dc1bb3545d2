"""The pages of the service, each self-contained: nothing is loaded from elsewhere."""

from functools import cache

from tsforecast.reporting.rendering import render

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
    return render("live.html.j2", package="tsforecast.serving")


@cache
def docs_page() -> str:
    """Return the page that shows the HTTP interface, from its OpenAPI document."""
    return render("docs.html.j2", package="tsforecast.serving")
