"""The hash of the code changes with what is computed and with nothing else."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from fiscal.base import code
from fiscal.base.code import MODEL_ROOMS, code_sha256, without_remarks

PACKAGE = Path(__file__).resolve().parent.parent / "fiscal"

SOURCE = '''"""What it does."""

RATE = 0.25  # of income
"""A rate."""


def tax(income: float, note: str = "# no comment") -> float:
    """Tax of an income."""

    return RATE * income  # flat
'''


def test_remarks_do_not_count_and_formulas_do(tmp_path: Path) -> None:
    def of(room: str, source: str) -> str:
        place = tmp_path / room
        place.mkdir(exist_ok=True)
        (place / "tax.py").write_text(source, encoding="utf-8")
        code_sha256.cache_clear()
        return code_sha256(package=tmp_path)

    first = of("budget", SOURCE)
    for other in (
        SOURCE.replace("# of income", "# of wages"),
        SOURCE.replace('"""Tax of an income."""', '"""The tax.\n\n    With a second line.\n    """'),
        SOURCE.replace('"""A rate."""\n', ""),
        SOURCE.replace("\n\n\n", "\n\n"),
    ):
        assert of("budget", other) == first
    assert of("budget", SOURCE.replace("RATE * income", "income * RATE")) != first
    assert of("budget", SOURCE.replace("# no comment", "# another text")) != first
    of("budget", SOURCE)
    assert of("report", SOURCE) == first
    code_sha256.cache_clear()


def test_the_hash_of_a_run_changes_with_a_formula_and_not_with_a_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a copy of the package: what decides the input fingerprint, and what does not."""
    monkeypatch.setattr(code, "without_remarks", cache(without_remarks))
    shutil.copytree(PACKAGE, tmp_path / "fiscal", ignore=shutil.ignore_patterns("__pycache__", "_data"))

    def after(name: str, change: Callable[[str], str]) -> str:
        file = tmp_path / "fiscal" / name
        text = file.read_text(encoding="utf-8")
        assert change(text) != text
        file.write_text(change(text), encoding="utf-8")
        code_sha256.cache_clear()
        found = code_sha256(package=tmp_path / "fiscal")
        file.write_text(text, encoding="utf-8")
        return found

    code_sha256.cache_clear()
    now = code_sha256()
    figure, chapter = (
        sorted((tmp_path / "fiscal" / room).rglob("*.py"))[-1].relative_to(tmp_path / "fiscal").as_posix()
        for room in ("results/figures", "report")
    )
    same = {
        "budget/valuation.py": lambda text: f"# a remark\n{text}\n# another\n",
        figure: lambda text: f"{text}\nWIDTH = 7\n",
        chapter: lambda text: f"{text}\nWORD = 'outlay'\n",
        "cli/data.py": lambda text: f"{text}\nEXIT = 3\n",
    }
    assert {name: after(name, change) for name, change in same.items()} == dict.fromkeys(same, now)
    for room in MODEL_ROOMS:
        file = max((tmp_path / "fiscal" / room).rglob("*.py"), key=lambda file: file.stat().st_size)
        name = file.relative_to(tmp_path / "fiscal").as_posix()
        assert after(name, _other_sign) != now, name
    code_sha256.cache_clear()


def _other_sign(text: str) -> str:
    """The source with one more statement that computes."""
    return f"{text}\nRATE = -0.25\n"


@pytest.mark.parametrize("room", MODEL_ROOMS)
def test_what_is_left_of_every_file_is_its_code(room: str) -> None:
    """The code that is hashed says what the file says: its tree without texts that stand alone."""

    class Bare(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST | None:  # noqa: N802
            alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            return None if alone else node

    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files
    for file in files:
        bare = ast.unparse(Bare().visit(ast.parse(file.read_text(encoding="utf-8"))))
        left = without_remarks(file.read_text(encoding="utf-8"))
        if "..." in left or not left:
            continue  # bodies that are a text alone are empty without it
        try:
            assert ast.unparse(ast.parse(left)) == bare, file
        except SyntaxError as error:
            assert "expected an indented block" in str(error), file
