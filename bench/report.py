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
        round_number, server, app, cores, measured = line.split("\t")
        measured = json.loads(measured)
        key = (measured["client"], measured["scenario"], measured["connections"], server, app, cores)
        row = rows.setdefault(key, {"server": server, "app": app, "cores": cores, "rounds": []})
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

    def find(self, client, scenario="get_user", connections=None, server="static", app="small", cores=None):
        """The medians of one measurement; none if it was not made."""
        for row in self.rows:
            if (row["client"], row["scenario"], row["server"], row["app"]) != (client, scenario, server, app):
                continue
            if connections in (None, row["connections"]) and cores in (None, "," in row["cores"]):
                return row["median"]
        return None

    def clients(self, scenario, connections, app="small"):
        return [
            row["client"]
            for row in self.rows
            if (row["scenario"], row["connections"], row["app"]) == (scenario, connections, app)
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


def cost_table(results):
    levels = sorted({row["connections"] for row in results.rows if row["scenario"] == "get_user"})
    by_cost = {}
    for client in NAMES:
        cells = [results.find(client, connections=level, cores=False) for level in levels]
        if any(cells):
            by_cost[client] = [cell and cell["cpu_us"] for cell in cells]
    rows = []
    for client, cells in by_cost.items():
        own = by_cost["passage"]
        texts = [
            f"{cell:.1f} ({cell / mine:.2f}×)" if cell and mine and client != "passage" else number(cell)
            for cell, mine in zip(cells, own)
        ]
        rows.append([in_table(client), *texts])
    header = ["CPU µs per call, and how many times that of passage", *(f"{level} conn." for level in levels)]
    return table(header, rows)


def detail_table(results, connections, app, system_calls):
    header = ["client", "CPU µs", "calls/s", "p50 µs", "p90", "p99", "p99.9", "max"]
    header += ["allocations", "bytes", "system calls"]
    rows = []
    for client in NAMES:
        median = results.find(client, connections=connections, app=app, cores=False)
        if median is None:
            continue
        latency = median.get("latency_us", {})
        calls = system_calls.get(client) if (connections, app) == (16, "small") else None
        rows.append(
            [in_table(client), number(median["cpu_us"]), number(1e6 / median["wall_us"], 0)]
            + [number(latency.get(name), 0) for name in ("p50", "p90", "p99", "p99_9", "max")]
            + [number(median.get("allocations")), number(median.get("allocated_bytes"), 0), number(calls)]
        )
    return table(header, rows)


def scenario_table(results):
    header = ["scenario", "server", "connections", "cores", "CPU µs", "server CPU µs", "calls/s", "p50 µs", "p99"]
    header += ["allocations"]
    rows = []
    for row in results.rows:
        plain = row["scenario"] == "get_user" and row["server"] == "static" and "," not in row["cores"]
        median = row["median"]
        if plain or "cpu_us" not in median:
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


def bounds(results):
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


def write_charts(folder, results):
    measured = results.clients("get_user", 16)
    clients = [client for client in NAMES if client in measured]
    cost = {}
    for client in clients:
        points = [
            (row["connections"], row["median"]["cpu_us"])
            for row in results.rows
            if (row["client"], row["scenario"], row["server"], row["app"]) == (client, "get_user", "static", "small")
            and "," not in row["cores"]
        ]
        cost[NAMES[client]] = sorted(points)
    charts.lines(folder / "cost.svg", "CPU of a warm get_user", "connections", "µs per call", cost)

    # The most that every client has.
    level = 64 if results.find("passage", connections=64, cores=False) else 16
    latency = {}
    for client in clients:
        median = results.find(client, connections=level, cores=False)
        if median and "latency_us" in median:
            shares = ("p50", "p90", "p99", "p99_9")
            latency[NAMES[client]] = [(name.replace("_", "."), median["latency_us"][name]) for name in shares]
    charts.lines(folder / "latency.svg", f"Latency of get_user at {level} connections", "percentile", "µs", latency)

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
        client, calls = line.split("\t")
        system_calls[client] = float(calls)
    about = conditions(cache)
    found = bounds(results)

    document = {
        "conditions": about,
        "system_calls_per_request": system_calls,
        "bounds": [{"what": text, "at_most": bound, "measured": measured} for text, bound, measured in found],
        "measurements": results.rows,
    }
    (folder / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    rounds = max(len(row["rounds"]) for row in results.rows)
    text = f"# Results\n\nEach number is the median of the rounds, of which there were {rounds}.\n\n"
    text += table(["conditions", ""], [[name, value] for name, value in about.items()])
    if results.clients("get_user", 16):
        text += "\n## get_user over kept connections\n\n" + cost_table(results)
    for connections, app, size in ((16, "small", "1.1"), (64, "small", "1.1"), (16, "large", "10")):
        if results.clients("get_user", connections, app):
            text += f"\n### {connections} connections, users of {size} KB\n\n"
            text += detail_table(results, connections, app, system_calls)
    text += "\n## Everything else\n\n" + scenario_table(results)
    if any("resident_bytes_each" in row["median"] for row in results.rows):
        text += "\n## Memory\n\n" + memory_table(results)
    if found:
        text += "\n## Bounds\n\n" + bound_table(found)
    (folder / "table.md").write_text(text)
    if results.clients("get_user", 16):
        write_charts(folder, results)


main()
