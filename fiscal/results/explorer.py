"""Sliders over a scenario's settings, for a notebook: each move projects the totals of the full model."""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from fiscal import scenario as scenarios
from fiscal.base import cards
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.engine.allocation import path_settings
from fiscal.markets.core import long_run_means
from fiscal.results.figures.files import png
from fiscal.results.figures.market_and_law import explored
from fiscal.results.running import quick
from fiscal.scenario.names import setting_name

if TYPE_CHECKING:
    from fiscal.results.result import Totals
    from fiscal.scenario import ExplainedSetting, Scenario

LEVERS: Mapping[str, tuple[float, float, float]] = {
    "adoption.participants_share": (0.0, 0.5, 0.01),
    "adoption.allocation_share": (0.0, 0.5, 0.01),
    "paths.outside_event_return": (0.0, 0.15, 0.005),
    "roth.elective_share_2025": (0.0, 0.8, 0.01),
    "tax.withdrawal_scale": (0.5, 1.5, 0.05),
}
"""Settings with a slider by default: lowest value, highest value, step."""

LONG_RUN = {
    "paths.outside_event_return": "crypto",
    "paths.core_equity_return": "equity",
    "paths.core_bond_return": "bonds",
    "paths.core_cash_return": "cash",
}
"""Settings that may be none, and the asset whose long-run return then replaces them."""

NOTE = (
    "Fiscal years, billions of current dollars; positive means that the government is better off. Scenario "
    "projections, not estimates."
)


@dataclass(frozen=True)
class Lever:
    """One setting with a slider."""

    setting: ExplainedSetting
    start: float
    low: float
    high: float
    step: float


class Explorer:
    """A scenario with adjustable settings: ``scenario`` and ``totals`` are the current ones, and ``start`` is the
    original. ``set`` does what the sliders do, ``values`` gives their positions, and ``widget`` is shown in a notebook.
    """

    def __init__(self, scenario: Scenario, levers: Mapping[str, tuple[float, float, float]]) -> None:
        self._levers = _checked(scenario, levers)
        self.start: Totals = quick(scenario)
        self.totals = self.start
        self._image, self._table, self._said = ipywidgets.Image(), ipywidgets.HTML(), ipywidgets.HTML()
        self._sliders = {
            key: ipywidgets.FloatSlider(
                value=lever.start, min=lever.low, max=lever.high, step=lever.step, description=setting_name(key),
                tooltip=f"{key}: {lever.setting.doc} Unit: {lever.setting.unit}.", readout_format=".3f",
                continuous_update=False, style={"description_width": "16em"}, layout={"width": "34em"},
            )
            for key, lever in self._levers.items()
        }  # fmt: skip
        for slider in self._sliders.values():
            slider.observe(self._moved, names="value")
        self.widget = ipywidgets.VBox([*self._sliders.values(), self._said, self._image, self._table])
        self._draw(0.0)

    @property
    def scenario(self) -> Scenario:
        """The scenario at the positions of the sliders."""
        return self.totals.scenario

    @property
    def values(self) -> dict[str, float]:
        """The positions of the sliders."""
        return {key: float(slider.value) for key, slider in self._sliders.items()}

    def set(self, values: Mapping[str, float]) -> Totals:
        """Move some sliders and project once. Raises InputError for settings without a slider, values beyond its ends,
        or a contradictory scenario; then no slider moves."""
        problems = [
            Problem("has no slider", key=key, nearest=nearest(key, self._levers), allowed=", ".join(self._levers))
            for key in values
            if key not in self._levers
        ]
        problems += [
            Problem("beyond the slider's ends", key=key, value=value, allowed=f"{lever.low:g} to {lever.high:g}")
            for key, value in values.items()
            if (lever := self._levers.get(key)) and not lever.low <= value <= lever.high
        ]
        if problems:
            raise InputError(problems)
        self._project(self.values | dict(values))
        for key, value in values.items():
            slider = self._sliders[key]
            slider.unobserve(self._moved, names="value")
            slider.value = value
            slider.observe(self._moved, names="value")
        return self.totals

    def _moved(self, _change: object) -> None:
        """A slider was released: project, or show why not."""
        try:
            self._project(self.values)
        except InputError as error:
            self._said.value = f"<pre>{html.escape(str(error))}</pre>"

    def _project(self, values: Mapping[str, float]) -> None:
        began = time.perf_counter()
        moved = {key: value for key, value in values.items() if value != self._levers[key].start}
        self.totals = quick(self.start.scenario, moved) if moved else self.start
        self._draw(time.perf_counter() - began)

    def _draw(self, seconds: float) -> None:
        began = time.perf_counter()
        self._image.value = png(explored(self.start, self.totals))
        self._table.value = cards.card(self.scenario.title, self.scenario.name, NOTE, self._effects())
        drawn = time.perf_counter() - began
        self._said.value = f"<small>projected in {seconds:.2f} s, drawn in {drawn:.2f} s</small>"

    def _effects(self) -> cards.Markup:
        """Net revenue by window: current, less the original, and less the references."""

        def sums(totals: Totals, path: str) -> Mapping[str, float]:
            table = totals.tables["windows"].query("path == @path and line == 'net_revenue'")
            return dict(table.set_index("window")["nominal_bn_usd"])

        now, before = sums(self.totals, "scenario"), sums(self.start, "scenario")
        references = [sums(self.totals, path) for path in ("no_crypto", "equity_adoption")]
        columns = ("window", "net revenue", "less before", "less no crypto", "less the same adoption in equity")
        rows = [
            [
                window,
                *(f"{amount:,.1f}" for amount in (value, value - before[window])),
                *(f"{value - other[window]:,.1f}" if other else "" for other in references),
            ]
            for window, value in now.items()
        ]
        return cards.table(columns, rows)

    def __repr__(self) -> str:
        return f"<fiscal Explorer of {self.start.name!r}: {', '.join(self._levers)}>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The widget, and its figure for viewers without widgets."""
        figure = base64.b64encode(self._image.value).decode("ascii")
        return {**self.widget._repr_mimebundle_(**options), "text/plain": repr(self), "image/png": figure}


