"""report_test.py REPORT FOLDER: what bench/report.py makes of measurements that are written here."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

REPORT, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
CLIENTS = {
    "passage": "passage",
    "beast": "Beast, Boost.JSON DOM",
    "curl": "libcurl multi, Boost.JSON DOM",
    "go": "Go net/http",
    "node_sdk": "official Node SDK 2.12.1",
    "python_requests": "Python requests",
    "wrk": "wrk (decodes nothing)",
    "h2load": "h2load (decodes nothing)",
}


def line(client, scenario, connections, server="static", app="small", **values):
    measured = {"client": client, "scenario": scenario, "connections": connections, "requests": 10, "errors": 0}
    measured |= {"cpu_us": 1.0, "wall_us": 1.0, "allocations": 1.0} | values
    return "\t".join(["1", server, app, "1", json.dumps(measured)])


def check(good, what):
    if not good:
        sys.exit(what)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    latency = {"p50": 1, "p90": 2, "p99": 3, "p99_9": 4, "max": 5}
    lines = [
        line(client, "get_user", connections, cpu_us=10.0 + number, latency_us=latency)
        for connections in (1, 16, 64)
        for number, client in enumerate(CLIENTS)
    ]
    memory = {"resident_bytes_each": 1024, "heap_bytes_each": 512}
    lines += [line(client, "idle_memory", 1000, **memory) for client in ("passage", "beast")]
    lines += [
        line("passage", "decode", 1, cpu_us=1.2, allocations_of_the_user=1),
        line("boost_json", "decode", 1, cpu_us=4.0),
        line("boost_json_monotonic", "decode", 1, cpu_us=1.6),
    ]
    (FOLDER / "results.tsv").write_text("\n".join(lines) + "\n")
    (FOLDER / "system_calls.tsv").write_text("")
    subprocess.run([sys.executable, REPORT, FOLDER, FOLDER / "CMakeCache.txt"], check=True)

    # Charts name everyone as people do, and nobody as the files of results do.
    charts = {name: (FOLDER / f"{name}.svg").read_text() for name in ("cost", "latency", "memory", "decode")}
    shown = {name: re.findall(r">([^<>]+)</text>", chart) for name, chart in charts.items()}
    for name in ("cost", "latency"):
        for text in CLIENTS.values():
            check(text in shown[name], f"{name}.svg does not show {text}: {shown[name]}")
    check("idle connection, Beast, Boost.JSON DOM" in shown["memory"], f"memory.svg shows {shown['memory']}")
    for text in ("passage", "Boost.JSON DOM", "Boost.JSON DOM, monotonic"):
        check(text in shown["decode"], f"decode.svg shows {shown['decode']}")

    # The DOM is read in two ways, and the faster one is what counts.
    table = (FOLDER / "table.md").read_text()
    for text in ("| decode, Boost.JSON DOM |", "| decode, Boost.JSON DOM, monotonic |"):
        check(text in table, f"table.md lacks {text}")
    bound = re.search(r"^\| time to decode a user.*$", table, re.M)
    check(bound and "| 0.75 |" in bound[0], f"the bound is {bound and bound[0]}, not of 1.2 to 1.6")


main()
