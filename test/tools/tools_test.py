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


def needs(*programs):
    for name in programs:
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
            print(f"SKIPPED: {name} is not installed")
            sys.exit(77)


def git_in(checkout):
    """Returns a function that runs git there, and returns what it prints."""
    # What the user has set, such as signing, is not for this checkout.
    os.environ |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments):
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        return subprocess.run(
            ["git", "-C", checkout, *identity, *arguments], check=True, capture_output=True, text=True
        ).stdout

    return git


def release_versions(_):
    """All files of the checkout name its version."""
    needs("git")
    if not (SOURCE / ".git").exists():
        print("SKIPPED: no checkout of git")
        sys.exit(77)
    sys.exit(subprocess.run([SOURCE / "tools/release", "--versions"]).returncode)


def release(folder):
    """A checkout in small that lacks nothing, and then one thing after another."""
    needs("git")
    checkout = folder / "checkout"
    git = git_in(checkout)
    today, tomorrow = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400)) for days in (0, 1))
    files = {
        ".gitignore": "/build/\n",
        "CMakeLists.txt": "project(passage\n    VERSION 1.20.3\n)\n",
        "CHANGELOG.md": f"# Changelog\n\n## 1.20.3, {today}\n\n## 1.19.0, 2020-01-01\nIt was `libpassage1.19`.\n",
        "README.md": "`libpassage1.20`, libpassage.so.1.20, libpassage.so.*\nfind_package(passage 1.20 REQUIRED)\n",
        "packaging/vcpkg/vcpkg.json": '{\n  "version": "1.20.3",\n  "version>=": "9.9.9"\n}\n',
        "packaging/conan/conanfile.py": 'class A:\n    version = "1.20.3"\n',
    }

    def write(changes):
        for name, text in (files | changes).items():
            path = checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def state():
        return git("status", "--porcelain"), git("for-each-ref"), git("stash", "list"), git("config", "--local", "--list")

    def says(status, *texts, options=("--quick",), absent=()):
        before = state()
        run = Run(folder, checkout / "tools/release", *options)
        run.ends(status)
        said = run.text()
        for text in texts:
            check(text in said, f"{text!r} is not said:\n{said}")
        for text in absent:
            check(text not in said, f"{text!r} is said:\n{said}")
        check(state() == before, "it changed the checkout")

    write({})
    (checkout / "tools").mkdir()
    shutil.copy(SOURCE / "tools/release", checkout / "tools")
    for name in ("abi", "package", "docs"):
        program(checkout / "tools" / name, f'echo "{name} of $*"; [[ ! -e $PASSAGE_BUILD_DIR/no_{name} ]]')
    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".")
    git("commit", "--quiet", "--message", "All")

    tag = "git tag --annotate --message 'passage 1.20.3' v1.20.3"
    push = "git push origin HEAD:main v1.20.3"
    says(0, tag, push, absent=["package of"])
    built = [f"{name} of --build-dir {folder / 'build'}" for name in ("abi", "package", "docs")]
    says(0, *built, tag, push, options=())
    says(0, "all files name 1.20.3", options=["--versions"], absent=[push])
    (folder / "build").mkdir()
    for name in ("abi", "package", "docs"):
        (folder / f"build/no_{name}").touch()
        says(1, *built, f"tools/{name} fails", options=(), absent=[push])
        (folder / f"build/no_{name}").unlink()

    (checkout / "stray").touch()
    says(1, "not committed", absent=[push])
    says(0, options=["--versions"])
    (checkout / "stray").unlink()

    def lacks(changes, *texts, versions):
        """What is committed lacks something, and it is all that is said to be missing."""
        write(changes)
        git("commit", "--quiet", "--all", "--message", "Spoil")
        says(1, *texts, "1.20.3 cannot be released", absent=[push])
        said = (folder / "output").read_text()
        check(said.count("tools/release: ") == len(texts) + 1, f"more is missing:\n{said}")
        says(versions, options=["--versions"])
        git("reset", "--quiet", "--hard", "HEAD~")

    for name, wrong in (
        ("packaging/vcpkg/vcpkg.json", '"version": "1.20.2"'),
        ("packaging/vcpkg/vcpkg.json", '"version": "1.20"'),
        ("packaging/conan/conanfile.py", ' version = "1.2.3"'),
        ("README.md", "find_package(passage 1.19 REQUIRED)"),
        ("README.md", "find_package(passage 11.20 REQUIRED)"),
        ("README.md", "find_package(passage 1.20.3 REQUIRED)"),
        ("README.md", "libpassage1.2 is the package"),
        ("README.md", "libpassage.so.1.2"),
        ("README.md", "libpassage.so.01.20"),
    ):
        quoted = re.match(r".*[0-9]", wrong)[0]
        lacks({name: f"{wrong}\n"}, f"{name}:1:{quoted}", versions=1)
    lacks({"packaging/conan/conanfile.py": ' version = "2.0.0"\n', "README.md": "libpassage1.21\n"},
          "conanfile.py:1", "README.md:1:libpassage1.21", versions=1)  # fmt: skip
    for heading in (
        "1.20.3, unreleased",
        "1.20.3",
        "1.20.4, 2020-01-01",
        "1.20.3, 2020-1-1",
        "1.20.3, 2020-02-30",
        f"1.20.3, {tomorrow}",
        "11.20.3, 2020-01-01",
        "1x20.3, 2020-01-01",
    ):
        text = f"# Changelog\n\n## {heading}\n\n## 1.20.3, 2020-01-01\n"
        lacks({"CHANGELOG.md": text}, "CHANGELOG.md", versions=0)
    lacks({"CHANGELOG.md": "nothing\n"}, "CHANGELOG.md begins with", versions=0)

    git("tag", "--annotate", "--message", "passage 1.20.3", "v1.20.3")
    says(0, push, absent=["git tag"])
    write({"README.md": "Text.\n"})
    git("commit", "--quiet", "--all", "--message", "More")
    says(1, "v1.20.3 is the tag of another commit", absent=[push])
    says(2, "tools/release [--quick", options=["--push"])


