"""What is hostile in a text, and values of every kind: drawn by the fuzzed inputs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fiscal.scenario.schema import known_keys

HOSTILE = [
    "../../x", "/etc/passwd", "..", ".", "~", "C:\\x", "a\x00b", "\ud800", "\u202e", "nan", "inf", "-1", "1e999",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td><b>", "#import \"x\"", "$(touch x)", "`id`",
    "{{7*7}}", "%s%n", "\\input{x}", "'; drop table", "none", "", " ", "\n", "\r\n", "\x1b[31m", "9" * 400, "[" * 200,
    "boom", "--force", "=", "a=b", "\U0001f4a5", "e\u0301", "__class__", "1_000", "0x10", "true",
    "#read(\"/etc/passwd\")", "#image(\"x\")", "#panic()", "#eval(\"1\")", "$x^2$", "*bold* _it_ = head", "@ref <x>",
    "// comment", "/* open", "#{", "]", "\\", "\"", "&amp;", "<!--", "]]>", "javascript:x", "\u2028", "\u200f\u200b",
    "\ufeff", "\ufffe", "x" * 3000, "\u5b57" * 300, "a\u0300" * 300,
]  # fmt: skip
"""Markup of Typst, HTML, TeX and shells; control characters, bidi marks, surrogates; names, numbers, long words."""

words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
writable = words.filter(lambda word: "\ud800" not in word)
"""Texts that UTF-8 can hold, as every text that came out of a file or a TOML value."""

numbers = st.one_of(
    st.integers(-(10**25), 10**25), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0, 1, 2026, 2100])
)
keys = st.one_of(st.sampled_from(known_keys()), st.sampled_from(["scenario.title", "scenario.extends"]), words)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
