"""Sliders: what they show is what a projection of their values gives."""

from __future__ import annotations

import base64
import io

import fuzz_texts
import matplotlib.image
import pytest
from matplotlib.figure import Figure

import fiscal
from fiscal.base.errors import InputError
from fiscal.engine.allocation import path_settings
from fiscal.markets.core import long_run_means
from fiscal.results import explorer as results_explorer
from fiscal.results.figures.market_and_law import explored

LEVERS = {
    "adoption.participants_share": (0.0, 1.0, 0.05),
    "paths.outside_event_return": (0.0, 0.2, 0.01),
    "roth.elective_share_2025": (0.0, 1.0, 0.05),
}


@pytest.fixture(scope="module")
def scenario() -> fiscal.Scenario:
    return fiscal.load_scenario("boom", {"horizon.last_year": 2055, "scenario.title": "<script>x</script>"})


def test_a_slider_that_is_moved_projects_the_scenario_of_its_value(scenario: fiscal.Scenario) -> None:
    explorer = fiscal.explorer(scenario, LEVERS)
    before = explorer._image.value
    explorer._sliders["adoption.participants_share"].value = 0.4
    wanted = fiscal.quick(scenario, {"adoption.participants_share": 0.4})
    assert explorer.scenario.fingerprint() == wanted.fingerprint
    assert explorer.totals.tables["windows"].equals(wanted.tables["windows"])
    assert explorer._image.value != before
    amount = wanted.tables["windows"].query("path == 'scenario' and line == 'net_revenue'")["nominal_bn_usd"]
    assert all(f">{value:,.1f}<" in explorer._table.value for value in amount)
    fuzz_texts.only_tags(explorer._table.value)
    assert "projected in" in explorer._said.value
    explorer._sliders["adoption.participants_share"].value = 0.1  # where it began
    assert explorer.totals is explorer.start and explorer._image.value == before


def test_set_moves_several_at_once_or_none(scenario: fiscal.Scenario) -> None:
    explorer = fiscal.explorer(scenario, LEVERS)
    # none = the equity return, whose mean is where its slider starts
    mean = long_run_means(path_settings(scenario.settings)).loc["crypto", "geometric_return_rate"]
    assert explorer.values["paths.outside_event_return"] == pytest.approx(mean, abs=0.01)
    values = {"adoption.participants_share": 0.2, "paths.outside_event_return": 0.12}
    totals = explorer.set(values)
    assert totals.scenario.settings == scenario.with_overrides(values).settings
    assert explorer.values == {**explorer.values, **values}
    for wrong in ({"adoption.participants_share": 0.3, "fees.core_rate": 0.1}, {"roth.elective_share_2025": 2}):
        with pytest.raises(InputError):
            explorer.set(wrong)
        assert explorer.totals is totals and explorer.values == {**explorer.values, **values}


def test_a_scenario_that_contradicts_itself_is_said_and_the_last_one_stays(scenario: fiscal.Scenario) -> None:
    crowded = scenario.with_overrides({"alternatives.private_equity_share": 0.5})
    explorer = fiscal.explorer(crowded, {"adoption.allocation_share": (0.0, 1.0, 0.05)})
    explorer._sliders["adoption.allocation_share"].value = 0.9
    assert explorer.totals is explorer.start
    assert "allocation_share" in explorer._said.value and "<pre>" in explorer._said.value


def test_a_notebook_gets_the_widget_and_other_viewers_its_figure(scenario: fiscal.Scenario) -> None:
    explorer = fiscal.explorer(scenario, LEVERS)
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer) and "adoption.participants_share" in repr(explorer)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    picture = matplotlib.image.imread(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.shape[1] > 500 and len(bundle["image/png"]) < 60_000


def test_the_figure_draws_before_and_now(scenario: fiscal.Scenario) -> None:
    start, now = fiscal.quick(scenario), fiscal.quick(scenario, {"tax.withdrawal_scale": 1.2})
    ax = Figure().subplots()
    assert explored(start, now, ax=ax) is ax
    for line, totals in zip(ax.get_lines(), (start, now), strict=False):
        own = (
            totals.budget.line("net_revenue", year_kind="fiscal")
            / totals.tables["budget"]
            .query("path == 'scenario' and year_kind == 'fiscal' and line == 'net_revenue'")
            .set_index("year")["gdp_bn_usd"]
        )
        assert line.get_ydata() == pytest.approx(100 * own.to_numpy())
    assert len(explored(start, now).figure.axes) == 2


@pytest.mark.parametrize(
    ("levers", "message"),
    [
        ({}, "no setting"),
        ({"adoption.participant_share": (0, 1, 0.1)}, "adoption.participants_share"),
        ({"paths.model": (0, 1, 0.1)}, "not a continuous number"),
        ({"horizon.last_year": (2030, 2100, 1)}, "not a continuous number"),
        ({"roth.catch_up_mandate": (0, 1, 0.1)}, "not a continuous number"),
        ({"adoption.participants_share": (0, 2, 0.1)}, "beyond what is allowed"),
        ({"adoption.participants_share": (0.5, 0.1, 0.1)}, "from low to high"),
    ],
)
def test_levers_that_cannot_have_a_slider_are_refused(levers: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fiscal.explorer("boom", levers)


def test_the_default_levers_are_settings_of_the_catalogue() -> None:
    assert set(results_explorer._checked(fiscal.load_scenario("boom"), results_explorer.LEVERS)) == set(
        results_explorer.LEVERS
    )
