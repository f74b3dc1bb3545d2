"""Keeps the code and the documentation in standard terms: phrases and names that readers stumbled over are rejected."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Phrase -> what to write instead.
PHRASES = {
    r"\bhangs? on\b": "depends on",
    r"\banew\b": "again",
    r"\bbesides?\b": "next to, compared with, along with",
    r"\ba line an?\b": "one line per",
    r"\b(go|goes|going|went|gone) on with\b": "resume, continue",
    r"\bmend(s|ed|ing)?\b": "fix, repair",
    r"(?<!there )\bis no (?!longer|such|worse|better|more|less|later)[a-z]+": "is not a",
    r"\bshall\b": "should, must",
    r"\btold\b": "reported, stated, passed",
    r"\bsittings?\b": "session",
    r"\bdawns?\b": "retraining run",
    r"\bsee the class\b": "a docstring that says something, or none",
    r'"""The arguments\."""': "no docstring",
    r"\bin one go\b": "at once",
    r"\b(stands?|stood) (there|alone|beside|for themselves)\b": "is, is listed",
    r"\breckon(s|ed|ing)?\b": "estimate",
    r"\bnought\b": "nothing, 0",
    r"\bcolour|\blicences?\b|\bgrey\b|behaviour|favour|neighbour|catalogue|artefact|\bcentred?\b": "American spelling",
    r"(normal|optim|initial|summar|standard|recogn|organ|general|minim|maxim|visual|quant)is(ed?|es|ing|ation)\b": "z",
    r"\banalys(e|ed|ing)\b|labelled|modelling|cancelled": "American spelling",
    r"\bthe users' (own )?(estimate|figure|number|model)": "the original estimate",
}
# Names of variables and parameters that say nothing of what they hold.
NAMES = {"found", "told", "said", "held", "own", "place"}
# Names of functions: participles where a verb or a noun belongs.
FUNCTION_NAMES = re.compile(r"^_?(told|found|held|said|beside|around|along|taught|gone|taken|given)(_|$)")
# Text of others, fixtures, and the two files that list such words.
EXCLUDED = (
    "LICENSE",
    "tsforecast/reporting/assets/uPlot",
    "tests/fixtures/",
    "tests/unit/test_wording.py",
    "tests/helpers/code_metrics.py",
)


def tracked_files(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [
        ROOT / name
        for name in listed.stdout.splitlines()
        if name.endswith(suffixes) and not any(part in name for part in EXCLUDED) and (ROOT / name).is_file()
    ]


TEXTS = tracked_files(".py", ".md", ".yaml", ".yml", ".toml", ".js", ".html", ".j2", "Makefile", "run")
MODULES = [path for path in tracked_files(".py") if path.is_relative_to(ROOT / "tsforecast")]


def rejected_phrases(text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, instead in PHRASES.items():
            for match in re.finditer(pattern, line, re.IGNORECASE):
                found.append(f"line {number}: '{match[0]}' (write: {instead})")
    return found


def assigned_names(tree: ast.Module) -> list[tuple[int, str]]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((node.lineno, node.id))
        elif isinstance(node, ast.arg):
            names.append((node.lineno, node.arg))
    return names


def test_files_are_listed():
    assert len(TEXTS) > 300
    assert len(MODULES) > 150


@pytest.mark.parametrize(
    "text",
    [
        "what it hangs on",
        "a line an epoch",
        "it goes on with",
        "is no number",
        "compiled anew",
        "beside it",
        "quantised weights",
        "the colour",
    ],
)
def test_a_rejected_phrase_is_recognized(text):
    assert rejected_phrases(text)


@pytest.mark.parametrize(
    "text",
    [
        "is no longer there",
        "there is no file",
        "depends on",
        "is no worse than",
        "one line per epoch",
        "precise, promised",
    ],
)
def test_plain_english_passes(text):
    assert not rejected_phrases(text)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_rejected_phrase(path):
    assert not rejected_phrases(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_they_hold(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unclear = [f"line {line}: {name}" for line, name in assigned_names(tree) if name in NAMES]
    unclear += [
        f"line {node.lineno}: {node.name}()"
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and FUNCTION_NAMES.match(node.name)
    ]
    assert not unclear
