"""Charts in the app's own colours, each point a way to the people behind it.

Figures are Plotly's and are checked by it; the colours in them are placeholders that `chart.js`
replaces by what the tokens are in the theme on screen. No map: those load from outside.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from nicegui.elements.plotly import Plotly

from services.analytics.summary import Summary
from ui.assets import FOLDER
from ui.components.tags import PROFILES, profile_label
from ui.dashboard_query import Links
from ui.formats import number, short_day
from ui.i18n import _, language

_SCRIPT = Path(FOLDER) / "chart.js"

_TOKENS = (
    *(f"--ac-{colour}" for colour, _label in PROFILES.values()),
    *("--ac-text", "--ac-text-muted", "--ac-border", "--ac-surface", "--ac-surface-raised"),
    *("--ac-accent", "--ac-info", "--ac-ok", "--ac-warn", "--ac-danger"),
)
#: Token -> the colour that stands for it in a figure; nothing else has such a colour.
_PLACEHOLDERS = {token: f"rgb(1,2,{n})" for n, token in enumerate(_TOKENS)}

#: `links`: for each trace, the address behind each point.
Drawing = tuple[go.Figure, list[list[str]]]


class Chart(Plotly, component=_SCRIPT):
    """One drawing. What it shows is in a table beside it: a picture is for those who see it."""

    def __init__(self, drawing: Drawing) -> None:
        figure, links = drawing
        super().__init__(figure)
        self.classes("ac-chart")
        self.props["tokens"] = {colour: token for token, colour in _PLACEHOLDERS.items()}
        self.props["links"] = links

    def save(self, name: str) -> None:
        """Let the browser keep the drawing as PNG, made by itself."""
        self.run_method("save", name)


def people(found: Summary, links: Links) -> Drawing:
    """People by profile type."""
    parts = [(profile, n) for profile, n in found.people.by_profile.items() if n]
    trace = go.Pie(
        labels=[profile_label(profile) for profile, _n in parts],
        values=[n for _profile, n in parts],
        text=[number(n) for _profile, n in parts],
        textinfo="label+text",
        textposition="outside",
        hovertemplate="%{label}: %{text} (%{percent})<extra></extra>",
        sort=False,
        direction="clockwise",
        hole=0.58,
        marker={
            "colors": [_colour(f"--ac-{PROFILES[profile][0]}") for profile, _n in parts],
            "line": {"color": _colour("--ac-surface"), "width": 2},
        },
    )
    figure = go.Figure(trace, _layout(margin={"l": 70, "r": 70, "t": 40, "b": 40}))
    figure.add_annotation(
        text=number(found.people.total),
        showarrow=False,
        font={"size": 22, "color": _colour("--ac-text")},
    )
    return figure, [[links.people(profile) for profile, _n in parts]]


def messages(found: Summary, links: Links) -> Drawing:
    """Messages per day, in and out."""
    days = found.messages.days
    figure = go.Figure(layout=_layout(hovermode="x unified", legend=_legend()))
    addresses = []
    for kind, label, token, dash in (
        ("inbound", _("Messages received"), "--ac-info", "solid"),
        ("outbound", _("Messages sent"), "--ac-accent", "dash"),
    ):
        figure.add_trace(
            go.Scatter(
                name=label,
                x=[day.day.isoformat() for day in days],
                y=[getattr(day, kind) for day in days],
                mode="lines+markers",
                line={"color": _colour(token), "width": 2, "dash": dash},
                marker={"size": 5 if len(days) <= 62 else 2},
                hovertemplate="%{y}",
            )
        )
        addresses.append([links.wrote(kind, day.day, day.day) for day in days])
    _days_below(figure, [day.day for day in days])
    return figure, addresses


def new_people(found: Summary, links: Links) -> Drawing:
    """New people per week."""
    weeks = found.people.new_by_week
    return _bars(
        [short_day(week.since) for week in weeks],
        [week.n for week in weeks],
        [_colour("--ac-accent")] * len(weeks),
        [links.new(week.since, week.until) for week in weeks],
    )


def documents(found: Summary, links: Links, labels: dict[str, str]) -> Drawing:
    """Documents by state."""
    colours = {"new": "--ac-info", "accepted": "--ac-ok", "rejected": "--ac-danger"}
    states = found.documents.by_state
    return _bars(
        [labels[state] for state in states],
        [n.now for n in states.values()],
        [_colour(colours[state]) for state in states],
        [links.documents(state) for state in states],
    )


def _bars(
    names: Sequence[str], values: Sequence[int], colours: Sequence[str], links: list[str]
) -> Drawing:
    few = len(values) <= 14
    trace = go.Bar(
        x=list(range(len(values))),
        y=list(values),
        text=[number(n) for n in values] if few else None,
        textposition="outside",
        cliponaxis=False,
        customdata=list(names),
        hovertemplate="%{customdata}: %{y}<extra></extra>",
        marker={"color": list(colours)},
    )
    figure = go.Figure(trace, _layout(bargap=0.35))
    step = max(1, -(-len(names) // 8))
    at = list(range(0, len(names), step))
    figure.update_xaxes(tickvals=at, ticktext=[names[n] for n in at])
    return figure, [links]


def _days_below(figure: go.Figure, days: Sequence[Any]) -> None:
    step = max(1, -(-len(days) // 7))
    shown = days[::step]
    figure.update_xaxes(
        type="date",
        tickvals=[day.isoformat() for day in shown],
        ticktext=[short_day(day) for day in shown],
        hoverformat="%d/%m/%Y",
    )


def _layout(**more: Any) -> dict[str, Any]:
    axis = {
        "color": _colour("--ac-text-muted"),
        "gridcolor": _colour("--ac-border"),
        "linecolor": _colour("--ac-border"),
        "zerolinecolor": _colour("--ac-border"),
        "fixedrange": True,
    }
    return {
        "template": "none",
        "paper_bgcolor": _colour("--ac-surface"),
        "plot_bgcolor": _colour("--ac-surface"),
        "font": {"color": _colour("--ac-text"), "size": 12},
        "margin": {"l": 44, "r": 12, "t": 24, "b": 36},
        "showlegend": "legend" in more,
        "xaxis": {**axis, "showgrid": False, "zeroline": False},
        "yaxis": {**axis, "rangemode": "tozero", "tickformat": ",d", "nticks": 6},
        "hoverlabel": {
            "bgcolor": _colour("--ac-surface-raised"),
            "bordercolor": _colour("--ac-border"),
            "font": {"color": _colour("--ac-text")},
        },
        "separators": ",." if language() == "es" else ".,",
        **more,
    }


def _legend() -> dict[str, Any]:
    return {"orientation": "h", "x": 0, "y": 1.12, "bgcolor": _colour("--ac-surface")}


def _colour(token: str) -> str:
    return _PLACEHOLDERS[token]
