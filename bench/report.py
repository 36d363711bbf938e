"""report.py FOLDER CMAKE_CACHE: turns what tools/bench measured into table.md, results.json and charts.

Reads FOLDER/results.tsv and FOLDER/system_calls.tsv.
"""

import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

import charts

NAMES = {
    "passage": "passage",
    "beast": "Beast, Boost.JSON DOM",
    "curl": "libcurl multi, Boost.JSON DOM",
    "go": "Go net/http",
    "node_sdk": "official Node SDK 2.12.1",
    "python_requests": "Python requests",
    "wrk": "wrk (decodes nothing)",
    "h2load": "h2load (decodes nothing)",
    "boost_json": "Boost.JSON DOM",
    "boost_json_monotonic": "Boost.JSON DOM, monotonic",
    "harness": "harness",
}
MEMORY_OF = {"idle_memory": "idle connection", "queued_memory": "waiting call"}


def read_rows(folder):
    """What was measured, in order: medians over the rounds, and all rounds as they were."""
    rows = {}
    for line in (folder / "results.tsv").read_text().splitlines():
        round_number, server, app, cores, http, measured = line.split("\t")
        measured = json.loads(measured)
        key = (measured["client"], measured["scenario"], measured["connections"], server, app, cores, http)
        row = rows.setdefault(key, {"server": server, "app": app, "cores": cores, "http": int(http), "rounds": []})
        row["rounds"].append({"round": int(round_number)} | measured)
    for key, row in rows.items():
        row |= dict(zip(("client", "scenario", "connections"), key))
        row["median"] = median_of(row["rounds"])
    return list(rows.values())


def median_of(rounds):
    result = {}
    for name, value in rounds[0].items():
        if isinstance(value, dict):
            result[name] = median_of([each[name] for each in rounds])
        elif isinstance(value, (int, float)) and name not in ("round", "connections"):
            result[name] = statistics.median(each[name] for each in rounds)
    return result


class Results:
    def __init__(self, rows):
        self.rows = rows

    def find(self, client, scenario="get_user", connections=None, server="static", app="small", cores=None, http=1):
        """The medians of one measurement; none if it was not made."""
        for row in self.rows:
            found = (row["client"], row["scenario"], row["server"], row["app"], row["http"])
            if found != (client, scenario, server, app, http):
                continue
            if connections in (None, row["connections"]) and cores in (None, "," in row["cores"]):
                return row["median"]
        return None

    def clients(self, scenario, connections, app="small", http=1):
        return [
            row["client"]
            for row in self.rows
            if (row["scenario"], row["connections"], row["app"], row["http"]) == (scenario, connections, app, http)
            and row["server"] == "static"
            and "," not in row["cores"]
        ]


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value, digits=1):
    return "" if value is None else f"{value:,.{digits}f}"


def in_table(client):
    return f"**{NAMES[client]}**" if client == "passage" else NAMES[client]


def versions(client, results):
    """Of HTTP, that a client was measured with."""
    rows = (row for row in results.rows if (row["client"], row["scenario"]) == (client, "get_user"))
    return sorted({row["http"] for row in rows})


def title(client, http):
    """Of a line beside lines of another version of HTTP."""
    name = in_table(client)
    return f"{name}, HTTP/1.1" if http == 1 else f"{name}, HTTP/2"


# What HTTP/2 is compared with besides itself.
BESIDE_HTTP2 = ("passage", "wrk")


def lines_over(results, http):
    """Client, version of HTTP and title of each line of the tables of a version."""
    if http == 1:
        return [(client, 1, in_table(client)) for client in NAMES]
    lines = [(client, 2, title(client, 2)) for client in NAMES if 2 in versions(client, results)]
    return lines + [(client, 1, title(client, 1)) for client in BESIDE_HTTP2]


