"""Figures: what they draw is what the tables hold, and nothing outside them changes."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from real_runs import comparison, three

from fiscal import report
from fiscal.base import sources
from fiscal.base import words as figures_words
from fiscal.base.axes import GROUPS
from fiscal.base.errors import InputError
from fiscal.report import charts, content
from fiscal.results import figures, schema
from fiscal.results.figures import files, market_drawings, statistics, style
from fiscal.scenario.names import setting_name
from fiscal.scenario.schema import declared

CRYPTO = {"crypto_history", "crypto_share", "crypto_value", "difference", "extra_dollar_rate", "who_gains"}
STORED = {"sensitivity", "tornado", "hindcast"}
RANDOM = {"path_fan", "dollar_fan"}
NAMES = sorted({one.name for one in figures.FIGURES if "results" in one.of} - RANDOM)
"""Those of runs on named paths; a figure that some of these runs lack is in a set above."""

ALWAYS = set(NAMES) - CRYPTO - STORED - {"waterfall"}


# --- which, where, how ------------------------------------------------------------------------------


def test_a_figure_is_declared_once_and_reads_tables_that_there_are():
    names = [figure.name for figure in figures.FIGURES]
    assert len(set(names)) == len(names) and set(names) >= CRYPTO | STORED | RANDOM
    tables = {table for figure in figures.FIGURES if "results" in figure.of for table in figure.reads}
    assert tables <= set(schema.TABLES)


def test_what_is_available_depends_on_what_the_runs_hold():
    baseline, boom, _ = three()
    assert set(figures.available(baseline)) - STORED == ALWAYS
    assert set(figures.available(boom)) - STORED == ALWAYS | CRYPTO
    assert set(figures.available(comparison())) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_draws_on_the_axes_it_is_given_and_changes_no_global_state(name):
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert figures.available(comparison())[name](comparison(), ax=right) is right
    assert right.has_data() and not left.has_data()
    assert figure.axes == [left, right]
    assert dict(mpl.rcParams) == before and plt.get_fignums() == []


@pytest.mark.parametrize("name", NAMES)
def test_makes_a_figure_of_its_own_with_title_and_unit(name):
    ax = getattr(comparison().plot, name)()
    assert isinstance(ax, Axes) and ax.get_figure() is not None
    assert ax.get_title(loc="left")
    unit = ax.get_xlabel() if name in ("present_values", "sensitivity", "tornado") else ax.get_ylabel()
    assert re.search("dollars|percent", unit, re.IGNORECASE)


USER_STYLES = (
    {"text.usetex": True},
    {
        "axes.grid": True,
        "axes.facecolor": "yellow",
        "savefig.bbox": "tight",
        "lines.marker": "o",
        "xtick.minor.visible": True,
        "axes.unicode_minus": False,
        "savefig.dpi": 40,
        "figure.facecolor": "black",
    },
)


def test_settings_of_the_user_change_no_byte_of_a_figure_and_stay_as_they_are():
    def made() -> tuple[bytes, ...]:
        ax = market_drawings.crypto_history(None)
        buffer = io.BytesIO()
        ax.figure.savefig(buffer, format="png", metadata={"Software": None})
        return (buffer.getvalue(), files.png(ax), *files.drawn(market_drawings.crypto_history(None), "a").values())

    plain = made()
    for user in USER_STYLES:
        with mpl.rc_context(user):
            before = dict(mpl.rcParams)
            assert made() == plain
            assert dict(mpl.rcParams) == before


def test_a_matplotlibrc_in_the_folder_changes_no_byte(tmp_path):
    program = (
        "import hashlib; from fiscal.results.figures import files, market_drawings\n"
        "for part in files.drawn(market_drawings.crypto_history(None), 'a').values():\n"
        "    print(hashlib.sha256(part).hexdigest())"
    )
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: yellow\nsavefig.bbox: tight\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    plain = files.drawn(market_drawings.crypto_history(None), "a").values()
    assert done.stdout.split() == [hashlib.sha256(part).hexdigest() for part in plain]


def test_the_same_figure_gives_the_same_bytes():
    def svg() -> bytes:
        buffer = io.BytesIO()
        with style.look():
            comparison().plot.who_gains().figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    first = svg()
    assert first == svg() and b"<dc:date>" not in first


def test_a_dollar_sign_is_no_formula():
    with style.look():
        ax = style.new_axes()
        style.title(ax, "cost of $x^2$", "dollars")
    assert ax.title.get_text() == "" and ax.get_title(loc="left") == "cost of $x^2$"
    assert not ax._left_title.get_parse_math()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("difference", {"reference": "nobody"}),
        ("difference", {"line": "nothing"}),
        ("who_pays", {"dimension": "height"}),
        ("who_gains", {"window": "FY1900-1901"}),
        ("contributions", {"value": "euros"}),
        ("cash_flow", {"value": "euros"}),
        ("hindcast", {"quantity": "height"}),
        ("hindcast", {"quantity": "benefits", "told": "all"}),
        ("waterfall", {"scenario": "nobody"}),
        ("waterfall", {"window": "FY1900-1901"}),
        ("waterfall", {"line": "nothing"}),
        ("claim", {"value": "euros"}),
    ],
)
def test_a_wrong_option_is_answered_with_what_is_allowed(name, options):
    with pytest.raises(InputError, match="allowed"):
        figures.available(comparison())[name](comparison(), **options)


def test_lines_differ_without_colour():
    dashes = [str(line.linestyle) for line in style.LINES]
    assert len(set(dashes)) == len(dashes)
    greys = [_grey(fill["facecolor"]) for fill in style.FILLS[:3]]
    assert min(abs(a - b) for a, b in zip(greys, greys[1:], strict=False)) > 0.08


def test_words_have_the_contrast_that_readers_need():
    for line in style.LINES:
        assert style.contrast(style.readable(line.color)) >= 4.5
    assert style.contrast(style.BLACK) == pytest.approx(21) and style.contrast("#ffffff") == pytest.approx(1)
    assert style.readable(style.BLUE) == style.BLUE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inches", [style.FIGURE_INCHES, (3.25, 3.5)], ids=["page", "half"])
def test_nothing_written_on_a_figure_is_cut_off(name, inches):
    figure = charts.plot(comparison(), name)(inches)
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    for text in set(figure.findobj(Text)) - _ticks_beyond_their_axis(figure):
        box = text.get_window_extent()
        if text.get_text() and text.get_visible():
            assert box.x0 >= -1 and box.x1 <= width + 1, (text.get_text(), box)
            assert box.y0 >= -1 and box.y1 <= height + 1, (text.get_text(), box)


def _ticks_beyond_their_axis(figure: Figure) -> set[Text]:
    """Labels that are kept for ticks outside the limits, and not drawn."""
    found: set[Text] = set()
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.majorTicks, *axis.minorTicks):
            if not low <= tick.get_loc() <= high:
                found |= {tick.label1, tick.label2}
    return found


def test_figures_go_to_files_with_their_words(tmp_path):
    draw = charts.plot(comparison(), "who_pays", dimension="birth_decade")
    figure = content.Figure("a", "A <caption> & more", draw, "What is seen.", source="Here.")
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        entry = report._exported(figure, folder)
    assert (entry["caption"], entry["alt"], entry["source"]) == (figure.caption, figure.alt, figure.source)
    files = [name for size in entry["files"].values() for name in size.values()]
    assert sorted(files) == sorted(file.name for file in folder.iterdir()) and len(files) == 4
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = (folder / "figure-a.svg").read_text(encoding="utf-8")
    assert "A &lt;caption&gt; &amp; more" in svg and "What is seen." in svg
    with Image.open(folder / "figure-a.png") as page, Image.open(folder / "figure-a-half.png") as half:
        assert half.width == page.width / 2


def _grey(color: str) -> float:
    red, green, blue = mpl.colors.to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue


# --- what is drawn ----------------------------------------------------------------------------------


def test_difference_draws_scenario_less_reference():
    ax = comparison().plot.difference(reference="no_crypto", line="net_revenue", value="nominal_bn_usd")
    for result, line in zip(three()[1:], ax.lines, strict=False):
        budget = result.tables["budget"]
        part = budget[(budget["year_kind"] == "fiscal") & (budget["line"] == "net_revenue")]
        wide = part.pivot(index="year", columns="path", values="nominal_bn_usd")
        assert line.get_xdata().tolist() == wide.index.tolist()
        np.testing.assert_allclose(line.get_ydata(), wide["scenario"] - wide["no_crypto"], atol=1e-9)


def test_difference_from_the_base_is_the_comparison_of_two_results():
    ax = comparison().plot.difference(reference="base", value="nominal_bn_usd")
    budget = comparison().budget.to_frame()
    own = budget[
        (budget["scenario"] == "boom")
        & (budget["path"] == "scenario")
        & (budget["year_kind"] == "fiscal")
        & (budget["line"] == "withdrawal_tax")
    ]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), own["nominal_bn_usd"], atol=1e-9)


@pytest.mark.parametrize("scenario", ["boom", "bust"])
def test_waterfall_goes_from_nil_to_the_difference(scenario):
    ax = comparison().plot.waterfall(scenario=scenario, window="FY2026-2055")
    bars = ax.patches
    assert [label.get_text() for label in ax.get_xticklabels()][-1] == "difference" and len(bars) == 6
    ends = [bar.get_y() + bar.get_height() for bar in bars]
    assert bars[0].get_y() == 0 and bars[-1].get_y() == 0
    np.testing.assert_allclose([bar.get_y() for bar in bars[1:-1]], ends[:-2])
    window = comparison().budget.window(2026, 2055)
    own = window[(window["path"] == "scenario") & (window["scenario"] == scenario)].set_index("line")
    assert ends[-1] == pytest.approx(ends[-2], rel=1e-9)
    assert ends[-1] == pytest.approx(own.loc["net_revenue", "nominal_bn_usd"], rel=1e-9)
    low, high = ax.get_ylim()
    assert low < min(*ends, 0) and high > max(*ends, 0)


def test_contributions_are_stacked_to_their_sum():
    ax = three()[0].plot.contributions()
    top = max(path.vertices[:, 1].max() for fill in ax.collections for path in fill.get_paths())
    frame = three()[0].tables["contributions"]
    assert top == pytest.approx(frame.groupby("year")["real_bn_usd"].sum().max())


def test_bars_of_who_pays_add_up_to_the_window():
    ax = three()[0].plot.who_pays(dimension="earnings_group")
    areas = [patch.get_height() * patch.get_width() for patch in ax.patches]
    distribution = three()[0].tables["distribution"]
    own = distribution[
        (distribution["dimension"] == "earnings_group")
        & (distribution["window"] == "FY2026-2100")
        & (distribution["line"].isin(["withdrawal_tax", "deferred_revenue", "payroll_forgone"]))
    ]
    assert len(areas) == 2 * len(GROUPS)
    assert sum(areas) == pytest.approx(own["real_bn_usd"].sum())


def test_crypto_shares_are_balances_over_balances():
    frame = three()[1].tables["balances"]
    own = frame[(frame["path"] == "scenario") & (frame["year"] == 2050)]
    share = own[own["sleeve"] == "crypto"]["nominal_bn_usd"].sum() / own["nominal_bn_usd"].sum()
    assert statistics.crypto_share(three()[1])[2050] == pytest.approx(share)
    assert 0 < share < 0.02


# --- measures ---------------------------------------------------------------------------------------


def test_individual_income_tax_is_cbos_and_then_a_held_share():
    tax = statistics.individual_income_tax(three()[0])
    cbo = sources.table("cbo_revenue").set_index("fiscal_year")["individual_income_tax_bn_usd"]
    assert tax[2030] == cbo[2030] and tax[2036] == cbo[2036]
    budget = three()[0].tables["budget"]
    gdp = budget[(budget["year_kind"] == "fiscal") & (budget["line"] == "net_revenue")]
    gdp = gdp.set_index("year")["gdp_bn_usd"]
    assert tax[2100] / gdp[2100] == pytest.approx(cbo[2036] / gdp[2036])


def test_extra_tax_of_the_years_adds_up_to_the_windows():
    by_year = statistics.extra_dollar(three()[1], "equity_adoption").set_index("year")
    by_window = statistics.extra_dollar_by_window(three()[1], "equity_adoption").set_index("window")
    row = by_window.loc["FY2026-2100"]
    assert by_year["extra_tax_bn_usd"].sum() == pytest.approx(row["extra_tax_bn_usd"])
    assert row["extra_rate"] == pytest.approx(row["extra_tax_bn_usd"] / row["extra_withdrawn_bn_usd"])
    assert 0 < by_window.loc["FY2026-2035", "extra_rate"] < 0.5


# --- words ------------------------------------------------------------------------------------------


def parsed(words: str) -> float:
    """Billions said by ``wording.amount``."""
    number, scale = re.fullmatch(r"\$([\d,.]+) (trillion|billion)", words).groups()
    return float(number.replace(",", "")) * {"trillion": 1e3, "billion": 1.0}[scale]


@given(st.floats(0.05, 1e7))
def test_an_amount_in_words_is_the_amount_to_three_digits_and_a_tenth_of_a_billion(billions):
    assert parsed(figures_words.amount(billions)) == pytest.approx(billions, rel=0.0051, abs=0.0551)
    assert figures_words.amount(-billions) == figures_words.amount(billions)
    assert figures_words.signed_amount(-billions) == f"minus {figures_words.amount(billions)}"


@given(st.floats(1e-7, 10))
def test_a_percentage_in_words_is_the_share_to_three_digits(share):
    number = float(figures_words.percent(share).removesuffix(" percent").replace(",", ""))
    assert number / 100 == pytest.approx(share, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(-1234.56, 1, "\N{MINUS SIGN}1,234.6"), (-0.04, 1, "0.0"), (0.0, 0, "0"), (float("nan"), 2, "\N{EN DASH}")],
)
def test_figures_of_a_cell(value, decimals, text):
    assert figures_words.figures(value, decimals) == text


@pytest.mark.parametrize(
    ("share", "words"), [(0.1, "10 percent"), (0.01, "1 percent"), (0.12345, "12.3 percent"), (0, "0 percent")]
)
def test_exact_percentages_have_no_empty_decimals(share, words):
    assert figures_words.percent(share) == words


def test_every_setting_and_assumption_has_a_name_in_words():
    keys = [setting.key for setting in declared()] + sources.table("assumptions")["key"].tolist()
    names = [setting_name(key) for key in keys]
    assert len(set(names)) == len(names)
    assert all("_" not in name and len(name) < 40 and ", " not in name for name in names)
    assert setting_name("assumptions.hardship_rate") == "hardship withdrawals"
    assert setting_name("other.thing_rate") == "thing rate"


def test_small_amounts_and_lists():
    assert figures_words.amount(0.116) == "$0.1 billion" and figures_words.amount(999.96) == "$1.00 trillion"
    assert figures_words.amount(0.049) == figures_words.signed_amount(-0.049) == "less than $0.1 billion"
    assert figures_words.listing(["a"]) == "a" and figures_words.listing(["a", "b", "c"]) == "a, b, and c"
    assert figures_words.change(0) == "does not change" and figures_words.change(-1) == "lowers"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_labels_are_pushed_apart_and_stay_in_order(places):
    spread = style.spread(sorted(places), 0.09)
    assert all(b - a >= 0.09 - 1e-3 for a, b in zip(spread, spread[1:], strict=False))


# --- alternative texts ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_alternative_text_is_a_sentence_with_numbers(name):
    text = figures.alt_text(name, comparison())
    assert text.endswith(".") and re.search(r"\d", text) and "nan" not in text.lower()


def test_alternative_text_tells_the_tables_numbers():
    text = figures.alt_text("crypto_share", comparison())
    share = statistics.crypto_share(three()[1])
    top = int(share.idxmax())
    found = re.search(r"boom is highest in (\d+) at ([\d.]+)", text)
    assert int(found[1]) == top and float(found[2]) == pytest.approx(100 * share[top], rel=0.005)


def test_no_alternative_text_for_an_unknown_figure():
    with pytest.raises(InputError, match="contributions"):
        figures.alt_text("nothing", comparison())
