"""Arrows point one way, and only `io` touches the world."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "charrnn_jax").rglob("*.py"))
WORLD = {"os", "sys", "time", "pathlib", "shutil", "subprocess", "datetime", "random", "urllib", "pickle"}


def module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in FILES}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where an arrow points"
            yield str(node.module)
            yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in MODULES)


def test_no_circles():
    graph = {module(path): {name for name in imports(path) if name.startswith("charrnn_jax")} for path in FILES}
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("charrnn_jax.types") < order.index("charrnn_jax.model")


def test_the_package_never_imports_the_experiments():
    assert not [path for path in FILES if any(name.startswith("experiments") for name in imports(path))]


def test_only_io_touches_the_world():
    for path in FILES:
        if "io" in path.relative_to(ROOT).parts:
            continue
        assert not {name.split(".")[0] for name in imports(path)} & WORLD, path
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"open", "print", "input", "eval", "exec"}, path


def test_text_knows_nothing_of_jax():
    for path in FILES:
        if "text" in path.relative_to(ROOT).parts:
            assert not {name.split(".")[0] for name in imports(path)} & {"jax", "flax", "optax"}, path