def cost_table(results, http):
    levels = sorted({row["connections"] for row in results.rows if row["scenario"] == "get_user"})
    own = [results.find("passage", connections=level, cores=False, http=http) for level in levels]
    rows = []
    for client, version, name in lines_over(results, http):
        found = [results.find(client, connections=level, cores=False, http=version) for level in levels]
        if not any(found):
            continue
        cells = []
        for median, mine in zip(found, own):
            cell = number(median and median["cpu_us"])
            if median and mine and (client, version) != ("passage", http):
                cell += f" ({median['cpu_us'] / mine['cpu_us']:.2f}×)"
            cells.append(cell)
        rows.append([name, *cells])
    unit = "conn." if http == 1 else "at once"
    header = ["CPU µs per call, and how many times that of passage", *(f"{level:,} {unit}" for level in levels)]
    return table(header, rows)


def detail_table(results, connections, app, system_calls, http=1):
    header = ["client", "CPU µs", "calls/s", "p50 µs", "p90", "p99", "p99.9", "max"]
    header += ["allocations", "bytes", "system calls"]
    rows = []
    for client, version, name in lines_over(results, http):
        median = results.find(client, connections=connections, app=app, cores=False, http=version)
        if median is None:
            continue
        latency = median.get("latency_us", {})
        calls = system_calls.get((client, connections, version)) if app == "small" else None
        rows.append(
            [name, number(median["cpu_us"]), number(1e6 / median["wall_us"], 0)]
            + [number(latency.get(share), 0) for share in ("p50", "p90", "p99", "p99_9", "max")]
            + [number(median.get("allocations")), number(median.get("allocated_bytes"), 0), number(calls, 2)]
        )
    return table(header, rows)


def system_call_table(system_calls):
    levels = sorted({connections for _, connections, _ in system_calls})
    rows = []
    for http in (1, 2):
        for client in NAMES:
            cells = [system_calls.get((client, level, http)) for level in levels]
            if any(cell is not None for cell in cells):
                rows.append([title(client, http), *(number(cell, 2) for cell in cells)])
    return table(["system calls per call", *(f"{level:,} at once" for level in levels)], rows)


def at_once_table(results):
    rows = []
    for row in results.rows:
        median = row["median"]
        if row["scenario"] not in ("flight_memory", "burst"):
            continue
        count = median["requests"] if row["scenario"] == "burst" else row["connections"]
        memory = [median.get(name) for name in ("peak_resident_bytes", "peak_heap_bytes")]
        seconds = median["wall_us"] * count / 1e6 if "wall_us" in median else None
        rows.append(
            [f"{count:,.0f} calls, {title(row['client'], row['http'])}"]
            + [number(median["connections_used"], 0), number(median["handshakes"], 0)]
            + [number(peak and peak / 2**20) for peak in memory]
            + [number(median.get("succeeded"), 0), number(seconds, 2)]
        )
    header = ["calls begun at once", "connections", "handshakes", "MiB resident", "MiB of the heap", "succeeded"]
    return table([*header, "seconds"], rows)


def scenario_table(results):
    header = ["scenario", "server", "connections", "cores", "CPU µs", "server CPU µs", "calls/s", "p50 µs", "p99"]
    header += ["allocations"]
    rows = []
    for row in results.rows:
        plain = row["scenario"] == "get_user" and row["server"] == "static" and "," not in row["cores"]
        median = row["median"]
        if plain or row["scenario"] == "burst" or "cpu_us" not in median:
            continue
        latency = median.get("latency_us", {})
        alone = row["scenario"] in ("decode", "pool", "no_operation")
        rows.append(
            [
                f"{row['scenario']}, {in_table(row['client'])}",
                "none" if alone else row["server"],
                "" if row["scenario"] in ("decode", "pool") else str(row["connections"]),
                str(row["cores"].count(",") + 1),
                number(median["cpu_us"], 2),
                number(median.get("server_cpu_us")),
                number(1e6 / median["wall_us"], 0),
                number(latency.get("p50"), 0),
                number(latency.get("p99"), 0),
                number(median.get("allocations")),
            ]
        )
    return table(header, rows)


