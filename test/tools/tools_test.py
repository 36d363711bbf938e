"""tools_test.py CASE SOURCE BUILD: runs commands of tools/, with programs in place of those that take long.

Exit status 77 says that a case skipped.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

CASE, SOURCE, BUILD = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
MARK = "PASSAGE_TOOLS_TEST"
PATIENCE = 60


def check(good, what):
    if not good:
        sys.exit(f"{CASE}: {what}")


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


class Run:
    """A command in a session of its own, as in a terminal, with all that it starts: they have a mark in common.

    nginx writes over its environment, but names the folder.
    """

    def __init__(self, folder, *command):
        self.mark = uuid.uuid4().hex
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.output = folder / "output"
        environment = os.environ | {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PASSAGE_SKIP_SETUP": "1",
            "PASSAGE_BUILD_DIR": str(folder / "build"),
            "TMPDIR": str(self.temporary),
            MARK: self.mark,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                list(map(str, command)),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self):
        return self.output.read_text(errors="replace")

    def processes(self):
        """The ids and commands of what runs."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            # What ends meanwhile can't be read.
            with contextlib.suppress(OSError):
                if not entry.name.isdigit():
                    continue
                environment, command = ((entry / name).read_bytes() for name in ("environ", "cmdline"))
                if f"{MARK}={self.mark}".encode() in environment or bytes(self.temporary) in command:
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode()
        return found

    def wait_for(self, pattern):
        """Until one of its processes has such a command."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if any(re.search(pattern, command) for command in self.processes().values()):
                return
            check(self.process.poll() is None, f"ended before {pattern} ran:\n{self.text()}")
            time.sleep(0.01)
        check(False, f"{pattern} did not run:\n{self.text()}")

    def ends(self, status):
        """Ends with a status, and leaves nothing running and no file."""
        ended = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            ended = self.process.wait(PATIENCE)
        left = self.processes()
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()
        check(ended is not None, f"still runs after {PATIENCE} s")
        check(not left, f"left running: {sorted(left.values())}")
        check(ended == status, f"ended with {ended}:\n{self.text()}")
        files = sorted(each.name for each in self.temporary.iterdir())
        check(not files, f"left files: {files}")


CTRL_C = (signal.SIGINT, os.killpg)
ALONE = (signal.SIGINT, os.kill)
WAYS = (CTRL_C, ALONE, (signal.SIGTERM, os.kill), (signal.SIGHUP, os.killpg))


def interrupted(folder, pattern, *command, ways=WAYS):
    """By Ctrl-C, by SIGINT for the script alone, and by what else ends it, while such a process runs."""
    for number, send in ways:
        print(f"== {number.name} by {send.__name__} while {pattern} runs", flush=True)
        run = Run(folder, *command)
        run.wait_for(pattern)
        send(run.process.pid, number)
        run.ends(128 + number)


def fuzz_interrupted(folder):
    program(folder / "bin/cmake", 'if [[ -e $PASSAGE_BUILD_DIR/slow ]]; then sleep 5001; fi')
    # As libFuzzer: ends with a status of its own. What it starts would outlive it.
    program(folder / "build/fuzz/test/fuzz/fuzzer_json", "trap 'exit 72' INT\nsleep 5002 &\nwait")
    program(folder / "build/fuzz/test/fuzz/fuzzer_dates", "sleep 5003")
    for options in ([], ["--inputs", "1000"]):
        interrupted(folder, "^sleep 5002", SOURCE / "tools/fuzz", *options, "json", "dates")
    (folder / "build/slow").touch()
    interrupted(folder, "^sleep 5001", SOURCE / "tools/fuzz")


def fuzz_targets(folder):
    program(folder / "bin/cmake", "")
    for target in ("json", "dates"):
        program(folder / f"build/fuzz/test/fuzz/fuzzer_{target}", "echo stat::number_of_executed_units: 1")
    run = Run(folder, SOURCE / "tools/fuzz", "json", "dates")
    run.ends(0)

    run = Run(folder, SOURCE / "tools/fuzz", "json", "jsom")
    run.ends(2)
    known = " ".join(sorted(each.name for each in (SOURCE / "test/fuzz/seeds").iterdir()))
    check('no target "jsom"' in run.text(), f"the unknown target is not named:\n{run.text()}")
    check(known in run.text(), f"the targets are not listed:\n{run.text()}")
    check("== fuzz" not in run.text(), f"a target ran:\n{run.text()}")


def demo_interrupted(folder):
    program(folder / "bin/cmake", "")
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/emulator").symlink_to(BUILD / "emulator")
    program(folder / "build/release/example/passage_demo", "sleep 5004")
    interrupted(folder, "^sleep 5004", SOURCE / "tools/demo")
    # The web application tells where it is.
    program(folder / "build/release/example/web_app/web_app", "echo http://127.0.0.1:1/\nsleep 5005")
    interrupted(folder, "^sleep 5005", SOURCE / "tools/demo", "--web")


def bench_interrupted(folder):
    command = (SOURCE / "tools/bench", "--quick", "--built", BUILD, "--out", folder / "out")
    for name in ("nginx", "wrk", "h2load"):
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
            print(f"SKIPPED: {name} is not installed")
            sys.exit(77)
    for name in ("go", "npm", "node"):
        program(folder / "bin" / name, "exit 1")
    program(folder / "bin/go", "sleep 5006")
    interrupted(folder, "^sleep 5006", *command, ways=[ALONE])
    # Programs that others start: wrk by a script, and what is measured by perf.
    program(folder / "bin/go", "exit 0")
    interrupted(folder, "^wrk ", *command)
    # Nothing is measured, so that what comes last begins at once.
    program(folder / "bin/taskset", 'case "$*" in *nginx* | *passage-emulator*) exec "${@:3}" ;; *) exit 1 ;; esac')
    program(folder / "bin/perf", 'if [[ "$*" == *" true" ]]; then exit 0; fi\nsleep 5007 &\nwait')
    interrupted(folder, "^sleep 5007", *command, ways=[CTRL_C, ALONE])


with tempfile.TemporaryDirectory() as name:
    globals()[CASE](pathlib.Path(name))
