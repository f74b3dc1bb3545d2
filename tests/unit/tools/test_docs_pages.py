import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools.docs_pages import config_page, move_links, notebook_page, pages

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("file", "page", "text", "moved"),
    [
        ("README.md", "index.md", "[a](docs/data.md#rows)", "[a](data.md#rows)"),
        ("README.md", "index.md", "[a](CONTRIBUTING.md)", "[a](contributing.md)"),
        ("README.md", "index.md", "[a](LICENSE) b", "a b"),
        ("README.md", "index.md", "![a](docs/images/x.png)", "![a](images/x.png)"),
        ("README.md", "index.md", "[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("README.md", "index.md", "`[a](docs/x.md)`", "`[a](docs/x.md)`"),
        ("experiments/README.md", "studies.md", "[a](../docs/rules.md)", "[a](rules.md)"),
        ("docs/python.md", "python.md", "[a](tutorials/1.ipynb)", "[a](tutorials/1.md)"),
        ("docs/python.md", "python.md", "[a](tutorials)", "[a](tutorials/index.md)"),
        ("docs/reference/python.md", "reference/python.md", "[a](../data.md)", "[a](../data.md)"),
    ],
)
def test_links_lead_to_pages_of_the_site(file, page, text, moved):
    assert move_links(text, file, page) == moved


def test_the_reference_has_every_key_of_every_group():
    page = config_page(ROOT / "conf")
    for key, default in (
        ("`window.horizon`", "`1`"),
        ("`data.split`", "`{train: 0.7, val: 0.15, test: 0.15}`"),
        ("`sweep.process`", "`auto`"),
        ("`serve.port`", "`8000`"),
        ("`report.format`", "`[html]`"),
        ("`model.units`", "`[128, 128, 64]`"),
    ):
        assert re.search(rf"\| {re.escape(key)} \| {re.escape(default)} \|", page), key
    for path in (ROOT / "conf").rglob("*/*.yaml"):
        group = path.parent.relative_to(ROOT / "conf").as_posix()
        assert group == "experiment" or f"### {group}={path.stem}\n" in page
    assert "defaults" not in re.findall(r"\| `([\w.]+)` \|", page)


def test_a_notebook_becomes_text_and_code():
    cells = [{"cell_type": "markdown", "source": ["# A\n", "b"]}, {"cell_type": "code", "source": ["x = 1"]}]
    assert notebook_page({"cells": cells}) == "# A\nb\n\n```python\nx = 1\n```\n"


def test_every_page_of_the_repository_is_on_the_site():
    made = pages()
    assert {"index.md", "changelog.md", "studies.md", "contributing.md", "tutorials/index.md"} <= set(made)
    assert "tutorials/1_first_forecast.md" in made
    assert not [name for name, text in made.items() if "](docs/" in re.sub(r"`[^`]*`", "", text)]


def build(folder):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.slow
def test_the_site_is_built_without_a_broken_link(tmp_path):
    ignored = shutil.ignore_patterns("*.parquet", "__pycache__")
    for name in ("docs", "tools", "conf", "experiments", "tsforecast"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tsforecast.api.training.train" in (tmp_path / "site/reference/python.html").read_text()


def test_a_broken_link_fails_the_build(tmp_path):
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    (tmp_path / "mkdocs.yml").write_text(
        yaml.safe_dump({"site_name": "x", "validation": config["validation"]})
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("[a page](nothing.md) and [a place](#nowhere)\n")
    broken = build(tmp_path)
    assert broken.returncode != 0
    assert "nothing.md" in broken.stderr
    assert "nowhere" in broken.stderr