def memory_table(results):
    rows = []
    for row in results.rows:
        median = row["median"]
        if "resident_bytes_each" in median:
            rows.append(
                [f"{MEMORY_OF[row['scenario']]}, {in_table(row['client'])}"]
                + [number(median[name] / 1024) for name in ("resident_bytes_each", "heap_bytes_each")]
            )
    text = table(["KiB each", "resident", "lent out by the heap"], rows)
    for row in results.rows:
        if row["scenario"] == "growth":
            median = row["median"]
            grown = [number(median[name] / 1024) for name in ("resident_growth_bytes", "heap_growth_bytes")]
            text += f"\n{median['requests']:,.0f} calls left {grown[0]} KiB more resident, {grown[1]} KiB in the heap.\n"
    return text


def bounds(results, system_calls):
    """What the project demands of itself: text, bound, what was measured."""

    def demand(text, bound, measured, base=1.0):
        if measured is not None and base:
            found.append((text, bound, measured / base))

    def value(name, *args, **kwargs):
        median = results.find(*args, **kwargs)
        return median and median.get(name)

    def cpu(*args, **kwargs):
        return value("cpu_us", *args, **kwargs)

    found = []
    one = {"connections": 1, "cores": False}
    demand("CPU at 1 connection, against wrk", 1.2, cpu("passage", **one), cpu("wrk", **one))
    for level in (16, 64):
        at_level = {"connections": level, "cores": False}
        for peer, bound in {"wrk": 1.15, "beast": 0.55, "curl": 0.4, "go": 0.3, "node_sdk": 0.05}.items():
            ours, theirs = (cpu(client, **at_level) for client in ("passage", peer))
            demand(f"CPU at {level} connections, against {NAMES[peer]}", bound, ours, theirs)
    warm = results.find("passage", connections=16, cores=False)
    decoded = results.find("passage", "decode")
    if warm and decoded:
        beyond = warm["allocations"] - decoded["allocations_of_the_user"]
        demand("allocations a call beyond those of the user", 12, beyond)
    wide = {"connections": 64, "cores": False}
    ours, plain = (results.find(client, **wide) for client in ("passage", "wrk"))
    if ours and plain:
        demand("p99 at 64 connections, against wrk", 1.3, ours["latency_us"]["p99"], plain["latency_us"]["p99"])
    demand("CPU with 10,000 calls waiting, against 64 callers", 1.15, cpu("passage", "queued"), cpu("passage", **wide))
    demand("KiB resident per waiting call", 4, value("resident_bytes_each", "passage", "queued_memory"), 1024)
    demand("KiB resident per idle connection", 64, value("resident_bytes_each", "passage", "idle_memory"), 1024)
    grown = value("heap_growth_bytes", "passage", "growth")
    demand("KiB of heap that the calls of the longest run leave behind", 64, grown, 1024)
    emulated = {"server": "emulator", "app": "-"}
    demand("CPU of get_users, against a loop by hand", 1.05, value("cpu_ratio", "passage", "batch", **emulated))
    beyond = value("heap_bytes_beyond_results", "passage", "batch_memory", **emulated)
    demand("MiB that get_users of 100,000 ids hold beside its results", 32, beyond, 1024 * 1024)
    single = cpu("passage", connections=64, cores=True)
    demand("CPU on two threads, a client each, against one", 1.1, cpu("passage", "threads_own_clients"), single)
    demand("CPU on two threads, one client, against one", 1.3, cpu("passage", "threads_one_client"), single)
    demand("the emulator's CPU µs per get_user", 60, value("server_cpu_us", "passage", **emulated))
    doms = [cpu(client, "decode") for client in ("boost_json", "boost_json_monotonic")]
    faster = None if None in doms else min(doms)
    demand("time to decode a user, against the faster DOM alone", 0.55, cpu("passage", "decode"), faster)
    narrow = {"connections": 16, "cores": False}
    beast = f"CPU over HTTP/1.1, 16 at once, against {NAMES['beast']}"
    demand(beast, 0.65, cpu("passage", **narrow), cpu("beast", **narrow))
    for http, level, bound in ((1, 16, 3.4), (2, 64, 0.6)):
        calls = system_calls.get(("passage", level, http))
        demand(f"system calls a call, {level} at once over {'HTTP/2' if http == 2 else 'HTTP/1.1'}", bound, calls)
    over = {"connections": 64, "cores": False, "http": 2}
    own = cpu("passage", **over)
    demand("CPU over HTTP/2, 64 at once, against HTTP/1.1", 0.75, own, cpu("passage", **wide))
    demand(f"CPU over HTTP/2, 64 at once, against {NAMES['wrk']} over HTTP/1.1", 0.9, own, cpu("wrk", **wide))
    demand(f"CPU over HTTP/2, 64 at once, against {NAMES['h2load']} over HTTP/2", 1.0, own, cpu("h2load", **over))
    demand(f"CPU over HTTP/2, 64 at once, against {NAMES['go']} over HTTP/2", 0.3, own, cpu("go", **over))
    demand("CPU over HTTP/2, 1 at once, against HTTP/1.1", 1.35, cpu("passage", **one, http=2), cpu("passage", **one))
    multiplexed = results.find("passage", **over)
    if ours and multiplexed:
        p99 = (median["latency_us"]["p99"] for median in (multiplexed, ours))
        demand("p99 over HTTP/2, 64 at once, against HTTP/1.1", 1.1, *p99)
    peak = value("peak_resident_bytes", "passage", "flight_memory", http=2)
    demand("MiB resident of 1,000 calls in flight over HTTP/2", 6, peak, 1024 * 1024)
    return found


