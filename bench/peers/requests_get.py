"""requests_get.py CONNECTIONS REQUESTS WARM_UP: Python's requests, a session and a thread for each connection.

Prints a line of JSON as passage-bench does.
"""

import itertools
import json
import os
import resource
import sys
import threading
import time

import requests

USERS = [line.split() for line in open(os.environ["PASSAGE_USERS"], encoding="ascii")]
PREFIX = f"{os.environ['PASSAGE_BASE_URL']}/apps/{os.environ['PASSAGE_APP_ID']}/users/"


def new_session():
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['PASSAGE_API_KEY']}"
    session.headers["Accept"] = "application/json"
    return session


def run(sessions, count):
    """What each request took, in microseconds, and how many were answered wrongly."""
    times = [0.0] * count
    errors = []
    numbers = itertools.count()

    def caller(session):
        for number in numbers:
            if number >= count:
                return
            user_id, email = USERS[number % len(USERS)]
            begin = time.perf_counter_ns()
            try:
                # Said here, as the environment would win over the session's setting.
                response = session.get(PREFIX + user_id, timeout=30, verify=os.environ["PASSAGE_CA_FILE"])
                response.raise_for_status()
                user = response.json()["user"]
                if (user["id"], user["email"]) != (user_id, email):
                    errors.append("another one's answer")
            except (requests.RequestException, KeyError) as error:
                errors.append(error)
            times[number] = (time.perf_counter_ns() - begin) / 1000

    threads = [threading.Thread(target=caller, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors[:1]:
        print(error, file=sys.stderr)
    return times, len(errors)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def main():
    connections, count, warm_up = map(int, sys.argv[1:])
    sessions = [new_session() for _ in range(connections)]
    run(sessions, warm_up)
    cpu_before, begin = cpu(), time.perf_counter()
    times, errors = run(sessions, count)
    wall, cpu_used = (time.perf_counter() - begin) * 1e6, cpu() - cpu_before
    times.sort()
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "max": 1}
    line = {
        "client": "python_requests",
        "scenario": "get_user",
        "connections": connections,
        "requests": count,
        "errors": errors,
        "cpu_us": cpu_used / count,
        "wall_us": wall / count,
        "latency_us": {name: times[int(share * (count - 1))] for name, share in shares.items()},
    }
    print(json.dumps(line))
    return 1 if errors else 0


sys.exit(main())
