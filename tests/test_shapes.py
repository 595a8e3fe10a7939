"""Stored runs of someone else's making: held against what the package writes, every misfit in one message."""

from __future__ import annotations

import json
from dataclasses import replace

import invented
import numpy as np
import pandas as pd
import pydantic
import pytest
import typer.testing

from fiscal import cli
from fiscal.base.errors import InputError
from fiscal.engine import decompose
from fiscal.results import running, schema, store, validate
from fiscal.scenario import load

SHORT = {"horizon.last_year": 2036, "adoption.full_year": 2030, "books.risk_neutral_paths": 0, "backstop.paths": 0}


@pytest.fixture(scope="module")
def whole():
    """A result with every table."""
    return invented.result(load("boom", SHORT))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("baseline", {"state.income_tax": True, "scope.plans": "all_dc"}),
        ("stochastic_central", {"paths.count": 4, "books.risk_neutral_paths": 4, "backstop.paths": 4}),
    ],
    ids=["no crypto, all plans", "random paths"],
)
def test_runs_are_as_the_shapes_say(name, changes):
    """What every result of the suite computes is checked too (conftest)."""
    assert validate.misfits(running.run(load(name, SHORT | changes)).full()) == []


def test_an_invented_result_is_as_the_shapes_say(whole, tmp_path):
    folder = store.write_run(whole, tmp_path / "run")
    assert validate.misfits(store.read_run(folder)) == []


def test_a_declaration_that_contradicts_itself_is_refused():
    columns = schema.by_name(schema.ColumnSchema("year", "a year"), schema.ColumnSchema("tax_usd", "a tax"))
    good = {"name": "taxes", "holds": "taxes", "keys": ("year",), "numbers": ("tax_usd",)}
    assert schema.tables_by_name(columns, [schema.TableSchema(**good)])["taxes"].columns == ("year", "tax_usd")
    for wrong in ({"gaps": ("year",)}, {"numbers": ("year",)}, {"compared": ("other",)}, {"keys": 1}):
        with pytest.raises(pydantic.ValidationError):
            schema.TableSchema(**good | wrong)
    with pytest.raises(ValueError, match="fee_usd"):
        schema.tables_by_name(columns, [schema.TableSchema(**good | {"numbers": ("fee_usd",)})])
    with pytest.raises(ValueError, match="twice"):
        schema.by_name(columns["year"], columns["year"])


def test_every_number_of_a_table_has_a_unit():
    numbers = {column for table in schema.TABLES.values() for column in table.numbers}
    without = {column for column in numbers if not schema.COLUMNS[column].unit}
    assert without == {"residual", "scale"}  # of what is checked


def test_every_column_belongs_to_a_table():
    used = {column for table in (*schema.TABLES.values(), schema.TOTALS) for column in table.columns}
    used |= {"scenario", *decompose.COLUMNS}  # of comparisons
    assert used == set(schema.COLUMNS)


def _without(name):
    return lambda tables: {key: table for key, table in tables.items() if key != name}


def _changed(name, change):
    return lambda tables: tables | {name: change(tables[name].copy())}


def _set(column, value, row=0):
    def change(table):
        if not isinstance(value, float):
            table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


FORGERIES = {
    "a table is missing": (_without("windows"), "lacks tables of these settings (found ['windows'])"),
    "a table too many": (lambda tables: tables | {"x": pd.DataFrame({"y": [1]})}, "has tables that do not belong"),
    "a column is missing": (_changed("budget", lambda t: t.drop(columns="line")), "has wrong columns"),
    "a column too many": (_changed("budget", lambda t: t.assign(x=1)), "has wrong columns"),
    "a column in the index": (_changed("economy", lambda t: t.set_index("year")), "columns in its index"),
    "text for a number": (
        _changed("balances", lambda t: t.astype({"nominal_bn_usd": str})),
        "balances.parquet: nominal_bn_usd: has wrong values",
    ),
    "lists for names": (
        _changed("flows", lambda t: t.assign(flow=[["x"]] * len(t))),
        "flows.parquet: flow: has wrong values",
    ),
    "no rows": (_changed("people", lambda t: t.iloc[:0]), "people.parquet: lacks rows"),
    "a row is missing": (_changed("present_values", lambda t: t.iloc[1:]), "lacks rows of these settings"),
    "a row twice": (
        _changed("windows", lambda t: pd.concat([t, t.iloc[:1]], ignore_index=True)),
        "rows with the same name",
    ),
    "another line": (_changed("budget", _set("line", "taxes")), "has wrong rows"),
    "a name is missing": (_changed("budget", _set("path", None)), "has wrong rows"),
    "another year": (_changed("claim", lambda t: t.assign(year=t["year"] + 1)), "lacks rows of these"),
    "another group": (_changed("distribution_bases", _set("member", "P0-11")), "'earnings_group', 'P0-11'"),
    "a gap": (_changed("budget", _set("nominal_bn_usd", float("nan"))), "nominal_bn_usd: has gaps"),
    "an infinity": (_changed("claim", _set("claim_bn_usd", float("inf"))), "is too large to be computed with"),
    "a number beyond squares": (_changed("flows", _set("real_bn_usd", -1e300)), "is too large"),
    "no product": (_changed("budget", lambda t: t.assign(gdp_bn_usd=0.0)), "gdp_bn_usd: is not positive"),
    "prices below nothing": (_changed("economy", _set("price_level", -1.0)), "price_level: is not positive"),
    "another setting": (
        _changed("settings", lambda t: t.assign(value=t["value"].replace("2036", "2040"))),
        "differs from scenario.toml",
    ),
    "settings cut": (_changed("settings", lambda t: t.iloc[:-1]), "differs from scenario.toml"),
    "a setting without words": (_changed("settings", _set("doc", None)), "settings.parquet: has wrong"),
}  # fmt: skip


