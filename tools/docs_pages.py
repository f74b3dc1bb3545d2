"""Pages of the documentation site that are made from other files of the repository; MkDocs calls ``on_files``.

The README is the start page; the notebooks, the studies, the changelog and the config (``conf/``) are pages too. Links
between these files are those of the repository, and are changed to the pages of the site.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# File of the repository -> page of the site.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "experiments/README.md": "studies.md",
}
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
OPTION = re.compile(r"^( *)([\w@${}./-]+):(?: +([^#\s].*?))?(?: +# (.*))?$")


def on_files(files, config):
    """Add the pages to those in ``docs/``."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        old = files.get_file_from_path(name)
        if old is not None:
            files.remove(old)
        files.append(File.generated(config, name, content=text))
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            files.remove(file)
    return files


def pages() -> dict:
    """Return the text of each page by its path on the site."""
    made = {page: move_links(read(file), file, page) for file, page in PAGES.items()}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        name = path.relative_to(ROOT).as_posix()
        made[name.removeprefix("docs/")] = move_links(read(name), name, name.removeprefix("docs/"))
    notebooks = sorted((ROOT / "docs/tutorials").glob("*.ipynb"))
    for path in notebooks:
        made[f"tutorials/{path.stem}.md"] = notebook_page(json.loads(path.read_text(encoding="utf-8")))
    made["tutorials/index.md"] = tutorials_page(notebooks)
    made["reference/config.md"] = config_page(ROOT / "conf")
    return made


def read(name: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def move_links(text: str, file: str, page: str) -> str:
    """Return the text of a file with links to other pages of the site; a link to what is not on it becomes plain text.

    Args:
        text: Markdown.
        file: Path of the file in the repository.
        page: Path of its page on the site.
    """
    parts = CODE.split(text)
    for index in range(0, len(parts), 2):  # what is between pieces of code
        parts[index] = LINK.sub(lambda match: _move_link(match, file, page), parts[index])
    joined = "".join(parts)
    return re.sub(r"\[([^\]\n]+)\]\(\)", r"\1", joined)


def _move_link(match, file: str, page: str) -> str:
    target, anchor = match[1], match[2] or ""
    if "://" in target or target.startswith("mailto:"):
        return match[0]
    path = _normalize(Path(file).parent / target)
    moved = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
    if moved == "tutorials":
        moved = "tutorials/index.md"
    moved = moved.removesuffix(".ipynb") + ".md" if moved.endswith(".ipynb") else moved
    if not moved:
        return "]()"
    up = "../" * page.count("/")
    return f"]({up}{moved}{anchor})"


def _normalize(path: Path) -> str:
    parts = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def notebook_page(notebook: dict) -> str:
    """Return a notebook as Markdown."""
    blocks = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        blocks.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(blocks) + "\n"


def tutorials_page(notebooks: list) -> str:
    """Return the list of the notebooks."""
    lines = [
        "# Tutorials",
        "",
        "Notebooks, in the order in which to read them. They are in `docs/tutorials`.",
        "",
    ]
    for path in notebooks:
        title = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"][0].lstrip("# ").strip()
        lines.append(f"1. [{title}]({path.stem}.md)")
    return "\n".join(lines) + "\n"


def config_page(conf: Path) -> str:
    """Return the reference of the config: every group, its choices, and their keys with defaults.

    Args:
        conf: Folder of the YAML files.
    """
    lines = [
        "# Config",
        "",
        "Generated from `conf/`. Any key can be changed: `key=value` on the command line,",
    ]
    lines += ["`overrides` in Python.", "", "## Keys without a group", "", *_table(conf / "config.yaml", "")]
    folders = sorted(path for path in conf.rglob("*") if path.is_dir() and list(path.glob("*.yaml")))
    for folder in folders:
        group = folder.relative_to(conf).as_posix()
        if group == "experiment":
            continue
        lines += ["", f"## {group}", ""]
        for path in sorted(folder.glob("*.yaml")):
            lines += [
                f"### {group}={path.stem}",
                "",
                *_table(path, "" if group == "job" else f"{group}."),
                "",
            ]
    return "\n".join(lines) + "\n"


def _table(path: Path, prefix: str) -> list:
    """Return description and keys of a YAML file; comments on the line of a key describe it."""
    description, rows, parents, skipped = [], [], [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        indent = len(line) - len(line.lstrip())
        if skipped is not None and (indent > skipped or line.lstrip().startswith("- ")):
            continue
        skipped = None
        if line.startswith("# ") and not line.startswith("# @"):
            if not rows:
                description.append(line[2:])
            continue
        match = OPTION.match(line)
        if match is None:
            continue
        if match[2] in ("defaults", "hydra", "_target_"):
            skipped = indent if match[2] != "_target_" else None
            continue
        parents = [parent for parent in parents if parent[0] < indent]
        key = ".".join([*(name for _, name in parents), match[2]])
        if match[3] in (None, ""):
            parents.append((indent, match[2]))
            continue
        rows.append(f"| `{prefix}{key}` | `{match[3].strip()}` | {_escape(match[4] or '')} |")
    table = ["| key | default | |", "|---|---|---|", *rows] if rows else ["No keys."]
    return [*description[:1], *([""] if description else []), *table]


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
