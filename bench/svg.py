"""Small plots without a library: curves over a logarithmic x axis, and bars."""

import math
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 84, 20, 60, 56
COLORS = ["#0b62a4", "#c4561a", "#3c7d3c", "#7a4a9c"]


def text(x, y, content, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(content)}</text>'


def line(x1, y1, x2, y2, color="#ccc"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def document(title, body):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(WIDTH / 2, 22, title, extra='font-size="15"'), *body, "</svg>", ""])


def short(number):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"


def steps(top):
    """Round numbers from 0 to at least the top."""
    size = 10 ** math.floor(math.log10(top))
    step = next(size * s for s in (0.1, 0.2, 0.5, 1, 2) if top / (size * s) <= 6)
    return [i * step for i in range(math.ceil(top / step) + 1)]


def y_axis(label, ticks):
    """The axis, and the position of a value."""
    def place(value):
        return HEIGHT - BOTTOM - value / ticks[-1] * (HEIGHT - TOP - BOTTOM)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    body = [text(18, middle, label, extra=f'transform="rotate(-90 18 {middle:.1f})"')]
    for tick in ticks:
        body += [line(LEFT, place(tick), WIDTH - RIGHT, place(tick)),
                 text(LEFT - 8, place(tick) + 4, short(tick), "end")]
    return body, place


def curves(title, x_label, y_label, series):
    """series: {name: [(x, y), ...]}"""
    points = [p for curve in series.values() for p in curve]
    xs = sorted({x for x, _ in points})
    low, high = math.log(xs[0]), math.log(xs[-1])
    body, y_place = y_axis(y_label, steps(max(y for _, y in points)))

    def x_place(x):
        return LEFT + 16 + (math.log(x) - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT - 32)
    for x in xs:
        body += [line(x_place(x), HEIGHT - BOTTOM, x_place(x), HEIGHT - BOTTOM + 5, "#222"),
                 text(x_place(x), HEIGHT - BOTTOM + 19, f"{x:,.0f}")]
    body.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label))
    key = LEFT
    for (name, curve), color in zip(series.items(), COLORS):
        path = " ".join(f"{x_place(x):.1f},{y_place(y):.1f}" for x, y in sorted(curve))
        body.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        body += [f'<circle cx="{x_place(x):.1f}" cy="{y_place(y):.1f}" r="3.5" fill="{color}"/>'
                 for x, y in curve]
        body += [f'<rect x="{key}" y="38" width="12" height="4" fill="{color}"/>',
                 text(key + 18, 45, name, "start")]
        key += 40 + 7 * len(name)
    return document(title, body)


def bars(title, y_label, values):
    """values: [(name, value), ...]"""
    body, y_place = y_axis(y_label, steps(max(v for _, v in values)))
    room = (WIDTH - LEFT - RIGHT) / len(values)
    for i, (name, value) in enumerate(values):
        x, y = LEFT + room * (i + 0.2), y_place(value)
        body += [f'<rect x="{x:.1f}" y="{y:.1f}" width="{room * 0.6:.1f}" '
                 f'height="{HEIGHT - BOTTOM - y:.1f}" fill="{COLORS[i % len(COLORS)]}"/>',
                 text(x + room * 0.3, y - 5, short(value)),
                 text(x + room * 0.3, HEIGHT - BOTTOM + 19, name)]
    return document(title, body)
