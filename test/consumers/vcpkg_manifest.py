"""vcpkg_manifest.py FILE: checks the fields and types of a port's manifest, as vcpkg's schema does.

Only the fields that the manifest has are known here.
"""

import json
import re
import sys


def check(good, what):
    if not good:
        sys.exit(f"vcpkg_manifest.py: {what}")


def text(pattern=".+"):
    def is_text(value, where):
        check(isinstance(value, str) and re.fullmatch(pattern, value), f"{where} is {value!r}")

    return is_text


def boolean(value, where):
    check(isinstance(value, bool), f"{where} is {value!r}")


def each(is_item):
    def is_list(values, where):
        check(isinstance(values, list), f"{where} is no list")
        for number, value in enumerate(values):
            is_item(value, f"{where}[{number}]")

    return is_list


def record(fields, required):
    def is_record(value, where):
        check(isinstance(value, dict), f"{where} is no object")
        for name in required:
            check(name in value, f"{where} has no {name}")
        for name, member in value.items():
            check(name in fields, f"{where} has an unknown field {name}")
            fields[name](member, f"{where}.{name}")

    return is_record


def dependency(value, where):
    (name if isinstance(value, str) else long_dependency)(value, where)


def features(values, where):
    check(isinstance(values, dict), f"{where} is no object")
    for key, value in values.items():
        name(key, where)
        feature(value, f"{where}.{key}")


name = text("[a-z0-9]+(-[a-z0-9]+)*")
long_dependency = record({"name": name, "host": boolean, "version>=": text("[^#]+(#[0-9]+)?")}, ["name"])
feature = record({"description": text(), "dependencies": each(dependency)}, ["description"])
manifest = record(
    {
        "name": name,
        "version": text(r"[0-9]+(\.[0-9]+)*"),
        "description": text(),
        "license": text(),
        "supports": text(),
        "dependencies": each(dependency),
        "default-features": each(name),
        "features": features,
    },
    ["name", "version", "description", "license"],
)


def only_once(pairs):
    names = [key for key, _ in pairs]
    check(len(set(names)) == len(names), f"a field is there twice: {names}")
    return dict(pairs)


with open(sys.argv[1], encoding="utf-8") as file:
    port = json.load(file, object_pairs_hook=only_once)
manifest(port, "manifest")
for default in port["default-features"]:
    check(default in port["features"], f"the default feature {default} is none of the port")
