"""transfer_test.py CASE PASSAGECTL EMULATOR FOLDER [--users N] [--kills N] [--rows N] [--cell BYTES]

Runs `passagectl export` and `import` against emulators. The sizes are those of a quick run; the promises are shown by

    transfer_test.py round_trip PASSAGECTL EMULATOR /tmp/t --users 100000
    transfer_test.py killed PASSAGECTL EMULATOR /tmp/t --users 100000 --kills 20
    transfer_test.py large_file PASSAGECTL EMULATOR /tmp/t --rows 1000000
    transfer_test.py hostile_csv PASSAGECTL EMULATOR /tmp/t --cell 100000000
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

# No proxy of the shell's is meant, here or in passagectl.
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

PATIENCE = 120
started = []

options = argparse.ArgumentParser()
options.add_argument("case")
options.add_argument("passagectl")
options.add_argument("emulator")
options.add_argument("folder", type=pathlib.Path)
options.add_argument("--users", type=int, default=3000)
options.add_argument("--kills", type=int, default=4)
options.add_argument("--rows", type=int, default=50_000)
options.add_argument("--cell", type=int, default=8_000_000)
options.add_argument("--memory", type=int, default=32 * 1024, help="KiB that a program may take; 0: any")
options.add_argument("--seed", type=int, default=random.randrange(10**6))
given = options.parse_args()
work = given.folder.resolve() / given.case
dice = random.Random(given.seed)


def check(good, what):
    if not good:
        sys.exit(f"{given.case} (--seed {given.seed}): {what}")


class Emulator:
    """The emulator, and what it holds, read over HTTP by this program itself."""

    def __init__(self, name, *arguments):
        self.name = name
        self.arguments = arguments
        self.start()

    def start(self, *more):
        env_file = work / f"{self.name}.env"
        self.process = subprocess.Popen(
            [given.emulator, "--env-out", str(env_file), "--ca-out", str(work / f"{self.name}.pem"), "--verbose"]
            + list(map(str, self.arguments + more)),
            stdout=subprocess.PIPE,
            stderr=(work / f"{self.name}.log").open("ab"),
            text=True,
        )
        for line in self.process.stdout:
            if "listens" in line:
                break
        self.settings = dict(re.findall(r"export (\w+)='(.*)'", env_file.read_text()))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PASSAGE_")}
        self.environment |= self.settings
        self.port = urllib.parse.urlsplit(self.settings["PASSAGE_BASE_URL"]).port

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def creations(self):
        """The requests that would create a user, counted by their statuses."""
        log = (work / f"{self.name}.log").read_text()
        return collections.Counter(re.findall(r"^POST \S+/users (\d+)", log, re.MULTILINE))

    def users(self):
        trust = ssl.create_default_context(cafile=self.settings["PASSAGE_CA_FILE"])
        users, page, set_end = [], 1, ""
        while True:
            url = (
                f"{self.settings['PASSAGE_BASE_URL']}/apps/{self.settings['PASSAGE_APP_ID']}/users"
                f"?limit=500&page={page}&order_by=id:ASC{set_end}"
            )
            headers = {"Authorization": f"Bearer {self.settings['PASSAGE_API_KEY']}", "User-Agent": "test"}
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=trust) as response:
                answer = json.load(response)
            users += answer["users"]
            set_end = f"&created_before={answer['created_before']}"
            if len(users) >= answer["total_users"]:
                return users
            page += 1


@contextlib.contextmanager
def emulator(name, *arguments):
    running = Emulator(name, *arguments)
    try:
        yield running
    finally:
        running.stop()


Ended = collections.namedtuple("Ended", "status out err")


def start(where, *arguments, **more):
    environment = where.environment if where else os.environ
    process = subprocess.Popen([given.passagectl, *map(str, arguments)], env=environment, cwd=work, **more)
    started.append(process)
    return process


def run(where, *arguments, stdin=None):
    process = start(
        where, *arguments, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = process.communicate(timeout=PATIENCE * 10)
    return Ended(process.returncode, out, err)


def expect(ended, status, *texts):
    everything = ended.out + ended.err
    check(ended.status == status, f"status {ended.status} in place of {status}:\n{everything}")
    for text in texts:
        check(text in everything, f"no {text!r} in:\n{everything}")
    return ended


class Memory(threading.Thread):
    """The peak of resident memory of a process, in KiB. Its rusage would begin with that of this program."""

    def __init__(self, process):
        super().__init__()
        self.path = pathlib.Path(f"/proc/{process.pid}/status")
        self.peak = 0
        self.start()

    def run(self):
        while True:
            try:
                found = re.search(r"VmHWM:\s+(\d+)", self.path.read_text())
            except OSError:
                found = None
            if not found:
                return  # it has ended
            self.peak = max(self.peak, int(found[1]))
            time.sleep(0.005)

    def at_end(self):
        self.join()
        check(not given.memory or self.peak <= given.memory, f"{self.peak} KiB of memory are more than {given.memory}")
        return self.peak


def carried(users):
    """What the API can carry of users, by their identifiers."""
    result = {}
    for user in users:
        key = (user["email"].lower(), user["phone"])
        check(key not in result, f"there are two users {key}")
        result[key] = (user["email"], user["phone"], user["status"], user["user_metadata"] or None)
    return result


def expect_equal(source, target):
    old, new = carried(source.users()), carried(target.users())
    missing, extra = old.keys() - new.keys(), new.keys() - old.keys()
    check(not missing and not extra, f"{len(missing)} are missing, {len(extra)} are too many: {list(missing)[:3]}")
    for key, user in old.items():
        check(new[key] == user, f"{new[key]} in place of {user}")
    return len(old)


def results(journal):
    """The words of the results in a journal, counted."""
    return collections.Counter(re.findall(r"^\d+ (\w+)", journal.read_text(), re.MULTILINE))


def wait_for_results(journal, process, least):
    """Waits until a journal has so many results, or the process has ended."""
    while process.poll() is None:
        if journal.exists() and sum(results(journal).values()) >= least:
            return
        time.sleep(0.01)


# The cases.


def round_trip():
    with emulator("source", "--seed", given.users) as source, emulator("target") as target:
        begun = time.monotonic()
        exporting = start(source, "export", stdout=subprocess.PIPE)
        importing = start(target, "import", "-", stdin=exporting.stdout, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        exporting.stdout.close()
        export_memory, import_memory = Memory(exporting), Memory(importing)
        check(exporting.wait() == 0, f"the export ended with {exporting.returncode}")
        export_time = time.monotonic() - begun
        said = importing.stdout.read().decode() + importing.stderr.read().decode()
        check(importing.wait() == 0, f"the import ended with {importing.returncode}: {said}")
        import_time = time.monotonic() - begun - export_time
        count = expect_equal(source, target)
        check(count == given.users, f"{count} users")
        check("webauthn_devices" in said, f"what was not carried over is not said: {said}")
        check(not (work / "passagectl-import.journal.input").exists(), "the copy of standard input was not removed")
        print(
            f"{count} users: export {export_time:.1f} s, {count / export_time:.0f} a second, {export_memory.at_end()} KiB;"
            f" import {import_time:.1f} s, {count / import_time:.0f} a second, {import_memory.at_end()} KiB"
        )
        print(said)

    with emulator("again") as again:
        text = work / "users.csv"
        with emulator("csv_source", "--seed", min(given.users, 3000)) as source:
            with text.open("wb") as output:
                check(start(source, "export", "--format", "csv", stdout=output).wait(PATIENCE) == 0, "no CSV")
            expect(run(again, "import", text), 0)
            expect_equal(source, again)

            brief = run(source, "export", "--brief", "--filter", "status=active", "--order-by", "id").out.splitlines()
            active = [user["id"] for user in source.users() if user["status"] == "active"]
            check([json.loads(line)["id"] for line in brief] == active, "a filtered export has other users")
            check("webauthn" not in brief[0], "a brief export has a profile")
            full = run(source, "export", "--filter", "status=active", "--order-by", "id").out.splitlines()
            check([json.loads(line)["id"] for line in full] == active, "a full export has another order")


def killed():
    """Killed at random moments, and gone on: nobody twice, nobody missing."""
    with emulator("source", "--seed", given.users) as source, emulator("target") as target:
        users = work / "users.jsonl"
        journal = work / "users.jsonl.journal"
        with users.open("wb") as output:
            check(start(source, "export", "--brief", stdout=output).wait(PATIENCE * 10) == 0, "no export")
        kills = 0
        left = given.users
        while kills < given.kills:
            process = start(target, "import", users, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            done = given.users - left
            # The last runs are killed too, so each may do only its share.
            share = left // (given.kills - kills + 1)
            if kills % 5 == 4:
                time.sleep(dice.uniform(0, 0.3))  # also during the check
            else:
                wait_for_results(journal, process, done + dice.randint(0, share))
            time.sleep(dice.uniform(0, 0.02))
            process.kill()
            check(process.wait(PATIENCE) == -signal.SIGKILL, "it was not killed")
            kills += 1
            left = given.users - (sum(results(journal).values()) if journal.exists() else 0)
            print(f"kill {kills}: {left} left")
        print(expect(run(target, "import", users), 0, "were done before").out)
        check(expect_equal(source, target) == given.users, "some are missing")
        check(results(journal) == {"created": given.users}, f"the journal says {results(journal)}")
        # Those that may have been created were looked up: the server had to refuse nobody.
        check(target.creations() == {"201": given.users}, f"creations: {target.creations()}")
        expect(run(target, "import", users), 0, "0 users created")


def file_of(name, content):
    """A file with this text, these bytes, or these pieces of bytes."""
    path = work / name
    pieces = [content.encode()] if isinstance(content, str) else [content] if isinstance(content, bytes) else content
    with path.open("wb") as output:
        output.writelines(pieces)
    return path


def shapes():
    """The console's CSV, in all shapes that it was seen in and some more."""
    jane = {"email": "jane@example.com", "phone": "+15005550006", "status": "active", "user_metadata": {"plan": "pro"}}
    joe = {"email": "joe@example.com", "phone": "", "status": "inactive", "user_metadata": None}
    good = {
        "plain": "email,phone,status,metadata.plan\njane@example.com,+15005550006,active,pro\n"
        "joe@example.com,,inactive,\n",
        "order": "status,metadata.plan,phone,email\nactive,pro,+15005550006,jane@example.com\n"
        "inactive,,,joe@example.com\n",
        "case": "E-Mail,PHONE NUMBER,Status,User_Metadata.plan\njane@example.com,+15005550006,Active,pro\n"
        "joe@example.com,,INACTIVE,\n",
        "bom": b"\xef\xbb\xbf" + b'"Email Address",phone,status,metadata\njane@example.com,+15005550006,active,'
        b'"{""plan"":""pro""}"\njoe@example.com,,inactive,\n',
        "crlf": "email,phone,status,metadata.plan\r\njane@example.com,+15005550006,active,pro\r\n"
        "joe@example.com,,inactive,\r\n",
        "cr": "email,phone,status,metadata.plan\rjane@example.com,+15005550006,active,pro\r"
        "joe@example.com,,inactive,\r",
        "quotes": '"email","phone", "status" ,"metadata.plan"\n"jane@example.com","+15005550006",active,"pro"\n'
        '"joe@example.com","","inactive",\n',
        "empty_lines": "\n\nemail,phone,status,metadata.plan\n\njane@example.com,+15005550006,active,pro\n   \n,,,\n"
        "joe@example.com,,inactive,\n\n\n",
        "no_last_line_end": "email,phone,status,metadata.plan\njoe@example.com,,inactive,\n"
        "jane@example.com,+15005550006,active,pro",
        "known_columns": "id,email,email_verified,phone,status,created_at,metadata.plan\n"
        "abc,jane@example.com,true,+15005550006,active,2024-01-01T00:00:00Z,pro\n"
        "def,joe@example.com,false,,inactive,2024-01-01T00:00:00Z,\n",
    }
    for name, content in good.items():
        with emulator(name) as target:
            said = expect(run(target, "import", file_of(f"{name}.csv", content)), 0, "2 users created")
            users = {user["email"]: user for user in target.users()}
            check(len(users) == 2, f"{name}: {len(users)} users")
            for expected in (jane, joe):
                user = users[expected["email"]]
                found = {field: user[field] for field in expected}
                check(found == expected, f"{name}: {found}")
            if name == "known_columns":
                check("created_at, email_verified, id" in said.err, said.err)

    with emulator("others") as target:
        expect(run(target, "import", file_of("header.csv", "email,phone\r\n")), 0, "0 users created")
        expect(run(target, "import", file_of("nothing.csv", "")), 0, "0 users created")

        # A quoted field has all that it may have, and line numbers count the lines within it.
        text = 'one, "two"\r\nthree\n'
        content = 'email,note\nann@example.com,"one, ""two""\r\nthree\n"\nno address,\n'
        path = file_of("quoted.csv", content)
        expect(run(target, "import", path, "--unknown", "metadata"), 2, "line 5: the e-mail address", "nothing was sent")
        expect(run(target, "import", path, "--unknown", "metadata", "--skip-bad"), 6, "1 user created", "could not be")
        check(target.users()[0]["user_metadata"] == {"note": text}, target.users())
        failed = work / "quoted.failed.csv"
        check(failed.read_text() == "email,note\nno address,\n", failed.read_text())
        failed.write_text(failed.read_text().replace("no address", "bob@example.com"))
        expect(run(target, "import", failed, "--unknown", "skip"), 0, "1 user created")

        # Unknown columns.
        path = file_of("unknown.csv", "email,team,Customer No\ncy@example.com,red,7\n")
        expect(run(None, "import", path, "--dry-run"), 2, 'unknown columns, "team", "Customer No"', "--unknown")
        maps = ("--map", "customer no=metadata.customer", "--map", "team=skip")
        expect(run(target, "import", path, *maps), 0)
        user = [user for user in target.users() if user["email"] == "cy@example.com"][0]
        check(user["user_metadata"] == {"customer": "7"}, user)
        expect(run(None, "import", path, "--dry-run", "--map", "absent=phone"), 2, "does not have")
        expect(run(None, "import", path, "--dry-run", "--map", "team=colour"), 2, "the field must be")

        # Other separators, and an advice where they are not said.
        path = file_of("semicolons.csv", "email;phone\ndan@example.com;\n")
        expect(run(None, "import", path, "--dry-run"), 2, "--delimiter")
        expect(run(None, "import", path, "--dry-run", "--delimiter", ";"), 0, "1 record, 1 can be imported")
        path = file_of("tabs.csv", "email\tphone\ndan@example.com\t\n")
        expect(run(None, "import", path, "--dry-run", "--delimiter", "tab"), 0, "1 record, 1 can be imported")