def bound_table(found):
    rows = [
        [text, f"{bound:g}", f"{measured:.2f}", "yes" if measured <= bound else "**no**"]
        for text, bound, measured in found
    ]
    return table(["", "at most", "measured", "met"], rows)


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[0]


def conditions(cache):
    """The machine, and who was measured."""
    settings = dict(re.findall(r"^(\w+):\w+=(.*)$", cache.read_text(), re.M)) if cache.exists() else {}
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    path = os.environ["PATH"] + ":/usr/sbin"
    boost = pathlib.Path("/usr/include/boost/version.hpp")
    version = re.search(r'BOOST_LIB_VERSION "(.*)"', boost.read_text()) if boost.exists() else None
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "load average at the end": "{0:.1f} over 1, {2:.1f} over 15 minutes".format(*os.getloadavg()),
        "compiler": first_line(settings.get("CMAKE_CXX_COMPILER", "g++"), "--version")
        + ", "
        + settings.get("CMAKE_CXX_FLAGS_RELEASE", ""),
        "Boost": version[1].replace("_", ".") if version else "unknown",
        "OpenSSL": first_line("openssl", "version"),
        "nginx": first_line("env", f"PATH={path}", "nginx", "-v"),
        "libcurl": first_line("curl-config", "--version"),
        "Go": first_line("go", "version"),
        "Node": first_line("node", "--version"),
        "Python": first_line("/usr/bin/python3", "--version"),
        "wrk": first_line("wrk", "-v"),
        "h2load": first_line("h2load", "--version"),
    }


def chart_name(client, version, http):
    if http == 1:
        return NAMES[client]
    return f"{NAMES[client]}, HTTP/{'1.1' if version == 1 else '2'}"


def cost_chart(results, http):
    """Points of each line that was measured with 16 calls at once."""
    lines = {}
    for client, version, _ in lines_over(results, http):
        if client not in results.clients("get_user", 16, http=version):
            continue
        points = [
            (row["connections"], row["median"]["cpu_us"])
            for row in results.rows
            if (row["client"], row["scenario"], row["server"], row["app"]) == (client, "get_user", "static", "small")
            and (row["http"], "," in row["cores"]) == (version, False)
        ]
        lines[chart_name(client, version, http)] = sorted(points)
    return lines


def latency_chart(results, http, level):
    lines = {}
    for client, version, _ in lines_over(results, http):
        median = results.find(client, connections=level, cores=False, http=version)
        if median and "latency_us" in median:
            shares = ("p50", "p90", "p99", "p99_9")
            points = [(name.replace("_", "."), median["latency_us"][name]) for name in shares]
            lines[chart_name(client, version, http)] = points
    return lines


