"""Market record, path models and schedules show what the model is told of them."""

from __future__ import annotations

import re
from functools import cache

import fuzz_texts
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fiscal
from fiscal.base import sources
from fiscal.base.axes import ASSETS
from fiscal.base.errors import InputError
from fiscal.base.sources import DataError
from fiscal.results import figures
from fiscal.results.market_and_law import Exhibit

BUILDERS = {
    "MarketRecord": fiscal.market_record,
    "MarketPaths": lambda: fiscal.market_paths("stochastic_central", paths=20),
    "Schedules": fiscal.schedules,
}


@cache
def exhibit(kind: str) -> Exhibit:
    return BUILDERS[kind]()


@pytest.mark.parametrize("kind", BUILDERS)
def test_an_exhibit_shows_itself_and_says_what_its_columns_hold(kind: str) -> None:
    own = exhibit(kind)
    shown = own._repr_html_()
    fuzz_texts.only_tags(shown)
    assert own.kind == kind and own.fingerprint[:12] in shown and shown.count("<img") == 1
    assert len(shown) < 15_000 and kind in repr(own) and "\n" not in repr(own)
    columns = {str(name) for frame in own.tables.values() for name in frame}
    assert set(own.columns) == columns and all(own.columns.values())
    changed = own.to_frame()
    changed.iloc[0, -1] = -1.0
    assert own.to_frame().iloc[0, -1] != -1.0
    with pytest.raises(InputError, match="no such table"):
        own.to_frame("nothing")


@pytest.mark.parametrize("kind", BUILDERS)
def test_figures_take_axes_and_return_them(kind: str) -> None:
    own = exhibit(kind)
    assert dir(own.plot) == sorted(figures.available(own)) != []
    for name in figures.available(own):
        ax = Figure().subplots()
        assert getattr(own.plot, name)(ax=ax) is ax and ax.has_data()
        assert isinstance(getattr(own.plot, name)(), Axes)
        text = figures.alt_text(name, own)
        assert text.endswith(".") and re.search(r"\d", text) and "nan" not in text.lower()
    with pytest.raises(AttributeError, match="no plot"):
        own.plot.nothing()


def test_the_paths_are_those_that_the_model_draws() -> None:
    from fiscal.engine.allocation import path_settings
    from fiscal.markets.paths import path_model

    settings = fiscal.load_scenario("stochastic_central").settings
    drawn = path_model(settings.paths.model).draw(path_settings(settings), range(2025, 2101), 20, settings.paths.seed)
    returns = exhibit("MarketPaths").to_frame("returns")
    wide = returns.pivot(index=["path_number", "year"], columns="asset", values="return_rate")
    told = wide[list(ASSETS)].to_numpy().reshape(20, 76, len(ASSETS))
    np.testing.assert_array_equal(told, drawn.annual_returns())


def test_the_record_has_a_row_for_every_month_end_that_is_known() -> None:
    levels, series = (exhibit("MarketRecord").to_frame("monthly_levels"), exhibit("MarketRecord").to_frame("series"))
    assert levels.notna().all(axis=None)
    assert levels.groupby("asset").size().to_dict() == series.set_index("asset")["months"].to_dict()


def test_a_named_path_is_one_path_and_says_so() -> None:
    own = fiscal.market_paths("bust")
    assert "carries no probability" in own._repr_html_() and "volatility" not in own._repr_html_()
    dollar = own.to_frame("dollar").query("asset == 'crypto'")
    np.testing.assert_array_equal(dollar["q05_usd"], dollar["q95_usd"])


def test_schedules_are_those_of_the_law_year() -> None:
    from fiscal.law import schedules

    own = exhibit("Schedules")
    rates = own.to_frame("rates").query("law_year == 2030").drop(columns="law_year").reset_index(drop=True)
    assert rates.equals(schedules.show(2030))
    curve = own.to_frame("withdrawal_curve")
    np.testing.assert_array_equal(curve["average_rate"], curve["tax_usd"] / curve["withdrawal_usd"])
    for wrong in ({"law_year": 1999}, {"age_band": "young"}, {"groups": ["P0"]}):
        with pytest.raises(InputError, match="allowed"):
            own.plot.withdrawal_rates(**wrong)


def test_wrong_paths_are_refused() -> None:
    with pytest.raises(InputError, match="paths"):
        fiscal.market_paths("bust", paths=0)
    with pytest.raises(InputError, match="asset"):
        exhibit("MarketPaths").plot.dollar(asset="gold")


def test_tables_of_the_data_folder_are_read_checked() -> None:
    assert fiscal.read_table("sensitivity").equals(sources.table("sensitivity"))
    with pytest.raises(DataError, match="sensitivity"):
        fiscal.read_table("sensitivty")
