"""Plain charts as SVG."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 920, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 290, 50, 60
BAR_NAMES = 300
COLOURS = ["#c0392b", "#2c7fb8", "#41ab5d", "#8856a7", "#e08214", "#525252", "#1b9e9e", "#b5a642"]

# The same name has the same colour in all charts.
colours_of = {}


def colour_of(name):
    return colours_of.setdefault(name, COLOURS[len(colours_of) % len(COLOURS)])


def text(x, y, words, anchor="middle", size=13, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {more}>{escape(str(words))}</text>'


def frame(title, content, height=HEIGHT):
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            text(WIDTH / 2, 26, title, size=16),
            *content,
            "</svg>\n",
        ]
    )


def lines(file, title, x_name, y_name, series):
    """A line for each name; `series` has lists of points, whose first coordinates are marks and not measured out.

    The other axis is logarithmic: what is compared differs by more than ten times.
    """
    marks = sorted({x for points in series.values() for x, _ in points})
    values = [y for points in series.values() for _, y in points]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def place_x(mark):
        return LEFT + (marks.index(mark) + 0.5) * (WIDTH - LEFT - RIGHT) / len(marks)

    def place_y(value):
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    content = []
    for power in range(low, high + 1):
        for factor in (1, 2, 5):
            value = factor * 10.0**power
            if value <= 10.0**high:
                y = place_y(value)
                content.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
                content.append(text(LEFT - 8, y + 4, f"{value:,.10g}", "end", 12))
    content += [text(place_x(mark), HEIGHT - BOTTOM + 20, mark) for mark in marks]
    content.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_name))
    content.append(text(18, HEIGHT / 2, y_name, more=f'transform="rotate(-90 18 {HEIGHT / 2})"'))

    labels = sorted((place_y(points[-1][1]), name) for name, points in series.items())
    # Names stand beside the ends of their lines, but not on each other.
    for i in range(1, len(labels)):
        labels[i] = (max(labels[i][0], labels[i - 1][0] + 16), labels[i][1])
    label_places = {name: y for y, name in labels}
    for name, points in series.items():
        colour = colour_of(name)
        places = [(place_x(x), place_y(y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        content.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        content += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        content.append(text(WIDTH - RIGHT + 8, label_places[name] + 4, name, "start", more=f'fill="{colour}"'))
    file.write_text(frame(title, content))


def bars(file, title, unit, values, digits=1):
    """A bar for each name."""
    longest = max(values.values())
    content = []
    for i, (name, value) in enumerate(values.items()):
        y = TOP + 10 + i * 44
        length = value / longest * (WIDTH - BAR_NAMES - 110)
        content.append(f'<rect x="{BAR_NAMES}" y="{y}" width="{length:.1f}" height="28" fill="{COLOURS[0]}"/>')
        content.append(text(BAR_NAMES - 10, y + 19, name, "end"))
        content.append(text(BAR_NAMES + 8 + length, y + 19, f"{value:.{digits}f} {unit}", "start"))
    file.write_text(frame(title, content, TOP + 30 + 44 * len(values)))
