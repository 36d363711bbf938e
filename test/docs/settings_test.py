"""settings_test.py SOURCE: doc/settings.md lists every setting of the public headers, with its default."""

import pathlib
import re
import sys

SOURCE = pathlib.Path(sys.argv[1])

# The header of each structure, and the heading of its table.
TABLES = {
    "Config": ("config.hpp", "Config"),
    "TlsOptions": ("config.hpp", "Config::tls"),
    "PoolOptions": ("config.hpp", "Config::pool"),
    "TimeoutOptions": ("config.hpp", "Config::timeouts"),
    "RetryOptions": ("config.hpp", "Config::retry"),
    "LimitOptions": ("config.hpp", "Config::limits"),
    "ProxyOptions": ("config.hpp", "Config::proxy"),
    "Http2Options": ("config.hpp", "Config::http2"),
    "AuthOptions": ("auth.hpp", "AuthOptions"),
}
UNITS = {"milliseconds": "ms", "seconds": "s", "minutes": "min", "hours": "h"}


def size(value):
    for unit, bytes_each in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if value and value % bytes_each == 0:
            return f"{value // bytes_each} {unit}"
    return f"{value:,}"


def default(kind, value):
    """A default as the document writes it."""
    if kind in TABLES:
        return "see below"
    if not value:
        return "null" if "shared_ptr" in kind else "empty"
    duration = re.fullmatch(r"(?:std::chrono::(\w+))?\{?(\d+)\}?", value)
    if "chrono" in kind and duration:
        unit = duration[1] or re.search(r"chrono::(\w+)", kind)[1]
        return f"{duration[2]} {UNITS[unit]}"
    if re.fullmatch(r"[\d' *]+", value):
        product = 1
        for factor in value.replace("'", "").split("*"):
            product *= int(factor)
        return size(product)
    return f"`{value}`"


def settings(header, name):
    text = (SOURCE / "include/passage" / header).read_text()
    body = re.search(rf"^struct {name}\n\{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL)[1]
    member = re.compile(r"^    ([\w:<>, ]+?) (\w+)(?: = (.+)|\{(.+)\})?;(?: *///<.*)?$", re.MULTILINE)
    return [(found[2], default(found[1], found[3] or found[4])) for found in member.finditer(body)]


def documented(heading):
    text = (SOURCE / "doc/settings.md").read_text()
    chapter = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    return [tuple(row) for row in re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", chapter, re.MULTILINE)]


failed = False
for name, (header, heading) in TABLES.items():
    expected, found = settings(header, name), documented(heading)
    if not expected or expected != found:
        failed = True
        print(f"{name}: the header has {expected}\n{'':{len(name)}}  the document {found}")
sys.exit(failed)