def closed_streams():
    """Messages get into no file, also if the standard streams are closed."""
    path = file_of("users.jsonl", '{"email":"no address"}\n{"email":"ann@example.com"}\n')
    journal = work / "users.jsonl.journal"
    with emulator("target", "--fault", "error=409,route=PATCH /users/{id}/deactivate") as target:
        for closed in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            path.write_text(path.read_text() + json.dumps({"email": f"{len(closed)}@b.c", "status": "inactive"}) + "\n")
            journal.unlink(missing_ok=True)
            command = f'exec "$0" import "$1" --skip-bad {closed}'
            process = subprocess.run(
                ["sh", "-c", command, given.passagectl, path], env=target.environment, cwd=work, stdout=subprocess.DEVNULL
            )
            check(process.returncode == (6 if closed == "2>&-" else 1), f"{closed}: {process.returncode}")
            lines = journal.read_text().splitlines()[5:]
            known = r"begun \d+|asked \d+|\d+ (created|existed) \w+|\d+ refused user .*409.*"
            check(all(re.fullmatch(known, line) for line in lines) and lines, f"{closed}: {lines}")


def bad_rows():
    rows = [
        "email,phone,status",
        "ann@example.com,,",
        "bob@example.com,+15005550001",
        "bob@example.com,+15005550001,,",
        "not an address,,",
        "bob@example.com,0500,",
        "bob@example.com,,asleep",
        ",,active",
        'bob "the" builder,,',
        '"bob"@example.com,,',
        "ANN@example.com,,",
        "cy@example.com,+15005550001,",
        "dan@example.com,+15005550001,",
    ]
    path = file_of("bad.csv", "\r\n".join(rows) + "\r\n")
    said = expect(
        run(None, "import", path, "--dry-run"),
        2,
        "line 3: has 2 fields, and the header has 3",
        "line 4: has 4 fields",
        "line 5: the e-mail address is not",
        "line 6: the phone number is not in E.164 form",
        "line 7: the status is not",
        "line 8: has neither",
        "line 9: has a quote within",
        "line 10: has text behind a closing quote",
        "line 11: has the e-mail address of line 2",
        "line 13: has the phone number of line 12",
        "10 records of 12 cannot be imported",
    )
    check(said.out == "", said.out)
    with emulator("target") as target:
        expect(run(target, "import", path, "--skip-bad"), 6, "2 users created, 10 could not be read")
        check({user["email"] for user in target.users()} == {"ann@example.com", "cy@example.com"}, target.users())
        failed = (work / "bad.failed.csv").read_bytes().decode().split("\n")
        expected = [rows[0], *rows[2:11], rows[12]]
        check([row.rstrip("\r") for row in failed if row] == expected, failed)

    lines = [
        '{"email":"ann@example.com","user_metadata":{"a":[1,2.5,"x"]}}',
        '{"email":"bob@example.com"',
        "[1]",
        '{"email":7}',
        '{"email":"cy@example.com","team":"red"}',
        '{"email":"Ann@example.com"}',
        "",
        '{"phone":"+15005550001","user_metadata":"x"}',
        '{"user_metadata":{}}',
        '{"email":"dan@example.com","Mail":"dan2@example.com"}',
        '{"email":"eve@example.com","Mail":null,"E-mail":""}',
        '{"phone":"+15005550002","metadata.plan":1,"User_Metadata.plan":2}',
        '{"phone":"+15005550003","user_metadata":{"a":{"b":[1,-1e999]}}}',
        '{"email":"fay@example.com","phone":"","email":"gus@example.com"}',
        '{"email":"fay@example.com","user_metadata":{"a":{"b":1,"\\u0062":1}}}',
    ]
    path = file_of("bad.jsonl", "\n".join(lines))
    expect(
        run(None, "import", path, "--dry-run"),
        2,
        "line 2: is not JSON",
        "line 3: is not a JSON object",
        'line 4: "email" is not a string',
        'line 5: has a member that is unknown, "team"',
        "line 6: has the e-mail address of line 1",
        'line 8: "user_metadata" is not an object',
        "line 9: has neither",
        'line 10: "Mail" is a second member for the same field',
        'line 12: "User_Metadata.plan" is a second member for the same field',
        'line 13: has a number that is too large in the metadata, "a"',
        'line 14: has two members "email"',
        'line 15: has two members "b"',
        "12 records of 14 cannot",
    )
    expect(run(None, "import", path, "--dry-run", "--skip-bad", "--unknown", "metadata"), 0, "14 records, 3 can be")

    rows = ["email,metadata", 'ann@example.com,"{""a"":1,""a"":2}"', "bob@example.com,[1]", "cy@example.com,{"]
    expect(
        run(None, "import", file_of("bad_metadata.csv", "\n".join(rows)), "--dry-run"),
        2,
        'line 2: "metadata" has two members "a"',
        'line 3: "metadata" is not a JSON object',
        'line 4: "metadata" is not JSON: ',
    )


