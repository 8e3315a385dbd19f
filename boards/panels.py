"""A panel as data, and what Grafana makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models

#: The board's data source is chosen on the board.
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

#: Grafana's grid has so many columns; each line of panels fills them.
COLUMNS = 24


class Look(Enum):
    """How a panel shows its queries."""

    NUMBER = "stat"
    BARS = "bargauge"
    LINES = "timeseries"


class Query(NamedTuple):
    """An expression and how its series are called."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """One panel. `unit` is Grafana's name of it; `steps` are (from this value, colour), the first from None."""

    title: str
    description: str
    look: Look
    width: int
    queries: tuple[Query, ...]
    unit: str = "short"
    height: int = 8
    steps: tuple[tuple[float | None, str], ...] = ((None, "text"),)
    decimals: int | None = None
    highest: float | None = None
    stacked: bool = False
    empty: str = "no data"


class Row(NamedTuple):
    """A titled row and its panels, from left to right, line by line."""

    title: str
    panels: tuple[Panel, ...]


class Variable(NamedTuple):
    """A choice at the top of a board: the values of a label, any number of them."""

    name: str
    metric: str
    text: str


class Board(NamedTuple):
    """One dashboard. `uid` is its address in Grafana."""

    uid: str
    title: str
    description: str
    since: str
    refresh: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()


def to_dashboard(board: Board, others: Sequence[Board]) -> Any:  # noqa: ANN401 - the SDK publishes no types to mypy
    """The dashboard as the SDK has it, with links to the others."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["deal-signals"])
        .time(board.since, "now")
        .timezone("browser")
        .refresh(board.refresh)
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("data source").type("prometheus"))
    )
    for variable in board.variables:
        built = built.with_variable(_variable(variable))
    for other in others:
        link = dashboard.DashboardLink(other.title).type(models.DashboardLinkType.LINK).url(f"/d/{other.uid}")
        built = built.link(link.keep_time(True))
    number = 0
    for row in board.rows:
        built = built.with_row(dashboard.Row(row.title).id(number := number + 1))
        for panel in row.panels:
            built = built.with_panel(_panel(panel).id(number := number + 1))
    return built.build()


def _variable(variable: Variable) -> Any:  # noqa: ANN401 - as above
    everything = models.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.name)
        .description(variable.text)
        .datasource(SOURCE)
        .query(f"label_values({variable.metric}, {variable.name})")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")  # a deal without a team or segment belongs to all of them
        .current(everything)
    )


def _panel(panel: Panel) -> Any:  # noqa: ANN401 - as above
    built = (
        _LOOKS[panel.look](panel)
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .span(panel.width)
        .height(panel.height)
        .unit(panel.unit)
        .min(0)
        .no_value(panel.empty)
        .thresholds(_thresholds(panel))
    )
    if panel.decimals is not None:
        built = built.decimals(panel.decimals)
    if panel.highest is not None:
        built = built.max(panel.highest)
    for number, query in enumerate(panel.queries):
        built = built.with_target(_target(query, chr(ord("A") + number), instant=panel.look is not Look.LINES))
    return built


def _target(query: Query, ref: str, *, instant: bool) -> Any:  # noqa: ANN401 - as above
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref).datasource(SOURCE)
    return target.instant() if instant else target.range()


def _thresholds(panel: Panel) -> Any:  # noqa: ANN401 - as above
    steps = [models.Threshold(value=value, color=colour) for value, colour in panel.steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _latest() -> Any:  # noqa: ANN401 - as above
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _by_threshold() -> Any:  # noqa: ANN401 - as above
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def _number(panel: Panel) -> Any:  # noqa: ANN401 - as above
    named = looks.BigValueTextMode.VALUE_AND_NAME if len(panel.queries) > 1 else looks.BigValueTextMode.AUTO
    return (
        stat.Panel()
        .reduce_options(_latest())
        .color_scheme(_by_threshold())
        .color_mode(looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .text_mode(named)
    )


def _bars(_: Panel) -> Any:  # noqa: ANN401 - as above
    return (
        bargauge.Panel()
        .reduce_options(_latest())
        .color_scheme(_by_threshold())
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
    )


def _lines(panel: Panel) -> Any:  # noqa: ANN401 - as above
    legend = (
        common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST).placement(looks.LegendPlacement.BOTTOM)
    )
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
    built = (
        timeseries.Panel()
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .legend(legend.show_legend(True))
        .tooltip(tooltip)
        .line_width(1)
        .fill_opacity(30 if panel.stacked else 8)
        .show_points(looks.VisibilityMode.NEVER)
        .span_nulls(False)
    )
    if panel.stacked:
        built = built.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    return built


_LOOKS = {Look.NUMBER: _number, Look.BARS: _bars, Look.LINES: _lines}
