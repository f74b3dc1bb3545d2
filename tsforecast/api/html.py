"""Small tables for notebooks."""

from collections.abc import Mapping, Sequence

from jinja2 import Environment

_TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<table class="tsforecast">
<caption style="text-align: left">{{ caption }}
{%- for name, target in links.items() %} · <a href="{{ target }}">{{ name }}</a>{% endfor %}</caption>
<thead><tr>{% for name in columns %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>"""
)


def render_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str = "",
    links: Mapping[str, str] | None = None,
) -> str:
    """Return a table as HTML; text is escaped.

    Args:
        columns: Heads of the columns.
        rows: Cells of each row.
        caption: Line above the table.
        links: Name to address of links after the caption.

    Example:
        >>> "<td>&lt;b&gt;</td>" in render_table(["name"], [["<b>"]])
        True
    """
    return _TEMPLATE.render(columns=columns, rows=rows, caption=caption, links=links or {})