def no_checkout(folder):
    """Where git has no answer, as in a tarball, nothing is found to be well."""
    needs("git")
    tarball = folder / "tarball"
    (tarball / "tools").mkdir(parents=True)
    (tarball / "CMakeLists.txt").write_text("project(passage\n    VERSION 1.20.3\n)\n")
    for name in ("abi", "release"):
        shutil.copy(SOURCE / "tools" / name, tarball / "tools")

    def refuses():
        for command in (["abi"], ["release", "--quick"], ["release", "--versions"]):
            run = Run(folder, tarball / "tools" / command[0], *command[1:])
            run.ends(1)
            check("no checkout" in run.text(), f"the reason is not said:\n{run.text()}")

    refuses()
    # Inside the checkout of another project.
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    refuses()


def abi(folder):
    """A library in small: what breaks programs fails unless the SONAME changes, and nothing else does."""
    needs("git", "abidiff", "cmake", "ninja", "c++")
    checkout = folder / "checkout"
    files = {
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.25)\nproject(passage LANGUAGES CXX)\nadd_subdirectory(src)\n",
        "src/CMakeLists.txt": "add_library(passage user.cpp)\n"
        "target_include_directories(passage PRIVATE ../include)\n"
        "set_target_properties(passage PROPERTIES SOVERSION 1.20)\n",
        "include/passage/user.hpp": "namespace passage {\n"
        "struct User { int id; int logins; };\n"
        "int id(const User& user);\n"
        "int logins(const User& user);\n"
        "}\n",
        "src/user.cpp": "#include <passage/user.hpp>\n"
        "int passage::id(const User& user) { return user.id; }\n"
        "int passage::logins(const User& user) { return user.logins; }\n"
        "template <class Type> int instantiated() { return sizeof(Type); }\n"
        "template int instantiated<passage::User>();\n"
        "template <class Type> int constant = 1;\n"
        "template int constant<passage::User>;\n",
    }

    def write(name, text):
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def compared(status, *texts):
        run = Run(folder, checkout / "tools/abi")
        run.ends(status)
        for text in texts:
            check(text in run.text(), f"{text!r} is not said:\n{run.text()}")

    def changed(status, *texts, changes):
        """With a text in place of another in each of these files."""
        print(f"== {changes}", flush=True)
        for name, (old, new) in changes.items():
            check(old in files[name], f"{name} has no {old}")
            write(name, files[name].replace(old, new))
        compared(status, *texts)
        for name in changes:
            write(name, files[name])

    for name, text in files.items():
        write(name, text)
    for name in ("tools/abi", "packaging/abi.suppressions"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(SOURCE / name, checkout / name)
    program(checkout / "tools/setup", "")
    git = git_in(checkout)
    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".")
    git("commit", "--quiet", "--message", "All")
    compared(0, "no version is tagged")
    git("tag", "--annotate", "--message", "passage 1.20.3", "v1.20.3")
    compared(0)

    header, source = "include/passage/user.hpp", "src/user.cpp"
    breaks = "programs that use libpassage.so.1.20 of v1.20.3 may break"
    layout = {header: ("int logins;", "long logins;")}
    removal = {header: ("int id(const User& user);\n", ""), source: (files[source].splitlines()[1], "")}
    addition = {
        header: ("int id(", "int twice(const User& user);\nint id("),
        source: ("int passage::id", "int passage::twice(const User& user) { return 2 * user.id; }\nint passage::id"),
    }
    changed(1, "type of 'int logins' changed", breaks, changes=layout)
    changed(1, "1 Removed", breaks, changes=removal)
    changed(0, changes=removal | {"src/CMakeLists.txt": ("1.20", "1.21")})
    changed(0, "passage::twice", changes=addition)
    # Instances of templates that are not of passage.
    changed(0, changes={source: ("template int instantiated<passage::User>();\n", "")})
    changed(0, changes={source: ("template int constant<passage::User>;\n", "")})