def explorer(
    scenario: str | Path | Scenario = "boom", levers: Mapping[str, tuple[float, float, float]] | None = None
) -> Explorer:
    """Sliders over settings of a scenario; :func:`fiscal.quick` redraws figure and table when one is released.

    ``levers`` maps settings to lowest value, highest value and step (default: adoption, allocation, crypto's long-run
    return, Roth share, tax rates at withdrawal). Raises InputError for a wrong scenario, or for settings that are not
    numbers or do not allow these values.
    """
    return Explorer(scenarios.load(scenario), LEVERS if levers is None else levers)


def _checked(scenario: Scenario, levers: Mapping[str, tuple[float, float, float]]) -> dict[str, Lever]:
    """The levers with their starting values; every problem at once."""
    known = {row.key: row for row in scenario.explained()}
    problems, found = [], {}
    if not levers:
        problems.append(Problem("no setting to move", key="levers"))
    for key, (low, high, step) in levers.items():
        if key not in known:
            problems.append(Problem("no such setting", key=key, nearest=nearest(key, known)))
            continue
        row = known[key]
        start = row.value
        if start is None and key in LONG_RUN:
            means = long_run_means(path_settings(scenario.settings))["geometric_return_rate"]
            start = float(means[LONG_RUN[key]])
        if isinstance(start, bool) or not isinstance(start, int | float) or isinstance(row.default, int):
            problems.append(Problem("has no slider, because it is not a continuous number", key=key))
        elif not low < high or not 0 < step <= high - low:
            problems.append(Problem("a slider goes from low to high by steps", key=key, value=(low, high, step)))
        elif (row.low is not None and low < row.low) or (row.high is not None and high > row.high):
            problems.append(
                Problem("beyond what is allowed", key=key, value=(low, high), allowed=f"{row.low:g} to {row.high:g}")
            )
        else:
            found[key] = Lever(row, float(start), min(low, float(start)), max(high, float(start)), step)
    if problems:
        raise InputError(problems)
    return found
