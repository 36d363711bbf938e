"""ctl_test.py CASE PASSAGECTL EMULATOR SOURCE: passagectl as its users run it, against the emulator."""

import base64
import contextlib
import datetime
import fcntl
import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.request

# No proxy of the shell's is meant, here or in passagectl.
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

CASE, PASSAGECTL, EMULATOR, SOURCE = sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
PATIENCE = 60
# The key of all tests; what they print is searched for it.
KEY = re.search(r'"(psg_canary_\w+)"', (SOURCE / "test/support/canary.hpp").read_text())[1]
OK, FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE, PARTLY_FAILED = range(7)


def check(good, what):
    if not good:
        sys.exit(f"{CASE}: {str(what).replace(KEY, '(the key)')}")


def check_equal(seen, meant, what=""):
    check(seen == meant, f"{what}: {seen!r} is not {meant!r}")


class Emulator:
    """A running emulator. `environment` points clients at it."""

    def __init__(self, folder, *options):
        self.env_file = folder / "passage.env"
        self.process = subprocess.Popen(
            [EMULATOR, "--app", "demo", "--api-key", KEY, "--env-out", self.env_file, "--ca-out", folder / "ca.pem", *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.environment = {}
        for line in self.process.stdout:
            if line.startswith("#"):
                break
            name, _, value = line.removeprefix("export ").strip().partition("=")
            self.environment[name] = value.strip("'")
        check(self.environment, "the emulator did not start")
        self.url = self.environment["PASSAGE_BASE_URL"]
        self.port = int(self.url.rpartition(":")[2].removesuffix("/v1"))
        self.context = ssl.create_default_context(cafile=folder / "ca.pem")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def call(self, method, path, body=None):
        """A request without passagectl; the JSON of its answer."""
        request = urllib.request.Request(
            self.url.removesuffix("/v1") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {KEY}", "User-Agent": "test", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, context=self.context, timeout=PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def plant(self, **user):
        return self.call("POST", "/admin/apps/demo/users", user)["user"]["id"]

    def user(self, identity):
        return self.call("GET", f"/v1/apps/demo/users/{identity}")["user"]

    def users(self):
        page = self.call("GET", "/v1/apps/demo/users?limit=500")
        return {user["id"]: user for user in page["users"]}


def environment_of(variables):
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}


class Result:
    def __init__(self, code, out, err):
        check(KEY not in out + err, "the API key is printed")
        self.code, self.out, self.err = code, out, err

    def lines(self):
        """The JSON objects it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    def line(self):
        lines = self.lines()
        check_equal(len(lines), 1, f"lines in {self.out!r}")
        return lines[0]


def run(variables, *words, stdin="", code=OK):
    """Runs passagectl without a terminal, and checks its exit status."""
    done = subprocess.run(
        [PASSAGECTL, *map(str, words)],
        env=environment_of(variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        start_new_session=True,
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    check_equal(result.code, code, f"exit status of {' '.join(map(str, words))}: {result.out}{result.err}")
    return result


def run_at_terminal(variables, *words, answer="", columns=80):
    """Runs passagectl with a terminal for everything; gives the answer once it asks."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [PASSAGECTL, *map(str, words)],
        env=environment_of(variables) | {"TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's end
        while True:
            check(select.select([master], [], [], PATIENCE)[0], f"silent after {shown!r}")
            shown += os.read(master, 65536)
            if answer and shown.endswith(b"[y/N] "):
                os.write(master, answer.encode())
                answer = ""
    os.close(master)
    return Result(process.wait(PATIENCE), shown.decode().replace("\r\n", "\n"), "")


def moment(text):
    """A time of the API, however many digits it has."""
    digits = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", text)
    check(digits, f"{text} is no time")
    return datetime.datetime.fromisoformat(digits[1]), (digits[2] or "").ljust(6, "0")[:6]


def comparable(value, name=""):
    """JSON with times in one form, and null as what passagectl has for it."""
    if isinstance(value, dict):
        return {key: comparable(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if name.endswith("_at") and value is not None:
        return moment(value)
    return value


def same_user(seen, meant):
    meant = {**{"external_id": "", "user_metadata": {}}, **{k: v for k, v in meant.items() if v is not None}}
    check_equal(comparable(seen), comparable(meant), "user")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as `reply(handler)` does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.reply(self)

    do_CONNECT = do_POST = do_GET

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", **fields):
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def server(reply, context=None):
    """An HTTP server on a free port, over TLS with a context."""
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    listening.reply = reply
    if context:
        # The handshake is made by the thread of the connection.
        listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    listening.handle_error = lambda *_: None
    thread = threading.Thread(target=listening.serve_forever, args=[0.01])
    thread.start()
    try:
        yield listening.server_address[1]
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def closed_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def certificate(folder, name, days):
    """A self-signed certificate and its key: the file of the first, and a context for servers."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}")
    openssl("x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-days", str(days), "-copy_extensions", "copy",
            "-out", "certificate.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem", context


def token_of(folder, claims):
    """A token that has these claims as they are written, and the keys that it is checked with."""
    def openssl(*words, **more):
        return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder, **more).stdout

    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    openssl("genrsa", "-out", "token.pem", "2048")
    modulus = openssl("rsa", "-in", "token.pem", "-noout", "-modulus").decode().strip().removeprefix("Modulus=")
    signed = encoded(b'{"alg":"RS256","kid":"1"}') + "." + encoded(claims.encode())
    signature = openssl("dgst", "-sha256", "-sign", "token.pem", input=signed.encode())
    key = {"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
    return f"{signed}.{encoded(signature)}", json.dumps({"keys": [key]}).encode()


def exit_codes(folder):
    with Emulator(folder, "--seed", "3") as emulator:
        env = emulator.environment
        ids = list(emulator.users())
        check(run(env, "--version").out.startswith("passagectl "), "no version")
        check("users" in run(env, "--help").out, "no help")
        run(env, "users", "get", ids[0])

        for words in ([], ["users"], ["fly"], ["users", "list", "--fly"], ["users", "list", "--limit", "0"],
                      ["users", "list", "--filter", "size>3"], ["users", "list", "--filter", "status>active"],
                      ["users", "list", "--filter", "identifier==jane@example.com"], ["users", "list", "--filter", "id=~a%"],
                      ["users", "list", "--order-by", "identifier"], ["users", "list", "--created-before", "today"],
                      ["users", "create", "--email", "a@b.c", "--metadata", "plan"], ["users", "create"],
                      ["users", "create", "--email", "a@b.c", "--metadata", '{"plan":1,"plan":2}'],
                      ["users", "update", ids[0]], ["users", "get", "."], ["users", "get", "x" * 300],
                      ["users", "list", "--proxy", "http://u:p@h"],
                      ["export", "--spreadsheet"], ["export", "--spreadsheet", "--format", "jsonl"],
                      ["magic-link", "create"], ["magic-link", "create", "--user", ids[0]],
                      ["magic-link", "create", "--email", "a@b.c", "--channel", "phone"]):
            result = run(env, *words, code=USAGE)
            check(result.err and not result.out, f"{words}: {result.out}{result.err}")

        for changed, code in (({"PASSAGE_APP_ID": ""}, USAGE), ({"PASSAGE_API_KEY": "wrong"}, REFUSED)):
            check_equal(run(env | changed, "export", "--format", "csv", code=code).out, "", "a failed export")

        run(env | {"PASSAGE_API_KEY": "wrong"}, "users", "list", code=REFUSED)
        emulator.plant(email="taken@example.com", id="taken")
        run(env, "users", "create", "--email", "taken@example.com", code=REFUSED)
        run(env, "users", "get", "nobody", code=NOT_FOUND)
        run(env, "users", "find", "nobody@example.com", code=NOT_FOUND)
        run(env, "devices", "delete", ids[0], "none", "--yes", code=NOT_FOUND)
        down = run(env | {"PASSAGE_BASE_URL": f"https://localhost:{closed_port()}/v1"}, "users", "list", code=UNREACHABLE)
        check("passagectl doctor" in down.err, down.err)

        partly = run(env, "users", "delete", "--yes", ids[0], "nobody", ids[1], code=PARTLY_FAILED)
        check_equal(partly.out, f"deleted {ids[0]}\ndeleted {ids[1]}\n", "successes")
        check_equal(len(partly.err.splitlines()), 1, f"lines of failures: {partly.err}")
        check("nobody" in partly.err and "user_not_found" in partly.err, partly.err)
        check_equal(set(emulator.users()), {ids[2], "taken"}, "users that are left")
        # All of them fail for the same reason.
        run(env, "users", "get", "nobody", "noone", code=NOT_FOUND)

        with open("/dev/full", "w") as full:
            done = subprocess.run([PASSAGECTL, "users", "list"], env=environment_of(env), stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        check_equal(done.returncode, FAILED, "exit status with a full disk")
        check("cannot be written" in done.stderr, done.stderr)

    with Emulator(folder, "--fault", "error=503") as emulator:
        run(emulator.environment, "users", "list", code=UNREACHABLE)


def json_lines(folder):
    with Emulator(folder, "--seed", "700") as emulator:
        env = emulator.environment
        newest = run(env, "users", "list", "--json", "--limit", 5, "--order-by", "created_at:desc,id").lines()
        check_equal(len(newest), 5, "users on a page")
        check_equal(newest, sorted(newest, key=lambda user: user["created_at"], reverse=True), "order")

        everyone = run(env, "users", "list", "--json", "--all").lines()
        check_equal(len({user["id"] for user in everyone}), 700, "users")
        page = emulator.users()
        for user in everyone:
            if user["id"] in page:
                same_user(user, page[user["id"]])

        active = run(env, "users", "list", "--json", "--all", "--filter", "status=active", "--filter", "login_count>3").lines()
        meant = {user["id"] for user in everyone if user["status"] == "active" and user["login_count"] > 3}
        check_equal({user["id"] for user in active}, meant, "filtered users")
        check(0 < len(meant) < 700, "the filter selects nothing in particular")
        early = sorted(user["created_at"] for user in everyone)[350]
        before = run(env, "users", "list", "--json", "--all", "--filter", f"created_at<{early}").lines()
        check_equal({u["id"] for u in before}, {u["id"] for u in everyone if u["created_at"] < early}, "earlier users")

        ids = [user["id"] for user in everyone[:40]]
        seen = run(env, "users", "get", "--json", "-", stdin="\n".join(ids + ids) + "\n").lines()
        check_equal([user["id"] for user in seen], ids, "order of the input")
        for user in seen[:5]:
            same_user(user, emulator.user(user["id"]))

        created = run(env, "users", "create", "--json", "--email", "jane@example.com", "--metadata", "plan=pro",
                      "--metadata", "seats:=5", "--metadata", '{"beta":true}',
                      "--metadata", "longitude:=-126.41228839374281").line()
        same_user(created, emulator.user(created["id"]))
        check_equal(created["user_metadata"], {"plan": "pro", "seats": 5, "beta": True, "longitude": -126.41228839374281},
                    "metadata")
        jane = created["id"]
        check_equal(run(env, "users", "find", "--json", "jane@example.com").line()["id"], jane, "found user")
        changed = run(env, "users", "update", "--json", jane, "--phone", "+15005550007", "--clear-email").line()
        check_equal((changed["email"], changed["phone"]), ("", "+15005550007"), "changed user")
        for word, status in (("deactivate", "inactive"), ("activate", "active")):
            check_equal(run(env, "users", word, "--json", jane).line()["status"], status, word)
            check_equal(emulator.user(jane)["status"], status, word)

        device = emulator.call("POST", f"/admin/apps/demo/users/{jane}/devices", {"friendly_name": "Key"})
        emulator.call("POST", f"/admin/apps/demo/users/{jane}/events", {"type": "passkey_login"})
        emulator.call("PUT", f"/admin/apps/demo/users/{jane}/social/github", {"provider_identifier": "jane"})
        same_user(run(env, "users", "get", "--json", jane).line(), emulator.user(jane))
        listed = run(env, "devices", "list", "--json", jane).line()
        check_equal(comparable(listed), comparable(emulator.user(jane)["webauthn_devices"][0]), "device")
        check(device, "no device")
        removed = run(env, "devices", "delete", "--json", "--yes", jane, listed["id"]).line()
        check_equal(removed, {"device_id": listed["id"], "deleted": True}, "deleted device")
        check_equal(emulator.user(jane)["webauthn_devices"], [], "devices")

        token = emulator.call("POST", f"/admin/apps/demo/users/{jane}/tokens", {})["token"]
        check_equal(run(env, "tokens", "verify", "--json", stdin=token).line()["sub"], jane, "claims")
        # Claims are printed as they were signed, but on one line, and no terminal obeys them.
        claims = (f'{{\n\t"sub": "jane",\r\n\t"aud": "demo", "exp": {int(time.time()) + 600},\n'
                  '\t"x": [1e400, -126.41228839374281, 123456789012345678901234567890, "\x9bé"]}')
        token, keys = token_of(folder, claims)
        with server(lambda handler: handler.send(200, keys)) as port:
            verified = run(env | {"PASSAGE_AUTH_URL": f"http://127.0.0.1:{port}"}, "tokens", "verify", "--json", stdin=token)
        check_equal(verified.out, re.sub(r"[\n\r\t]", " ", claims).replace("\x9b", "\\u009b") + "\n", "claims")
        expired = emulator.call("POST", f"/admin/apps/demo/users/{jane}/tokens", {"exp": 1600000000})["token"]
        check("expired" in run(env, "tokens", "verify", stdin=expired, code=REFUSED).err, "not called expired")
        check_equal(run(env, "tokens", "revoke", "--json", "-y", jane).line(), {"user_id": jane, "revoked": True}, "revoked")

        link = run(env, "magic-link", "create", "--json", "--user", jane, "--channel", "phone", "--ttl", 7).line()
        check_equal((link["user_id"], link["ttl"], link["app_id"]), (jane, 7, "demo"), "magic link")
        check(link["secret"] in link["url"], "the link has no secret")
        app = run(env, "app", "--json").line()
        meant = emulator.call("GET", "/v1/apps/demo")["app"]
        for name in app.keys() & meant.keys():
            if isinstance(meant[name], (str, bool, int)) and not name.endswith("_at"):
                check_equal(app[name], meant[name], f"app: {name}")

        failed = run(env, "users", "delete", "--json", "--yes", jane, "nobody", code=PARTLY_FAILED).lines()
        check_equal(failed[0], {"user_id": jane, "deleted": True}, "deleted user")
        check_equal((failed[1]["item"], failed[1]["http_status"], failed[1]["api_code"]),
                    ("nobody", 404, "user_not_found"), "failed user")

        # What is not UTF-8 does not make the JSON invalid, nor lets a terminal obey what is behind it.
        for item, shown in (("\udcff", "\ufffd"), ("\udcf0\x9bx", "\ufffd\x9bx")):
            failed = run(env, "users", "get", "--json", item, code=USAGE)
            check_equal(failed.line()["item"], shown, "item")
            check("\x9b" not in failed.out, repr(failed.out))


EVIL = "a\x1b]0;title\x07b\x9b31mc\u202ed\x7fe\r\x08f"


def terminal(folder):
    with Emulator(folder) as emulator:
        env = emulator.environment
        wide = emulator.plant(email="wide@example.com", login_count=1, user_metadata={"name": "日本語" * 30, "é": "e\u0301"})
        evil = emulator.plant(email="evil@example.com", user_metadata={"text": EVIL})
        emulator.call("POST", f"/admin/apps/demo/users/{evil}/devices", {"friendly_name": EVIL})
        emulator.call("POST", f"/admin/apps/demo/users/{evil}/devices", {"friendly_name": "日本語の名前" * 20})

        for words in (["users", "list"], ["users", "get", evil, wide], ["devices", "list", evil]):
            for json_option in ([], ["--json"]):
                for shown in (run(env, *words, *json_option).out, run_at_terminal(env, *words, *json_option).out):
                    # What the program itself colours.
                    shown = shown.replace("\x1b[1m", "").replace("\x1b[0m", "")
                    bad = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
                    check(not bad, f"{words}: {bad} in {shown!r}")
        check_equal(run(env, "users", "get", "--json", evil).line()["user_metadata"], {"text": EVIL}, "metadata")

        def columns_of(line):
            return sum(2 if character in "日本語の名前" else 1 for character in re.sub("\x1b\\[[0-9]*m", "", line))

        for columns in (80, 120):
            for words in (["users", "list"], ["devices", "list", evil]):
                shown = run_at_terminal(env, *words, columns=columns).out
                check(all(columns_of(line) <= columns for line in shown.splitlines()), f"{columns} columns: {shown}")
                check(evil in shown or words[0] == "devices", f"an id is cut: {shown}")
        check("CREATED" in run_at_terminal(env, "users", "list", columns=200).out, "a column is left out")
        check("\x1b" not in run_at_terminal(env | {"NO_COLOR": "1"}, "users", "list").out, "coloured")

        # Questions.
        without = run(env, "users", "delete", evil, code=USAGE)
        check("--yes" in without.err, without.err)
        for answer in ("n\n", "\n", "\x04"):
            refused = run_at_terminal(env, "users", "delete", evil, answer=answer)
            check_equal(refused.code, FAILED, f"exit status after {answer!r}")
            check(f"Delete user {evil} (evil@example.com)? " in refused.out, refused.out)
            check("nothing was done" in refused.out, refused.out)
        check(evil in emulator.users(), "deleted without a yes")
        accepted = run_at_terminal(env, "users", "delete", evil, wide, answer="y\n")
        check("Delete 2 users?" in accepted.out, accepted.out)
        check_equal((accepted.code, emulator.users()), (OK, {}), "after the answer yes")


def endings(folder):
    def interrupt(words, number):
        asked = threading.Event()
        ended = threading.Event()

        def keep_waiting(handler):
            asked.set()
            ended.wait(PATIENCE)
            handler.close_connection = True

        # A server for each process: a late request of the process before must not look like its own.
        with server(keep_waiting) as port:
            env = {"PASSAGE_APP_ID": "demo", "PASSAGE_API_KEY": KEY, "PASSAGE_BASE_URL": f"http://127.0.0.1:{port}"}
            process = subprocess.Popen([PASSAGECTL, *words], env=environment_of(env), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            check(asked.wait(PATIENCE), "no request came")
            check(KEY.encode() not in pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes(), "key in the arguments")
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE)
            check_equal(process.returncode, 128 + number, f"{words}: {err}")
            ended.set()
        return err

    for words in (["users", "list"], ["users", "list", "--all"], ["users", "get", "a", "b"],
                  ["users", "create", "--email", "a@example.com"], ["doctor"]):
        for number in (signal.SIGINT, signal.SIGTERM):
            err = interrupt(words, number)
            # The user may have been created.
            check_equal("effect unknown" in err, words != ["doctor"], f"{words}: {err}")

    with Emulator(folder, "--seed", "2000") as emulator:
        for options in ([], ["--json"]):
            process = subprocess.Popen([PASSAGECTL, "users", "list", "--all", *options],
                                       env=environment_of(emulator.environment), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            check(process.stdout.readline(), "no line")
            process.stdout.close()
            check_equal(process.stderr.read(), "", "messages after `| head`")
            process.stderr.close()
            check_equal(process.wait(PATIENCE), -signal.SIGPIPE, "end after `| head`")


def settings(folder):
    with Emulator(folder, "--seed", "1") as emulator:
        env = emulator.environment
        only_path = {}
        run(only_path, "users", "list", "--env-file", emulator.env_file)
        run(only_path, "--env-file", emulator.env_file, "users", "list")

        text = emulator.env_file.read_text()
        plain = folder / "plain.env"
        plain.write_text("# a comment\n\n" + text.replace("export ", "  ").replace("'", '"') + "OTHER=a\\ b # comment\r\n")
        run(only_path, "--env-file", plain, "users", "list")
        # The file is not executed, and what a shell would do with it is refused.
        for line in ("X=$(touch made)", "X=`touch made`", 'X="$HOME"', "X=a b", "X='a", 'X="a', "X=a\\", "touch made", "X=~",
                     "1X=a", "=a", "X = a", "export", "X=a;b"):
            bad = folder / "bad.env"
            bad.write_text(text + line + "\n")
            result = run(only_path, "--env-file", bad, "users", "list", code=USAGE)
            number = text.count("\n") + 1
            check(f"bad.env: line {number} " in result.err and line not in result.err, result.err)
        check(not (folder / "made").exists() and not pathlib.Path("made").exists(), "the file is executed")
        run(only_path, "--env-file", folder / "none.env", "users", "list", code=USAGE)

        for name in ("PASSAGE_APP_ID", "PASSAGE_API_KEY", "PASSAGE_BASE_URL"):
            missing = run({k: v for k, v in env.items() if k != name}, "users", "list", code=USAGE)
            check(name in missing.err, missing.err)

        key_file = folder / "key"
        key_file.write_text(KEY + "\n")
        run(env | {"PASSAGE_API_KEY": "wrong"}, "users", "list", "--api-key-file", key_file)
        run(env | {"PASSAGE_API_KEY": ""}, "users", "list", "--api-key-file", key_file)
        run(env, "users", "list", "--api-key-file", folder / "none", code=USAGE)
        run(env, "users", "list", "--api-key-file", "/dev/null", code=USAGE)
        for option in ("--api-key-file", "--env-file"):
            err = run(env, "users", "list", option, folder, code=USAGE).err
            check(f"{option}: {folder}: " in err, err)
        check("--api-key " not in run(env, "--help").out, "the key is an option")

        # Options take precedence over the file, and the file over the environment.
        run(env | {"PASSAGE_APP_ID": "other", "PASSAGE_BASE_URL": "https://localhost:1"}, "users", "list", "--env-file", plain)
        run(env | {"PASSAGE_APP_ID": "other"}, "users", "list", "--app-id", "demo")
        run(env, "users", "list", "--env-file", plain, "--app-id", "other", code=REFUSED)
        run(env | {"PASSAGE_CA_FILE": ""}, "users", "list", code=UNREACHABLE)
        run(env | {"PASSAGE_CA_FILE": ""}, "users", "list", "--ca-file", env["PASSAGE_CA_FILE"])
        run(env, "users", "list", "--ca-file", folder / "none.pem", code=USAGE)
        for version in ("auto", "1.1", "2"):
            run(env, "users", "list", "--http-version", version)
        run(env, "users", "list", "--http-version", "3", code=USAGE)
        run(env, "users", "list", "--proxy", f"http://127.0.0.1:{closed_port()}", code=UNREACHABLE)
        run(env | {"all_proxy": "http://127.0.0.1:1", "no_proxy": ""}, "users", "list", "--no-proxy")
        # The options take precedence over variables that the library refuses, too.
        for variables in ({"all_proxy": "socks5h://127.0.0.1:1"}, {"HTTPS_PROXY": "http://h:1", "NO_PROXY": "192.168.*"}):
            run(env | variables, "users", "list", code=USAGE)
            run(env | variables, "users", "list", "--no-proxy")
            run(env | variables, "users", "list", "--proxy", f"http://127.0.0.1:{closed_port()}", code=UNREACHABLE)

    with Emulator(folder, "--address", "127.0.0.5") as emulator:
        run(emulator.environment, "users", "list")

    path = folder / "socket"
    with subprocess.Popen([EMULATOR, "--app", "demo", "--api-key", KEY, "--unix-socket", path], stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            variables = {}
            for line in process.stdout:
                if line.startswith("#"):
                    break
                name, _, value = line.removeprefix("export ").strip().partition("=")
                variables[name] = value.strip("'")
            run(variables, "users", "list")
            run(variables, "doctor")
        finally:
            process.terminate()


def doctor(folder):
    def examined(variables, *options, code, failed):
        """The steps by name: all of them, and which failed, with advice."""
        steps = {line["step"]: line for line in run(variables, "doctor", "--json", *options, code=code).lines()}
        check_equal(len(steps), 14, "steps")
        check_equal([name for name, step in steps.items() if step["state"] == "failed"], failed, f"failed of {steps}")
        for name in failed:
            check(steps[name]["detail"] and steps[name]["advice"].endswith("."), steps[name])
        shown = run(variables, "doctor", *options, code=code).out
        check_equal(shown.count("\nfailed ") + shown.startswith("failed "), len(failed), shown)
        return steps

    with Emulator(folder, "--seed", "2") as emulator:
        env = emulator.environment
        steps = examined(env, code=OK, failed=[])
        check_equal([n for n, step in steps.items() if step["state"] == "skipped"], ["proxy"], "skipped")
        check("days left" in steps["expiry"]["detail"], steps["expiry"])
        check("HTTP/2" in steps["http"]["detail"] or "HTTP/1.1" in steps["http"]["detail"], steps["http"])
        check("2 users" in steps["key"]["detail"], steps["key"])
        check("HTTP/1.1" in examined(env, "--http-version", "1.1", code=OK, failed=[])["http"]["detail"], "version")

        examined({}, code=USAGE, failed=["variables"])
        examined(env, "--env-file", folder / "none", code=USAGE, failed=["variables"])
        examined(env | {"PASSAGE_BASE_URL": "ftp://localhost"}, code=USAGE, failed=["settings"])
        examined(env, "--ca-file", folder / "none.pem", code=USAGE, failed=["settings"])
        examined(env | {"PASSAGE_BASE_URL": f"https://localhost:{closed_port()}/v1"}, code=UNREACHABLE, failed=["tcp"])
        examined(env | {"PASSAGE_CA_FILE": ""}, code=UNREACHABLE, failed=["chain"])
        examined(env | {"PASSAGE_API_KEY": "wrong"}, code=REFUSED, failed=["key"])
        dotted = examined(env | {"PASSAGE_BASE_URL": f"https://localhost.:{emulator.port}/v1"}, code=OK, failed=[])
        check_equal(dotted["server name"], steps["server name"], "server name with a dot at its end")
        examined(env, "--app-id", "other", code=REFUSED, failed=["app"])
        examined(env | {"PASSAGE_BASE_URL": f"http://localhost:{emulator.port}/v1"}, code=UNREACHABLE, failed=["http"])

        def refuse(handler):
            handler.send(403)

        def tunnel(handler, port=emulator.port):
            upstream = socket.create_connection(("127.0.0.1", port))
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            sockets = [handler.connection, upstream]
            while ready := select.select(sockets, [], [], PATIENCE)[0]:
                for each in ready:
                    data = each.recv(65536)
                    while isinstance(each, ssl.SSLSocket) and each.pending():
                        data += each.recv(65536)
                    if not data:
                        upstream.close()
                        handler.close_connection = True
                        return
                    (upstream if each is handler.connection else handler.connection).sendall(data)

        with server(refuse) as port:
            steps = examined(env, "--proxy", f"http://127.0.0.1:{port}", code=UNREACHABLE, failed=["proxy"])
            check(steps["tcp"]["detail"].startswith(f"127.0.0.1:{port} in "), steps["tcp"])
        examined(env, "--proxy", f"http://127.0.0.1:{closed_port()}", code=UNREACHABLE, failed=["tcp"])
        with server(tunnel) as port:
            steps = examined(env, "--proxy", f"http://127.0.0.1:{port}", code=OK, failed=[])
            check("opened a tunnel" in steps["proxy"]["detail"], steps["proxy"])
            wrong = examined(env | {"PASSAGE_CA_FILE": ""}, "--proxy", f"http://127.0.0.1:{port}", code=UNREACHABLE,
                             failed=["chain"])
            check_equal(wrong["proxy"]["state"], "ok", "proxy")

        # A proxy that shows the client a good certificate, and doctor's own connections another one, gets no request there.
        file, context = certificate(folder, "localhost", 9)
        trusted = folder / "trusted.pem"
        trusted.write_text(pathlib.Path(env["PASSAGE_CA_FILE"]).read_text() + file.read_text())
        _, stranger = certificate(folder, "localhost", 9)
        shown, asked = [], []

        def show(connection, *_):
            if shown:
                connection.context = stranger
            shown.append(connection.context)

        def note(handler):
            asked.append(handler.connection.context)
            tunnel(handler)

        context.sni_callback = show
        with server(note, context) as port:
            proxy = f"https://localhost:{port}"
            steps = {line["step"]: line for line in run(
                env, "doctor", "--json", "--ca-file", trusted, "--proxy", proxy, code=OK).lines()}
        check(stranger in shown, "doctor made no connection of its own")
        check(stranger not in asked, "a proxy that was refused got a request")
        check_equal((steps["proxy"]["state"], steps["tls"]["state"]), ("ok", "skipped"), "steps")
        check("the proxy's certificate is refused" in steps["tls"]["detail"], steps["tls"])

    with Emulator(folder, "--http1") as emulator:
        steps = examined(emulator.environment, "--http-version", "2", code=UNREACHABLE, failed=["http"])
        check("does not speak HTTP/2" in steps["http"]["advice"], steps["http"])

    for status, fields in ((200, {"Content-Type": "text/html"}), (302, {"Location": "/login"})):
        with server(lambda handler: handler.send(status, b"<html></html>", **fields)) as port:
            plain = env | {"PASSAGE_BASE_URL": f"http://localhost:{port}/v1"}
            steps = examined(plain, code=FAILED if status == 200 else REFUSED, failed=["app"])
            check("is not the API" in steps["app"]["advice"], steps["app"])

    with Emulator(folder, "--fault", "error=503") as emulator:
        examined(emulator.environment, code=UNREACHABLE, failed=["http"])

    app = json.dumps({"app": {"id": "demo", "name": "Demo"}}).encode()
    page = json.dumps({"users": [], "page": 1, "limit": 1, "total_users": 0, "created_before": 0, "_links": {}}).encode()

    def answer(handler, **fields):
        handler.send(200, page if "/users" in handler.path else app, **fields)

    for days, name, failed in ((0, "localhost", ["expiry"]), (9, "other.example", ["server name"])):
        file, context = certificate(folder, name, days)
        until = ssl.cert_time_to_seconds(
            subprocess.run(["openssl", "x509", "-in", file, "-noout", "-enddate"], check=True, capture_output=True, text=True)
            .stdout.strip().removeprefix("notAfter="))
        while days == 0 and time.time() < until + 1:
            time.sleep(0.1)
        with server(answer, context) as port:
            tls = env | {"PASSAGE_BASE_URL": f"https://localhost:{port}/v1", "PASSAGE_CA_FILE": str(file)}
            steps = examined(tls, code=UNREACHABLE, failed=failed)
            check(name in steps[failed[0]]["detail"], steps[failed[0]])
    for days, late in ((0, ["clock"]), (0.00001, [])):
        date = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1 if late else 0)
        plain = env | {"PASSAGE_CA_FILE": ""}
        with server(lambda handler: answer(handler, Date=date.strftime("%a, %d %b %Y %H:%M:%S GMT"))) as port:
            examined(plain | {"PASSAGE_BASE_URL": f"http://127.0.0.1:{port}/v1"}, code=FAILED if late else OK, failed=late)

    # All requests name the server as its URL does.
    hosts = set()

    def note_host(handler):
        hosts.add(handler.headers["Host"])
        answer(handler)

    with server(note_host) as port, server(lambda handler: tunnel(handler, port)) as proxy:
        for host in ("[::1]:8080", "[::1]", "127.0.0.1:8080"):
            hosts.clear()
            examined(plain | {"PASSAGE_BASE_URL": f"http://{host}/v1"}, "--proxy", f"http://127.0.0.1:{proxy}",
                     "--allow-plain-http", code=OK, failed=[])
            check_equal(hosts, {host}, "hosts")


def options_of(help_text):
    return set(re.findall(r"(?m)^ +(?:-\w, *)?--([a-z][a-z0-9-]+)", help_text))


def commands():
    """The words of each command, and its help."""
    def under(words):
        text = run({}, *words, "--help").out
        section = re.search(r"(?ims)^commands:\n(.*?)(?:\n\n|\Z)", text)
        if not section:
            yield words, text
            return
        for name in re.findall(r"(?m)^ {2}([a-z][a-z-]*) ", section[1]):
            yield from under([*words, name])

    return list(under([]))


def manual(folder):
    page = (SOURCE / "doc/passagectl.1").read_text()
    described = set(re.findall(r"(?m)^\.It .*?Fl -([a-z][a-z0-9-]+)", page))
    known = commands()
    listed = options_of(run({}, "--help").out).union(*(options_of(text) for _, text in known))
    check_equal(listed, described, "options in --help, and in the manual")
    for words, text in known:
        check("Options of every command: passagectl --help" in text, f"{words}: {text}")
    check_equal({" ".join(words) for words, _ in known}, {match.strip() for match in re.findall(
        r"(?m)^\.It Cm ((?:users|devices|tokens|magic-link|app|doctor|export|import)(?: [a-z]+)?)(?: Ar| Op|$)", page)},
        "commands in --help, and in the manual")


def completion(folder):
    def candidates(*words):
        return run({}, "__complete", *words).out.split()

    check({"users", "doctor"} <= set(candidates("")), "no commands")
    check_equal(candidates("users", "de"), ["deactivate", "delete"], "commands of a group")
    check_equal(candidates("users", "list", "--order"), ["--order-by"], "options of a command")
    check("--json" in candidates("users", "list", "--"), "no common options")
    check_equal(candidates("--http-version", ""), ["auto", "1.1", "2"], "values")
    check_equal(candidates("magic-link", "create", "--type", "lo"), ["login"], "values")
    check_equal(candidates("magic-link", "create", "--type", "=", "lo"), ["login"], "values behind =, from bash")
    check_equal(candidates("--http-version", "="), ["auto", "1.1", "2"], "values behind =, from bash")
    check_equal(candidates("magic-link", "create", "--type=lo"), ["--type=login"], "values behind =, from zsh")
    check_equal(candidates("--env-file", ""), [], "files are for the shell")
    check_equal(candidates("users", "get", ""), [], "ids are not known")

    (folder / "passagectl").symlink_to(PASSAGECTL)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    script = 'source "$1"; COMP_WORDS=(passagectl users de); COMP_CWORD=2; _passagectl; echo "${COMPREPLY[@]}"'
    bash = subprocess.run(["bash", "-c", script, "bash", SOURCE / "ctl/completion/passagectl.bash"], env=path, check=True,
                          capture_output=True, text=True, timeout=PATIENCE)
    check_equal((bash.stdout, bash.stderr), ("deactivate delete\n", ""), "bash")
    if shutil.which("zsh"):
        script = ('compadd() { shift; print -r -- ${(P)1} }; words=(passagectl users de); CURRENT=3; '
                  'source "$1"')
        zsh = subprocess.run(["zsh", "-f", "-c", f"f() {{ {script} }}; f \"$1\"", "zsh", SOURCE / "ctl/completion/_passagectl"],
                             env=path, check=True, capture_output=True, text=True, timeout=PATIENCE)
        check_equal((zsh.stdout, zsh.stderr), ("deactivate delete\n", ""), "zsh")


with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    globals()[CASE](pathlib.Path(name))