def hostile_csv():
    header = b"email,note\n"
    row = b"ann@example.com,x\n"
    piece = 100_000
    text = [b"x" * piece] * (given.cell // piece)
    lines = [(b"y" * 99 + b"\n") * (piece // 100)] * (given.cell // piece)
    cases = {
        "nul": (header + b"ann@example.com,a\0b\n" + row, "line 2: contains a NUL byte"),
        "latin1": (header + b"ann@example.com,caf\xe9\n", 'line 2: is not UTF-8 in column "note"'),
        "surrogate": (header + b"ann@example.com,\xed\xa0\x80\n", "line 2: is not UTF-8"),
        "overlong": (header + b"ann@example.com,\xc0\xaf\n", "line 2: is not UTF-8"),
        "utf16": ((header + row).decode().encode("utf-16"), "is UTF-16"),
        "utf16be": ((header + row).decode().encode("utf-16-be"), "is UTF-16"),
        "header_latin1": (b"email,caf\xe9\n", "the header is not UTF-8"),
        "open_at_end": (header + row + b'bob@example.com,"open', "line 3: has a quote that is never closed"),
        "open_in_header": (b'email,"note\n' + row, "the header (line 1) has a quote that is never closed"),
        "large_cell": (
            [header, b'ann@example.com,"', *text, b'"\nbob@example.com,\n'],
            "line 2: is longer than 4 MiB",
        ),
        "never_closed": (
            [header, b'ann@example.com,"', *lines, b"bob@example.com,\n"],
            "line 2: is longer than 4 MiB; perhaps a quote is not closed",
        ),
        "many_fields": (header + b"," * 100_000 + b"\n" + row, "line 2: has more than 1000 fields"),
        "many_columns": (b"email," + b"," * 100_000 + b"\n" + row, "the header (line 1) has more than 1000 fields"),
        "no_name": (b"email,\nann@example.com,x\n", "line 2: has a value in column 2, which has no name"),
        "twice": (b"email,E-Mail\n" + row, 'the columns "email" and "E-Mail" are the same field'),
        "no_email": (b"name,note\n" + row, "no column is an e-mail address or a phone number"),
        "terminal": (b"email,note\n\x1b[2J@,\x1b[2J\n", "line 2: the e-mail address is not"),
        "long_json": (
            [b'{"email":"', *text, b'"}\n{"email":"bob@example.com"}\n'],
            "line 1: is longer than 4 MiB",
        ),
        "deep_json": (b'{"user_metadata":' + b"[" * 100_000 + b"\n", "line 1: is not JSON"),
    }
    for name, (content, message) in cases.items():
        path = file_of(name, content)
        process = start(
            None, "import", path, "--dry-run", "--unknown", "metadata", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        memory = Memory(process)
        said = process.stdout.read().decode() + process.stderr.read().decode()
        status = process.wait()
        check(status == 2 and message in said, f"{name}: status {status}, {said[:2000]}")
        check("\x1b" not in said, f"{name}: a terminal would obey {said!r}")
        check(len(said) < 20_000, f"{name}: says {len(said)} bytes")
        print(f"{name}: {memory.at_end()} KiB")
        path.unlink()


def large_file():
    path = work / "large.csv"
    with path.open("w") as output:
        output.write("Email,Phone,Status,Plan\r\n")
        for i in range(given.rows):
            output.write(f"user{i}@example.com,+1500{i:07},active,plan {i % 7}\r\n")
        output.write("USER5@example.com,,,\r\n")
        output.write(f",+1500{given.rows - 1:07},,\r\n")
    begun = time.monotonic()
    process = start(None, "import", path, "--dry-run", "--unknown", "metadata", stderr=subprocess.PIPE)
    memory = Memory(process)
    said = process.stderr.read().decode()
    check(process.wait() == 2, f"status {process.returncode}: {said}")
    duration = time.monotonic() - begun
    check(f"line {given.rows + 2}: has the e-mail address of line 7" in said, said)
    check(f"line {given.rows + 3}: has the phone number of line {given.rows + 1}" in said, said)
    print(f"{given.rows} rows checked in {duration:.1f} s, {memory.at_end()} KiB")


def existing():
    with emulator("target") as target:
        first = file_of("first.jsonl", '{"email":"ann@example.com","user_metadata":{"a":1,"b":2},"status":"active"}\n')
        expect(run(target, "import", first), 0, "1 user created")
        expect(run(target, "import", first), 0, "first.jsonl.journal says that 1 record was done before")
        ann = target.users()[0]
        changed = '{"email":"Ann@Example.com","phone":"+15005550001","user_metadata":{"b":3},"status":"inactive"}\n'

        expect(run(target, "import", file_of("skip.jsonl", changed)), 0, "0 users created, 1 existed already")
        check(target.users() == [ann], target.users())

        expect(run(target, "import", file_of("fail.jsonl", changed), "--existing", "fail"), 6, "1 refused", ann["id"])
        check(target.users() == [ann], target.users())
        check((work / "fail.failed.jsonl").read_text() == changed, "the record is not in the file of failures")

        expect(run(target, "import", file_of("new.jsonl", changed), "--existing", "update"), 0, "existed and were updated")
        user = target.users()[0]
        check(user["id"] == ann["id"] and user["phone"] == "+15005550001" and user["status"] == "inactive", user)
        check(user["user_metadata"] == {"a": 1, "b": 3}, user)

        # A user of an import that has just ended is not one of this import.
        for how, status, said, plan in (
            ("skip", 0, "0 users created, 1 existed already", "a"),
            ("fail", 6, "0 users created, 1 refused", "a"),
            ("update", 0, "0 users created, 1 existed and were updated", "b"),
        ):
            new = f'{{"email":"{how}@example.com","user_metadata":{{"plan":"%s"}},"status":"%s"}}\n'
            expect(run(target, "import", file_of(f"{how}_a.jsonl", new % ("a", "active"))), 0, "1 user created")
            again = file_of(f"{how}_b.jsonl", new % ("b", "inactive"))
            expect(run(target, "import", again, "--existing", how), status, said)
            user = [user for user in target.users() if user["email"] == f"{how}@example.com"][0]
            kept = {"a": "active", "b": "inactive"}[plan]
            check(user["user_metadata"] == {"plan": plan} and user["status"] == kept, f"{how}: {user}")

        # The server refuses a phone number that another user has.
        expect(run(target, "import", file_of("bob.jsonl", '{"email":"bob@example.com"}\n')), 0)
        path = file_of("taken.jsonl", '{"email":"bob@example.com","phone":"+15005550001"}\n{"email":"cy@example.com"}\n')
        expect(run(target, "import", path, "--existing", "update"), 6, "1 user created, 1 refused", "line 1: update_user: 400")
        expect(run(target, "import", path, "--existing", "update"), 6, "0 users created", "taken.failed.jsonl")

        # The server refuses to set a status.
        path = file_of("status.jsonl", '{"email":"dan@example.com","status":"inactive"}\n{"email":"eve@example.com"}\n')
        with emulator("refusing", "--fault", "error=409,route=PATCH /users/{id}/deactivate") as refusing:
            expect(run(refusing, "import", path), 6, "1 user created, 1 refused", "line 1: user ", "deactivate_user: 409")
            check(len(refusing.users()) == 2, refusing.users())
            failed = (work / "status.failed.jsonl").read_text()
            check(failed == path.read_text().splitlines(True)[0], f"failed: {failed}")

        # A summary for scripts.
        summary = json.loads(run(target, "import", file_of("json.jsonl", changed), "--json").out)
        check(summary["existed"] == 1 and summary["left"] == 0, summary)


def numbers():
    """Metadata is carried over without a change of a number."""
    doubles = [dice.uniform(-180, 180) for _ in range(200)]
    doubles += [dice.uniform(1, 10) * 10.0 ** dice.randint(-300, 300) for _ in range(200)]
    doubles += [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -0.0]
    metadata = {"doubles": doubles, "integers": [0, -(2**63), 2**64 - 1]}
    line = json.dumps({"email": "ann@example.com", "user_metadata": metadata}) + "\n"
    with emulator("target") as target:
        expect(run(target, "import", file_of("numbers.jsonl", line)), 0, "1 user created")
        ann = target.users()[0]
        check(ann["user_metadata"] == metadata, f"{ann['user_metadata']} in place of {metadata}")
        for form in ("jsonl", "csv"):
            path = file_of(f"own.{form}", run(target, "export", "--format", form).out)
            expect(run(target, "import", path, "--existing", "update"), 0, "0 users created")
            check(target.users() == [ann], f"{target.users()} in place of {ann}")


def lost_answers():
    """The server acts and does not say so, refuses and throttles: nobody is created twice."""
    count = given.users // 30
    kept = ("--data", work / "users.db", "--api-key", "key", "--app", "app")
    faults = ("--fault", "reset@0.05", "--fault", "error=503@0.1", "--fault", f"throttle={2 * count}/s,retry-after=1")
    users = work / "users.jsonl"
    journal = work / "users.jsonl.journal"
    with emulator("source", "--seed", count) as source:
        with emulator("target", *kept, *faults) as target:
            with users.open("wb") as output:
                check(start(source, "export", stdout=output).wait(PATIENCE) == 0, "no export")
            expect(run(target, "import", users, "--window", 8), 0, "users created")
            check(results(journal) == {"created": count}, results(journal))
        with emulator("target", *kept) as target:
            check(expect_equal(source, target) == count, "some are missing")


def outage():
    """The server goes away while users are imported, and comes back."""
    arguments = ("--data", work / "users.db", "--api-key", "key", "--app", "app")
    with emulator("source", "--seed", 300) as source, emulator("target", *arguments) as target:
        users = work / "users.jsonl"
        journal = work / "users.jsonl.journal"
        with users.open("wb") as output:
            check(start(source, "export", stdout=output).wait(PATIENCE) == 0, "no export")
        process = start(target, "import", users, "--rate", 200, stdout=subprocess.PIPE)
        wait_for_results(journal, process, 50)
        target.process.kill()
        target.process.wait()
        time.sleep(1)
        target.start("--port", target.port)
        out, _ = process.communicate(timeout=PATIENCE)
        check(process.returncode == 0, out)
        expect_equal(source, target)
        check(results(journal) == {"created": 300}, results(journal))


def interrupted():
    with emulator("source", "--seed", 1000) as source, emulator("target") as target:
        users = work / "users.jsonl"
        journal = work / "users.jsonl.journal"
        with users.open("wb") as output:
            check(start(source, "export", stdout=output).wait(PATIENCE) == 0, "no export")

        process = start(target, "import", users, "--rate", 500, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for_results(journal, process, 100)

        # Nobody else may use its journal meanwhile.
        expect(run(target, "import", users), 2, "another import uses it")

        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        check(process.returncode == 130 and "run the same command again to continue" in err, f"{process.returncode}: {out}{err}")

        # The journal is for this input, this server and this app.
        text = journal.read_text()
        other = work / "other.jsonl"
        other.write_bytes(users.read_bytes() + b"\n")
        expect(run(target, "import", other, "--journal", journal), 2, "the input has changed")
        expect(run(source, "import", users, "--app-id", "other"), 2, "is that of another import")
        check(journal.read_text() == text, "a refused import changed the journal")

        # And for these options.
        for different in (("--map", "id=metadata.old id"), ("--unknown", "skip"), ("--existing", "update")):
            expect(run(target, "import", users, *different), 2, "is that of another import: the options were others")
        check(journal.read_text() == text, "a refused import changed the journal")

        # The first journals did not have the options.
        text = text.replace("\noptions default\n", "\n")

        # A line that was never written to its end does not count.
        journal.write_text(text + "17 crea")
        expect(run(target, "import", users), 0, "were done before")
        expect_equal(source, target)
        check(results(journal) == {"created": 1000}, results(journal))

        # No other file is taken for a journal.
        for content in ("precious", "precious\n", "email\nann@example.com\n"):
            precious = file_of("precious.txt", content)
            expect(run(target, "import", users, "--journal", precious), 2, "is not a journal")
            check(precious.read_text() == content, "it was changed")

        # A file of names that the server could not be asked for is not begun.
        fresh = file_of("fresh.jsonl", '{"email":"ann@example.com"}\n')
        gone = dict(target.environment)
        target.environment["PASSAGE_BASE_URL"] = "https://localhost:1/v1"
        expect(run(target, "import", fresh), 5)
        check(not (work / "fresh.jsonl.journal").exists(), "there is a journal of nothing")
        target.environment = gone

    with emulator("target") as target:
        # Standard input goes on, too: from the copy, or when it is the same once more.
        for again in ("copy", "same"):
            journal = work / f"{again}.journal"
            with users.open("rb") as standard_input:
                process = start(
                    target,
                    *("import", "-", "--journal", journal, "--rate", 500, "--map", "id=metadata.old id"),
                    stdin=standard_input,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                wait_for_results(journal, process, 50)
                process.send_signal(signal.SIGTERM)
                _, err = process.communicate(timeout=PATIENCE)
            check(process.returncode == 143, f"{process.returncode}: {err}")
            copy = work / f"{again}.journal.input"
            check(f"run `passagectl import {copy} --journal {journal}` with the same other options to continue" in err, err)
            check(copy.read_bytes() == users.read_bytes() and copy.stat().st_mode & 0o077 == 0, "it is no private copy")
            more = ("--journal", journal, "--map", "id=metadata.old id")
            if again == "copy":
                expect(run(target, "import", copy, "--journal", journal), 2, "--map 'id=metadata.old id'")
                expect(run(target, "import", copy, *more), 0, "were done before")
            else:
                with users.open("rb") as standard_input:
                    expect(run(target, "import", "-", *more, stdin=standard_input), 0, "were done before")
            check(not copy.exists(), "the copy is still there")
        check(len(carried(target.users())) == 1000, "some are missing, or there twice")
        check(all("old id" in user["user_metadata"] for user in target.users()), "some have no old id")

    with emulator("source", "--seed", 3000, "--fault", "latency=50") as source:
        process = start(source, "export", "--window", 8, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [process.stdout.readline()]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
        err = process.stderr.read()
        check(process.wait(PATIENCE) == 130 and b"incomplete" in err, f"{process.returncode}: {err}")
        check(len(lines) < 3000, "it was not interrupted")
        check(f"incomplete: it has {len(lines):,} users".encode() in err, f"{len(lines)} lines: {err}")
        for line in lines:
            json.loads(line)

    # Options of exports.
    with emulator("formulas") as target:
        expect(run(target, "import", file_of("f.jsonl", '{"email":"=1@example.com","phone":"+15005550001"}')), 0)
        row = run(target, "export", "--format", "csv", "--spreadsheet").out.splitlines()[1]
        check(",'=1@example.com," in row and ",'+15005550001," in row, row)


def changed_input():
    """Somebody writes to the input while it is imported."""
    count = 4000  # more than is read ahead
    lines = [json.dumps({"email": f"user{i:05}@example.com"}) + "\n" for i in range(count)]

    def grow(path):
        with path.open("a") as output:
            output.writelines(line.replace("user", "other") for line in 10 * lines)

    def edit(path):
        with path.open("r+") as output:
            output.seek(len("".join(lines[:3000])))
            output.write(lines[3001])

    for change in (grow, edit):
        path = file_of(f"{change.__name__}.jsonl", "".join(lines))
        journal = work / f"{path.name}.journal"
        with emulator(f"target_{change.__name__}") as target:
            process = start(
                target,
                *("import", path, "--rate", 500, "--window", 8),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            wait_for_results(journal, process, 10)
            process.send_signal(signal.SIGSTOP)
            change(path)
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=PATIENCE)
            ended = expect(Ended(process.returncode, out, err), 1, f"{path} has changed since it was checked", " left")
            created = results(journal)["created"]
            check(10 <= created < 3000 and f"{created:,} users created" in ended.out, f"{created} created: {ended}")
            check({user["email"] for user in target.users()} <= {json.loads(line)["email"] for line in lines}, "others")
            # Users that exist are skipped.
            expect(run(target, "import", path, "--skip-bad"), 2, "the input has changed")

    # It changes when all of it has been read, and before the records that failed are copied.
    path = file_of("late.jsonl", '{"email":"no address"}\n{"email":"ann@example.com"}\n')
    journal = work / "late.jsonl.journal"
    kept = ("--data", work / "late.db", "--app", "app", "--api-key", "key")
    with emulator("target_late", *kept, "--fault", "error=503,route=POST /users") as target:
        process = start(
            target, "import", path, "--skip-bad", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and not (journal.exists() and "\nasked " in journal.read_text()):
            time.sleep(0.01)
        path.write_text('{"email":"ann@example.com"}\n{"email":"no address"}\n{}\n{}\n')
        target.stop()
        target.arguments = (*kept, "--port", target.port)
        target.start()
        out, err = process.communicate(timeout=PATIENCE)
        expect(Ended(process.returncode, out, err), 1, "1 user created", f"{path} has changed since it was checked")
        check(not list(work.glob("late.failed.jsonl*")), "records of another input were copied")


def standard_input():
    """Two imports of standard input in one folder, and one that is ended while it copies."""

    def write(process, name):
        for i in range(5000):  # more than a pipe holds
            process.stdin.write(json.dumps({"email": f"{name}{i}@example.com"}).encode() + b"\n")
        process.stdin.flush()

    def begin(where, name):
        """Starts an import that has copied a part of its input."""
        process = start(where, "import", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        write(process, name)
        return process

    def end(process):
        out, err = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, out.decode(), err.decode())

    journal = work / "passagectl-import.journal"
    with emulator("first") as first, emulator("second") as second:
        before = set(work.iterdir())
        processes = begin(first, "first"), begin(second, "second")
        write(processes[0], "more")
        expect(end(processes[1]), 0, "5,000 users created")
        expect(end(processes[0]), 2, "is that of another import")
        check(not first.users(), "the first app has users of the second one")
        check(all(user["email"].startswith("second") for user in second.users()), "the second app has other users")
        check(set(work.iterdir()) == before | {journal}, f"left: {set(work.iterdir()) - before}")

        process = begin(first, "third")
        process.terminate()
        check(process.wait(PATIENCE) == -signal.SIGTERM, "it was not ended")
        process.stdin.close()
        check(set(work.iterdir()) == before | {journal}, f"left: {set(work.iterdir()) - before}")


def failures_file():
    """A file for the records that fail, which cannot be written, is refused before anything is sent."""
    text = '{"email":"ann@example.com"}\n{"email":"no address"}\n'
    with emulator("target") as target:
        users = file_of("users.jsonl", text)
        (work / "folder").mkdir()
        (work / "link").symlink_to("users.jsonl")
        os.mkfifo(work / "pipe")
        for failures, why in (
            ("/nonexistent/failed.jsonl", "/nonexistent/failed.jsonl cannot be written"),
            ("folder", "folder is not a regular file"),
            ("pipe", "pipe is not a regular file"),
            ("./users.jsonl", "is the input"),
            ("link", "link is the input"),
            ("./users.jsonl.journal", "is the journal"),
        ):
            before = sorted(work.iterdir())
            expect(run(target, "import", users, "--skip-bad", "--failures", failures), 2, why)
            check(sorted(work.iterdir()) == before, f"{failures}: {sorted(work.iterdir())}")
        check(not target.users() and users.read_text() == text, "something was changed")
        expect(run(target, "import", users, "--skip-bad", "--failures", "failed"), 6, "1 user created")
        check((work / "failed").read_text() == text.splitlines(True)[1], "other records are in the file of failures")


def throttled():
    """The server takes nothing for a long time, and says that it throttles."""
    arguments = ("--data", work / "users.db", "--api-key", "key", "--app", "app")
    users = file_of("users.jsonl", '{"email":"ann@example.com"}\n{"email":"bob@example.com"}\n')
    throttle = ("--fault", "throttle=0.0001/s,retry-after=0,route=POST /users")
    with emulator("target", *arguments, *throttle) as target:
        process = start(target, "import", users, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        # A call makes three attempts, and a batch of the library nine calls.
        while process.poll() is None and target.creations()["429"] < 30:
            time.sleep(0.01)
        target.stop()
        target.arguments = arguments
        target.start("--port", target.port)
        out, _ = process.communicate(timeout=PATIENCE)
        check(process.returncode == 0, out)
        check(len(target.users()) == 2, target.users())


def patience():
    """An outage begins at the first call that fails, however long ago the last answer was."""
    arguments = ("--data", work / "users.db", "--api-key", "key", "--app", "app")
    users = file_of("users.jsonl", '{"email":"ann@example.com"}\n{"email":"bob@example.com"}\n')
    with emulator("target", *arguments) as target:
        process = start(target, "import", users, "--rate", 0.016, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_for_results(work / "users.jsonl.journal", process, 1)
        target.stop()
        with socket.create_server(("127.0.0.1", target.port)) as listener:
            listener.settimeout(PATIENCE)
            for _ in range(4):  # more than one call makes
                listener.accept()[0].close()
        target.start("--port", target.port)
        out, _ = process.communicate(timeout=PATIENCE)
        check(process.returncode == 0, out)
        check(len(target.users()) == 2, target.users())


cases = {
    case.__name__: case
    for case in (
        round_trip,
        killed,
        shapes,
        bad_rows,
        closed_streams,
        hostile_csv,
        large_file,
        existing,
        numbers,
        lost_answers,
        outage,
        interrupted,
        changed_input,
        standard_input,
        failures_file,
        throttled,
        patience,
    )
}
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
try:
    cases[given.case]()
finally:
    for process in started:
        process.kill()  # one that has ended takes no notice
shutil.rmtree(work)
