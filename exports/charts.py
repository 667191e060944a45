"""Charts as inline SVG or HTML: no script, no outside reference, legible in light, dark and print."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from exports.tally import Tally

_WIDTH, _HEIGHT = 760, 252
_LEFT, _RIGHT = 12, 748
_TOP, _BASE = 44, 212
_MOST_TICKS: Final = 12
_STUB: Final = 5.0


def bar(share: float, kind: str = "bar") -> str:
    """A horizontal bar of `share` (0 to 1) of its cell."""
    return f'<span class="{kind}" style="width:{100 * min(max(share, 0.0), 1.0):.2f}%"></span>'


def histogram(of: dict[str, Any], at: int, tally: Tally) -> str:
    """One distribution of B12 results with the band limits drawn; bars of hidden counts are hatched stubs."""
    edges = [float(edge) for edge in of["edges"]]
    unit = escape(str(of["unit"]))
    keys = [("b12", str(at), str(n)) for n in range(len(of["counts"]))]
    highest = max([tally.length(*key) for key in keys if not tally.is_hidden(*key)], default=0) or 1
    across = _Across(edges)
    bars = [_bar(across, edges[n : n + 2], key, highest, tally, unit) for n, key in enumerate(keys)]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="B12 results in {unit}; '
        f'the table below the chart has the numbers">\n'
        f'<defs><pattern id="hatch{at}" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="2" height="5" class="hatch"/></pattern></defs>\n'
        + _zones(across, of["low_limit"], of["high_limit"])
        + "".join(bars).replace("HATCH", f"hatch{at}")
        + f'<line class="axis" x1="{_LEFT}" y1="{_BASE}" x2="{_RIGHT}" y2="{_BASE}"/>\n'
        + _limits(across, [of["low_limit"], of["high_limit"]])
        + _ticks(across, edges)
        + f'<text class="unit" x="{_RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">{unit}</text>\n</svg>\n'
    )


class _Across:
    """Position of a value on the horizontal axis."""

    def __init__(self, edges: Sequence[float]) -> None:
        self.first, self.last = edges[0], edges[-1]

    def __call__(self, value: float) -> float:
        span = (self.last - self.first) or 1.0
        inside = min(max(value, self.first), self.last)
        return _LEFT + (inside - self.first) / span * (_RIGHT - _LEFT)


def _bar(
    across: _Across, edges: Sequence[float], key: tuple[str, ...], highest: int, tally: Tally, unit: str
) -> str:
    left, right = across(edges[0]), across(edges[1])
    is_hidden = tally.is_hidden(*key)
    height = _STUB if is_hidden else (_BASE - _TOP) * tally.length(*key) / highest
    if not height:
        return ""
    words = f"{number(edges[0])} to {number(edges[1])} {unit}: {escape(tally.words(*key))}"
    how = ' fill="url(#HATCH)" class="hidden-bar"' if is_hidden else ' class="column"'
    return (
        f'<rect{how} x="{left + 0.75:.2f}" y="{_BASE - height:.2f}" '
        f'width="{max(right - left - 1.5, 0.5):.2f}" height="{height:.2f}"><title>{words}</title></rect>\n'
    )


def _zones(across: _Across, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    words = (
        (across.first, low, "low", f"below {number(low)}"),
        (low, high, "between", "indeterminate"),
        (high, across.last, "above", f"above {number(high)}"),
    )
    return "".join(_zone(across(start), across(end), kind, text) for start, end, kind, text in words)


def _zone(left: float, right: float, kind: str, text: str) -> str:
    shade = (
        f'<rect class="zone {kind}" x="{left:.2f}" y="22" width="{right - left:.2f}" height="{_BASE - 22}"/>'
    )
    # Words that do not fit their zone would run into the next one.
    room = right - left > 7 * len(text)
    label = f'<text class="zone-words" x="{(left + right) / 2:.2f}" y="36" text-anchor="middle">{text}</text>'
    return shade + (label if room else "") + "\n"


def _limits(across: _Across, limits: Sequence[float | None]) -> str:
    return "".join(
        f'<line class="limit" x1="{across(limit):.2f}" y1="18" x2="{across(limit):.2f}" y2="{_BASE}"/>'
        f'<text class="limit-words" x="{across(limit):.2f}" y="13" text-anchor="middle">{number(limit)}</text>\n'
        for limit in limits
        if limit is not None
    )


def _ticks(across: _Across, edges: Sequence[float]) -> str:
    step = -(-len(edges) // _MOST_TICKS)
    return "".join(
        f'<line class="axis" x1="{across(edge):.2f}" y1="{_BASE}" x2="{across(edge):.2f}" y2="{_BASE + 5}"/>'
        f'<text class="tick" x="{across(edge):.2f}" y="{_BASE + 19}" text-anchor="middle">{number(edge)}</text>\n'
        for edge in edges[::step]
    )


def number(value: float) -> str:
    return f"{value:,g}"