def write_charts(folder, results, system_calls):
    # The most that every client has.
    level = 64 if results.find("passage", connections=64, cores=False) else 16
    charts.lines(folder / "cost.svg", "CPU of a warm get_user", "connections", "µs per call", cost_chart(results, 1))
    latency = latency_chart(results, 1, level)
    charts.lines(folder / "latency.svg", f"Latency of get_user at {level} connections", "percentile", "µs", latency)
    if results.clients("get_user", 16, http=2):
        cost = cost_chart(results, 2)
        charts.lines(folder / "cost-http2.svg", "CPU of a warm get_user over HTTP/2", "at once", "µs per call", cost)
        latency = latency_chart(results, 2, level)
        name = f"Latency of get_user over HTTP/2, {level} at once"
        charts.lines(folder / "latency-http2.svg", name, "percentile", "µs", latency)
    level_calls = {
        chart_name(client, version, 2): calls
        for version in (1, 2)
        for client in NAMES
        if (calls := system_calls.get((client, level, version))) is not None
    }
    if level_calls:
        charts.bars(folder / "system-calls.svg", f"System calls of a get_user, {level} at once", "calls", level_calls, 2)

    memory = {
        f"{MEMORY_OF[row['scenario']]}, {NAMES[row['client']]}": row["median"]["resident_bytes_each"] / 1024
        for row in results.rows
        if "resident_bytes_each" in row["median"]
    }
    decode = {NAMES[row["client"]]: row["median"]["cpu_us"] for row in results.rows if row["scenario"] == "decode"}
    if decode:
        charts.bars(folder / "decode.svg", "Time to decode a user of 1.1 KB, or to parse it into a DOM", "µs", decode, 2)
    charts.bars(folder / "memory.svg", "Resident memory of an idle connection, of a waiting call", "KiB each", memory)


def main():
    folder, cache = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    results = Results(read_rows(folder))
    system_calls = {}
    for line in (folder / "system_calls.tsv").read_text().splitlines():
        client, connections, http, calls = line.split("\t")
        system_calls[client, int(connections), int(http)] = float(calls)
    about = conditions(cache)
    found = bounds(results, system_calls)

    document = {
        "conditions": about,
        "system_calls_per_request": [
            {"client": client, "connections": connections, "http": http, "calls": calls}
            for (client, connections, http), calls in system_calls.items()
        ],
        "bounds": [{"what": text, "at_most": bound, "measured": measured} for text, bound, measured in found],
        "measurements": results.rows,
    }
    (folder / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    rounds = max(len(row["rounds"]) for row in results.rows)
    text = f"# Results\n\nEach number is the median of the rounds, of which there were {rounds}.\n\n"
    text += table(["conditions", ""], [[name, value] for name, value in about.items()])
    if results.clients("get_user", 16):
        text += "\n## get_user over kept connections\n\n" + cost_table(results, 1)
    for connections, app, size in ((16, "small", "1.1"), (64, "small", "1.1"), (16, "large", "10")):
        if results.clients("get_user", connections, app):
            text += f"\n### {connections} connections, users of {size} KB\n\n"
            text += detail_table(results, connections, app, system_calls)
    if results.clients("get_user", 16, http=2):
        text += "\n## get_user over HTTP/2\n\n" + cost_table(results, 2)
        for connections in (1, 64, 1000):
            if results.clients("get_user", connections, http=2):
                text += f"\n### {connections:,} at once, users of 1.1 KB\n\n"
                text += detail_table(results, connections, "small", system_calls, http=2)
    if system_calls:
        text += "\n## System calls\n\n" + system_call_table(system_calls)
    if any(row["scenario"] == "burst" for row in results.rows):
        text += "\n## Many calls at once\n\n" + at_once_table(results)
    text += "\n## Everything else\n\n" + scenario_table(results)
    if any("resident_bytes_each" in row["median"] for row in results.rows):
        text += "\n## Memory\n\n" + memory_table(results)
    if found:
        text += "\n## Bounds\n\n" + bound_table(found)
    (folder / "table.md").write_text(text)
    if results.clients("get_user", 16):
        write_charts(folder, results, system_calls)


main()
