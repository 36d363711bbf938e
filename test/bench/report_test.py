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
OVER_HTTP2 = ("passage", "curl", "go", "h2load")

CHARTS = ("cost", "latency", "cost-http2", "latency-http2", "system-calls", "memory", "decode")


def line(client, scenario, connections, server="static", app="small", http=1, **values):
    measured = {"client": client, "scenario": scenario, "connections": connections, "requests": 10, "errors": 0}
    measured |= {"cpu_us": 1.0, "wall_us": 1.0, "allocations": 1.0} | values
    return "\t".join(["1", server, app, "1", str(http), json.dumps(measured)])


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
    lines += [
        line(client, "get_user", connections, http=2, cpu_us=5.0 + number, latency_us=latency)
        for connections in (1, 16, 64)
        for number, client in enumerate(OVER_HTTP2)
    ]
    for http in (1, 2):
        many = {"connections_used": 7 + http, "handshakes": 70 + http}
        peak = {"peak_resident_bytes": 3 * 2**20 * http, "peak_heap_bytes": 2**20}
        lines.append(line("passage", "flight_memory", 1000, http=http, **many, **peak))
        lines.append(line("passage", "burst", 64, http=http, succeeded=9, **many))
    memory = {"resident_bytes_each": 1024, "heap_bytes_each": 512}
    lines += [line(client, "idle_memory", 1000, **memory) for client in ("passage", "beast")]
    lines += [
        line("passage", "decode", 1, cpu_us=1.2, allocations_of_the_user=1),
        line("boost_json", "decode", 1, cpu_us=4.0),
        line("boost_json_monotonic", "decode", 1, cpu_us=1.6),
    ]
    (FOLDER / "results.tsv").write_text("\n".join(lines) + "\n")
    (FOLDER / "system_calls.tsv").write_text("passage\t16\t1\t3.25\npassage\t64\t1\t3\npassage\t64\t2\t0.5\n")
    subprocess.run([sys.executable, REPORT, FOLDER, FOLDER / "CMakeCache.txt"], check=True)

    # Charts name everyone as people do, and nobody as the files of results do.
    charts = {name: (FOLDER / f"{name}.svg").read_text() for name in CHARTS}
    shown = {name: re.findall(r">([^<>]+)</text>", chart) for name, chart in charts.items()}
    for name in ("cost", "latency"):
        for text in CLIENTS.values():
            check(text in shown[name], f"{name}.svg does not show {text}: {shown[name]}")
    for name in ("cost-http2", "latency-http2"):
        for client in OVER_HTTP2:
            check(f"{CLIENTS[client]}, HTTP/2" in shown[name], f"{name}.svg shows {shown[name]}")
        for client in ("passage", "wrk"):
            check(f"{CLIENTS[client]}, HTTP/1.1" in shown[name], f"{name}.svg shows {shown[name]}")
    for text in ("passage, HTTP/1.1", "3.00 calls", "passage, HTTP/2", "0.50 calls"):
        check(text in shown["system-calls"], f"system-calls.svg shows {shown['system-calls']}")
    check("idle connection, Beast, Boost.JSON DOM" in shown["memory"], f"memory.svg shows {shown['memory']}")
    for text in ("passage", "Boost.JSON DOM", "Boost.JSON DOM, monotonic"):
        check(text in shown["decode"], f"decode.svg shows {shown['decode']}")

    # The DOM is read in two ways, and the faster one is what counts.
    table = (FOLDER / "table.md").read_text()
    for text in ("| decode, Boost.JSON DOM |", "| decode, Boost.JSON DOM, monotonic |"):
        check(text in table, f"table.md lacks {text}")
    bounds = {
        "time to decode a user, against the faster DOM alone": 1.2 / 1.6,
        "system calls a call, 16 at once over HTTP/1.1": 3.25,
        "system calls a call, 64 at once over HTTP/2": 0.5,
        "CPU over HTTP/1.1, 16 at once, against Beast, Boost.JSON DOM": 10 / 11,
        "CPU over HTTP/2, 64 at once, against HTTP/1.1": 5 / 10,
        "CPU over HTTP/2, 64 at once, against wrk (decodes nothing) over HTTP/1.1": 5 / 16,
        "CPU over HTTP/2, 64 at once, against h2load (decodes nothing) over HTTP/2": 5 / 8,
        "CPU over HTTP/2, 64 at once, against Go net/http over HTTP/2": 5 / 7,
        "CPU over HTTP/2, 1 at once, against HTTP/1.1": 5 / 10,
        "p99 over HTTP/2, 64 at once, against HTTP/1.1": 1,
        "MiB resident of 1,000 calls in flight over HTTP/2": 6,
    }
    for text, measured in bounds.items():
        bound = re.search(rf"^\| {re.escape(text)} \|.*$", table, re.M)
        check(bound and f"| {measured:.2f} |" in bound[0], f"the bound is {bound and bound[0]}, not {measured:.2f}")

    # Each version of HTTP has its own numbers, and those of the other beside them.
    for text in (
        "| **passage**, HTTP/2 | 5.0 | 5.0 | 5.0 |",
        "| **passage**, HTTP/1.1 | 10.0 (2.00×) | 10.0 (2.00×) | 10.0 (2.00×) |",
        "| **passage**, HTTP/2 |  | 0.50 |",
        "| 1,000 calls, **passage**, HTTP/2 | 9 | 72 | 6.0 | 1.0 |  |",
        "| 10 calls, **passage**, HTTP/1.1 | 8 | 71 |  |  | 9 | 0.00 |",
    ):
        check(text in table, f"table.md lacks {text}:\n{table}")


main()
