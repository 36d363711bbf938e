"""wrk.py CONNECTIONS REQUESTS WARM_UP: wrk, which verifies and decodes nothing: how little a request can cost.

Prints a line of JSON as passage-bench does. wrk runs for a time, not for a number of requests; how long is learnt from
a run of a second, and more where there are many handshakes to make. Its cost is then taken off: that is how the start
and the handshakes are left out.
"""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile

REPORT = b"""
done = function(summary, latency, requests)
    local errors = summary.errors
    local line = '{"requests": %d, "errors": %d, "duration": %d, "p50": %d, "p90": %d, "p99": %d, "p99_9": %d, "max": %d}'
    io.stderr:write(string.format(line, summary.requests,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.duration,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
"""


def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def run(connections, seconds):
    with open(os.environ["PASSAGE_USERS"], encoding="ascii") as users:
        user_id = users.readline().split()[0]
    url = f"{os.environ['PASSAGE_BASE_URL']}/apps/{os.environ['PASSAGE_APP_ID']}/users/{user_id}"
    fields = [f"Authorization: Bearer {os.environ['PASSAGE_API_KEY']}", "Accept: application/json"]
    with tempfile.NamedTemporaryFile(suffix=".lua") as script:
        script.write(REPORT)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name]
        command += [argument for field in fields for argument in ("-H", field)]
        before = cpu()
        ended = subprocess.run([*command, url], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return json.loads(ended.stderr) | {"cpu": cpu() - before}


def main():
    connections, requests, _ = map(int, sys.argv[1:])
    seconds = 1 + connections // 250
    first = run(connections, seconds)
    second = run(connections, seconds + math.ceil(requests * seconds / max(first["requests"], 1)))
    count = second["requests"] - first["requests"]
    errors = first["errors"] + second["errors"]
    line = {
        "client": "wrk",
        "scenario": "get_user",
        "connections": connections,
        "requests": count,
        "errors": errors,
        "cpu_us": (second["cpu"] - first["cpu"]) / count,
        "wall_us": second["duration"] / second["requests"],
        "latency_us": {name: second[name] for name in ("p50", "p90", "p99", "p99_9", "max")},
    }
    print(json.dumps(line))
    return 1 if errors else 0


# Ends with an exception, which takes the program along.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
sys.exit(main())
