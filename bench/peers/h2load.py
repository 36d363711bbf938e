"""h2load.py CONNECTIONS REQUESTS WARM_UP HTTP: h2load over HTTP/1.1 (1) or HTTP/2 (2); it verifies and decodes nothing.

Prints a line of JSON as passage-bench does, without percentiles, which h2load does not have. The cost of a run of the
warm-up's requests is taken off: that is how the start and the handshakes are left out. Over HTTP/2 so many requests are
in flight at a time, as streams of as many connections as the server's limit of streams asks for.
"""

import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import time

# Of the server: nginx.conf.in.
STREAMS_A_CONNECTION = 128


def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def transport(connections, http):
    if http == 1:
        return ["--h1", f"-c{connections}"], "http/1.1"
    count = math.ceil(connections / STREAMS_A_CONNECTION)
    return [f"-c{count}", f"-m{math.ceil(connections / count)}"], "h2"


def run(connections, requests, http):
    """CPU time and time, in microseconds, and how many requests failed."""
    with open(os.environ["PASSAGE_USERS"], encoding="ascii") as users:
        user_id = users.readline().split()[0]
    url = f"{os.environ['PASSAGE_BASE_URL']}/apps/{os.environ['PASSAGE_APP_ID']}/users/{user_id}"
    fields = [f"Authorization: Bearer {os.environ['PASSAGE_API_KEY']}", "Accept: application/json"]
    options, protocol = transport(connections, http)
    command = ["h2load", *options, "-t1", f"-n{requests}"]
    command += [argument for field in fields for argument in ("-H", field)]
    cpu_before, begin = cpu(), time.perf_counter()
    ended = subprocess.run([*command, url], check=True, capture_output=True, text=True)
    wall = (time.perf_counter() - begin) * 1e6
    if f"Application protocol: {protocol}\n" not in ended.stdout:
        raise RuntimeError(f"{protocol} was not spoken: {ended.stdout}")
    good = int(re.search(r"status codes: (\d+) 2xx", ended.stdout)[1])
    return cpu() - cpu_before, wall, requests - good


def main():
    connections, requests, warm_up, http = map(int, sys.argv[1:])
    warm_up = max(warm_up, connections)
    cpu_first, wall_first, errors_first = run(connections, warm_up, http)
    cpu_second, wall_second, errors_second = run(connections, warm_up + requests, http)
    errors = errors_first + errors_second
    line = {
        "client": "h2load",
        "scenario": "get_user",
        "connections": connections,
        "requests": requests,
        "errors": errors,
        "cpu_us": (cpu_second - cpu_first) / requests,
        "wall_us": (wall_second - wall_first) / requests,
    }
    print(json.dumps(line))
    return 1 if errors else 0


# Ends with an exception, which takes the program along.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
sys.exit(main())
