"""Measures the structure of the package: ``python -m tests.helpers.code_metrics`` prints the figures.

Lengths of functions and files are counted without docstrings, blank lines and comments count.
"""

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tsforecast"
PREPOSITIONS = {
    "above", "across", "after", "along", "among", "around", "at", "before", "behind", "below", "beneath", "beside",
    "between", "by", "for", "in", "inside", "into", "of", "off", "onto", "over", "past", "since", "through", "toward",
    "under", "until", "within", "without",
}  # fmt: skip
IRREGULAR = {
    "begun", "built", "chosen", "cut", "done", "drawn", "found", "given", "gone", "grown", "held", "hidden", "kept",
    "known", "left", "lost", "made", "said", "seen", "sent", "shown", "spoken", "taken", "taught", "thrown", "told",
    "worn", "written",
}  # fmt: skip
NOT_PARTICIPLES = {
    "need",
    "embed",
    "seed",
    "speed",
    "feed",
    "shared",
    "red",
    "bed",
    "exceed",
    "proceed",
    "fixed",
}


@dataclass(frozen=True)
class Function:
    """A function or method: where it is, its name and its length in lines without its docstring."""

    file: str
    name: str
    lines: int


def parse_package() -> dict[Path, ast.Module]:
    """Every module of the package."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def docstring_lines(node: ast.AST) -> int:
    """Lines of the docstring of a module, class or function; 0 without one."""
    body = getattr(node, "body", [])
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
        return first.end_lineno - first.lineno + 1
    return 0


def functions(modules: dict[Path, ast.Module]) -> list[Function]:
    """All functions and methods."""
    result = []
    for path, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner = sum(
                    docstring_lines(child)
                    for child in ast.walk(node)
                    if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                )
                length = node.end_lineno - node.lineno + 1 - inner
                result.append(Function(str(path.relative_to(ROOT)), node.name, length))
    return result


def file_lengths(modules: dict[Path, ast.Module]) -> dict[str, int]:
    """Lines of each file without docstrings."""
    lengths = {}
    for path, tree in modules.items():
        total = len(path.read_text(encoding="utf-8").splitlines())
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        lengths[str(path.relative_to(ROOT))] = total - sum(
            docstring_lines(node) for node in ast.walk(tree) if isinstance(node, kinds)
        )
    return lengths


def bare_any(modules: dict[Path, ast.Module]) -> list[str]:
    """Parameters and return values annotated as ``Any`` and nothing more."""
    found = []
    for path, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                arguments = node.args
                every = [
                    *arguments.posonlyargs,
                    *arguments.args,
                    *arguments.kwonlyargs,
                    arguments.vararg,
                    arguments.kwarg,
                ]
                annotations = [argument.annotation for argument in every if argument is not None] + [
                    node.returns
                ]
                count = sum(isinstance(a, ast.Name) and a.id == "Any" for a in annotations)
                found += [f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] * count
    return found


def is_participle(word: str) -> bool:
    """Whether a word reads as a past participle."""
    return word in IRREGULAR or (len(word) > 4 and word.endswith("ed") and word not in NOT_PARTICIPLES)


def is_oddly_named(name: str) -> bool:
    """Whether a function is named by a participle or a preposition rather than by a verb or a noun."""
    words = name.strip("_").split("_")
    if not words[0] or name.startswith("__"):
        return False
    return is_participle(words[0]) or words[0] in PREPOSITIONS or words[-1] in PREPOSITIONS


def package_of(file: str) -> str:
    """The package that a file belongs to: the first folder below ``tsforecast``, or the file itself."""
    parts = Path(file).parts
    return parts[1]


def imported_modules(node: ast.AST, names: set[str]) -> set[str]:
    """Which of the modules ``names`` are imported below a node, those for type checkers left out."""
    targets: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.Import):
            targets.update(alias.name for alias in child.names if alias.name in names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            full = {f"{child.module}.{alias.name}" for alias in child.names}
            targets.update(full & names or {child.module} & names)
        targets |= imported_modules(child, names)
    return targets


def imports(modules: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Module -> modules of the package that it imports anywhere, those for type checkers left out."""
    names = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in modules
    }
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        targets = imported_modules(modules[path], set(names))
        graph[name] = targets - {name}
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other (strongly connected components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result: list[list[str]] = []

    def connect(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                connect(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                other = stack.pop()
                group.append(other)
                if other == node:
                    break
            if len(group) > 1:
                result.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in index:
            connect(node)
    return result


def package_graph(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between packages and top-level modules."""

    def top(module: str) -> str:
        return module.split(".")[1] if "." in module else module

    result: dict[str, set[str]] = defaultdict(set)
    for module, targets in graph.items():
        result[top(module)] |= {top(target) for target in targets} - {top(module)}
    return dict(result)


def percentile(values: list[int], share: float) -> int:
    """The value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def package_sizes(modules: dict[Path, ast.Module]) -> dict[str, int]:
    """Package, or module at the top, -> its lines without docstrings."""
    sizes: dict[str, int] = defaultdict(int)
    for file, lines in file_lengths(modules).items():
        sizes[package_of(file)] += lines
    return dict(sizes)


def main() -> None:
    """Prints the figures."""
    modules = parse_package()
    every, lengths, sizes = functions(modules), file_lengths(modules), package_sizes(modules)
    total = sum(sizes.values())
    largest = max(sizes, key=sizes.__getitem__)
    graph = imports(modules)
    odd = [f for f in every if is_oddly_named(f.name)]
    print(
        f"lines {total:,}; largest package {largest} {sizes[largest]:,} ({100 * sizes[largest] / total:.1f} %)"
    )
    print(f"jobs {sizes['jobs']:,} lines")
    print(f"function p90 {percentile([f.lines for f in every], 0.9)}, longest {max(f.lines for f in every)}")
    print(f"file p90 {percentile(list(lengths.values()), 0.9)}")
    print(f"bare Any {len(bare_any(modules))}")
    print(f"oddly named functions {len(odd)} of {len(every)} ({100 * len(odd) / len(every):.1f} %)")
    print(f"module cycles {cycles(graph)}")
    print(f"package cycles {cycles(package_graph(graph))}")
    if "-v" in sys.argv:
        for function in sorted(odd, key=lambda f: f.file):
            print(f"  {function.file} {function.name}")
        for place in bare_any(modules):
            print(f"  Any {place}")
        for function in every:
            if function.lines > 40:
                print(f"  long {function.file} {function.name} {function.lines}")


if __name__ == "__main__":
    main()
