"""Installation hints for optional dependencies work in a checkout, in every file."""

import re
import subprocess
from pathlib import Path

from tsforecast.errors import install_hint

ROOT = Path(__file__).parents[2]
NAME = "tsforecast"
# On the public index this name is another package; and an editable install is not how the environment is made.
OLD_FORMS = (
    rf"install[^\n]*\b{NAME}\b\[",
    rf"\b{NAME}\[[a-z]",
    r"-e ['\"]?\.\[",
    rf"pip install ['\"]?{NAME}\b",
)


def _files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\n") if listed.returncode == 0 else []
    paths = [ROOT / name for name in names if name] or [path for path in ROOT.rglob("*") if path.is_file()]
    kinds = (".py", ".md", ".yaml", ".toml", ".html", "Makefile")
    return [
        path for path in paths if path.name.endswith(kinds) and ".venv" not in path.parts and path.is_file()
    ]


def test_old_forms_are_recognized():
    for hint in (f"pip install '{NAME}[serve]'", f"pip install {NAME}", "uv pip install -e '.[cuda]'"):
        assert any(re.search(form, hint) for form in OLD_FORMS)


def test_no_file_suggests_installing_the_package_from_an_index():
    files = [path for path in _files() if path != Path(__file__)]
    assert len(files) > 200
    wrong = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        for form in OLD_FORMS
        for match in re.finditer(form, path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_every_hint_names_an_existing_extra():
    text = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")[2]
    known = set(re.findall(r"(?m)^([\w-]+) = \[", text.split("\n[")[0]))
    hints = "\n".join(path.read_text(encoding="utf-8") for path in _files() if path != Path(__file__))
    named = re.findall(r"install_hint\(['\"](\w+)['\"]", hints) + re.findall(r"EXTRAS=([a-z]+)", hints)
    assert {"serve", "export", "cuda", "sweep", "lightgbm", "dashboard"} <= set(named)
    assert set(named) <= known
    assert install_hint("serve", "export") == "run `make setup EXTRAS=serve,export`"


def test_only_one_function_writes_hints():
    files = [path for path in _files() if (ROOT / NAME) in path.parents and path.suffix == ".py"]
    assert len(files) > 200
    writing = [
        path.name for path in files if "make setup" in re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    ]
    assert sorted(writing) == ["doctor.py", "errors.py"]  # that of the doctor is in a docstring's example
    code = (ROOT / NAME / "planning" / "doctor.py").read_text(encoding="utf-8")
    assert re.findall(r".*make setup.*", code) == ["        'run `make setup`'"]