def package_elsewhere(folder):
    """What needs Debian says so at once on another system."""
    needs("unshare")
    other = folder / "os-release"
    other.write_text('ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04"\n')
    namespace = ["unshare", "--mount", "--map-root-user", "--propagation", "private"]
    mounted = f'mount --bind {other} "$(readlink -f /etc/os-release)" && exec "$@"'
    inside = [*namespace, "bash", "-c", mounted, "bash"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        print("SKIPPED: nothing may be mounted here")
        sys.exit(77)
    program(folder / "bin/cmake", "echo built >&2; exit 1")
    run = Run(folder, *inside, SOURCE / "tools/package", "--check")
    run.ends(1)
    check("only on Debian" in run.text(), f"the reason is not said:\n{run.text()}")
    check("built" not in run.text(), f"it builds before:\n{run.text()}")


def tidy_folders(folder):
    """Files are found in a checkout of whatever name, and none found is no success."""
    program(folder / "bin/clang-tidy", 'echo "tidy ${@: -1}"')
    program(folder / "bin/cmake", 'mkdir -p "$4"; cp "$PASSAGE_BUILD_DIR/commands" "$4/compile_commands.json"')
    for name in ("plain", "a+b (c)|[d] & e"):
        checkout = folder / name
        (checkout / "src").mkdir(parents=True)
        (checkout / "tools").mkdir()
        (checkout / "src/a.cpp").touch()
        shutil.copy(SOURCE / "tools/tidy", checkout / "tools")
        program(checkout / "tools/setup", "")
        (folder / "build").mkdir(exist_ok=True)
        commands = folder / "build/commands"

        def tidy(status, text):
            run = Run(folder, checkout / "tools/tidy", "src/a.cpp")
            run.ends(status)
            check(text in run.text(), f"{text!r} is not said:\n{run.text()}")

        commands.write_text(f'[\n{{\n  "file": "{checkout}/src/a.cpp"\n}}\n]\n')
        tidy(0, "tidy src/a.cpp")
        commands.write_text(f'[\n{{\n  "file": "{checkout}/src/b.cpp"\n}}\n]\n')
        tidy(1, "nothing is compiled of src/a.cpp")
        commands.write_text("[]\n")
        tidy(1, "names no file of")


def summary(folder):
    """tools/test sums up what ctest says, which a variable of terminals colours."""
    program(folder / "bin/cmake", "")
    program(
        folder / "bin/ctest",
        """[[ -z ${CLICOLOR_FORCE-} ]] || printf '\\e[0;32m'
echo '50% tests passed, 1 tests failed out of 2'""",
    )
    run = Run(folder, "env", "CLICOLOR_FORCE=1", SOURCE / "tools/test", "--quick")
    run.ends(1)
    check(run.text().endswith("\n50% tests passed, 1 tests failed out of 2\n"), f"it is not summed up:\n{run.text()}")


def mutations_apply(folder):
    lines = re.findall("^[^#].* ;; .*", (SOURCE / "test/mutations/list").read_text(), re.MULTILINE)
    check(lines, "there are no mutations")
    for line in lines:
        _, file, change, _ = line.split(" ;; ")
        source = SOURCE / file
        changed = subprocess.run(["sed", "-E", change, source], capture_output=True, check=True).stdout
        check(changed != source.read_bytes(), f"this changes nothing: {line}")


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
    needs("nginx", "wrk", "h2load")
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