TOGETHER = (
    ("a column is missing", "a column in the index", "text for a number", "lists for names", "no rows",
     "a row is missing", "a row twice", "another group", "a table too many"),
    ("a column too many", "a number beyond squares", "an infinity", "prices below nothing", "another setting"),
    ("another line", "another year", "settings cut"),
    ("a name is missing", "a table is missing", "a setting without words"),
    ("a gap",),
    ("no product",),
)  # fmt: skip
"""Forgeries of different tables, which one message names."""


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_forged_tables_are_refused_in_one_message(whole, tmp_path, names):
    tables = dict(whole.tables)
    for name in names:
        tables = FORGERIES[name][0](tables)
    folder = store.write_run(replace(whole, tables=tables), tmp_path / "run")
    with pytest.raises(InputError) as caught:
        store.read_run(folder)
    told = str(caught.value)
    for name in names:
        words = FORGERIES[name][1]
        assert words in told or words in told.replace('"', "'"), (name, told)


def test_every_forgery_is_tried():
    assert sorted(name for names in TOGETHER for name in names) == sorted(FORGERIES)


@pytest.mark.parametrize(
    "calibration",
    [
        None,
        {},
        [],
        {"opening_plan_bn_usd": "much"},
        {"opening_by_age_bn_usd": [1.0]},
        {"draw_rate_by_age": {"60": 0.1}},
        {"people_65_plus": 10**400},
        {"people_65_plus": True},
    ],
)
def test_a_forged_summary_is_refused(whole, tmp_path, calibration):
    told = calibration
    if calibration:
        told = whole.summary["calibration"] | calibration
    summary = {**whole.summary, "calibration": told}
    folder = store.write_run(replace(whole, summary=summary), tmp_path / "run")
    with pytest.raises(InputError, match="summary.json: calibration: differs from what a run writes"):
        store.read_run(folder)


def test_every_command_that_reads_runs_says_so_and_exits_with_2(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = FORGERIES["a row is missing"][0](FORGERIES["a column is missing"][0](dict(whole.tables)))
    store.write_run(replace(whole, tables=tables), tmp_path / "forged")
    runner = typer.testing.CliRunner()
    for words in (["report", "forged", "--out", "x.pdf"], ["compare", "baseline", "forged"]):
        with pytest.raises(InputError) as caught:
            runner.invoke(cli.app, words, catch_exceptions=False)
        assert "forged/tables/budget.parquet" in str(caught.value)
        assert "forged/tables/present_values.parquet" in str(caught.value)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["forged"]


def test_a_run_of_another_version_says_so(whole, tmp_path, monkeypatch):
    from fiscal.results.store import manifest

    monkeypatch.setattr(manifest, "__version__", "0.0.1")
    tables = FORGERIES["a table is missing"][0](dict(whole.tables))
    folder = store.write_run(replace(whole, tables=tables), tmp_path / "run")
    with pytest.raises(InputError, match=r"written by another version of fiscal \(found '0.0.1'\)"):
        store.read_run(folder)


def test_numbers_at_the_edge_are_read(whole, tmp_path):
    """The largest that is allowed comes back, and the manifest is what refuses a changed file."""
    tables = dict(whole.tables)
    tables["claim"] = tables["claim"].assign(claim_bn_usd=1e200, claim_share=np.nan)
    folder = store.write_run(replace(whole, tables=tables), tmp_path / "run")
    assert store.read_run(folder).tables["claim"]["claim_bn_usd"].max() == 1e200
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    (folder / "summary.json").write_text(json.dumps(summary | {"x": 1}), encoding="utf-8")
    with pytest.raises(InputError, match="was changed after the run"):
        store.read_run(folder)
