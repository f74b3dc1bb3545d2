"""Render the Jinja2 templates of pages; every value is escaped unless it is marked as safe."""

import json
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from tsforecast.formatting import duration, format_number, format_percent, format_signed

REPORTING = "tsforecast.reporting"


def render(template: str, *, package: str = REPORTING, **values: object) -> str:
    """Render a template.

    Args:
        template: Its file in the ``templates`` folder of the package, or of ``tsforecast.reporting``.
        package: Package that the template belongs to.
        values: Variables of the template.
    """
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> jinja2.Environment:
    names = dict.fromkeys([package, REPORTING])
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, "templates") for name in names]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "number": format_number,
        "percent": format_percent,
        "signed": format_signed,
        "json": embed_json,
    }
    environment.globals["asset"] = asset
    return environment


def asset(name: str, package: str = REPORTING) -> Markup:
    """Return a script or style sheet of a package, to be put into a page as it is."""
    return Markup((files(package) / "assets" / name).read_text(encoding="utf-8"))


def embed_json(value: object) -> Markup:
    """Return JSON that is safe inside a ``<script>`` element: no NaN, no ``</script>``, no ``<!--``.

    Example:
        >>> embed_json({"unit": "<b>"}).count("<")
        0
    """
    return Markup(json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))
