"""conan_recipe.py SOURCE PREFIX SHARED: runs the recipe of Conan, with stand-ins for what it imports of Conan.

SOURCE is the checkout, PREFIX an install tree of this build, SHARED whether its library is shared. CXX, in the
environment, is the compiler. What the recipe would build is only configured.
"""

import collections
import fnmatch
import importlib.util
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types

SOURCE, PREFIX, SHARED = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3] == "ON"
RECIPES = SOURCE / "packaging" / "conan"
sys.dont_write_bytecode = True


def check(good, what):
    if not good:
        sys.exit(f"conan_recipe.py: {what}")


class Options(types.SimpleNamespace):
    def rm_safe(self, name):
        vars(self).pop(name, None)


class Component:
    # Nothing else may be set.
    __slots__ = ("libs", "requires", "system_libs", "properties")

    def __init__(self):
        self.libs, self.requires, self.system_libs, self.properties = [], [], [], {}

    def set_property(self, name, value):
        check(name in ("cmake_file_name", "cmake_target_name", "pkg_config_name"), f"there is no property {name}")
        self.properties[name] = value


class Info(Component):
    __slots__ = ("components",)

    def __init__(self):
        super().__init__()
        self.components = collections.defaultdict(Component)


class ConanFile:
    def requires(self, reference, **_):
        self.required.append(reference.partition("/")[0])

    tool_requires = requires


class Generator:
    def __init__(self, recipe):
        self.recipe = recipe

    def generate(self):
        self.recipe.generated[type(self)] = self


class CMakeToolchain(Generator):
    def __init__(self, recipe):
        super().__init__(recipe)
        self.cache_variables = {}


class CMakeDeps(Generator):
    def set_property(self, _dependency, name, _value):
        check(name in ("cmake_file_name", "cmake_target_name"), f"there is no property {name}")


class CMake:
    """Configures what lies in the folder of sources, as the toolchain says. Installs the names of PREFIX, as empty files."""

    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self):
        check(CMakeDeps in self.recipe.generated, "the recipe generates nothing for its dependencies")
        variables = self.recipe.generated[CMakeToolchain].cache_variables
        options = [f"-D{name}={value}" for name, value in variables.items()]
        command = ["cmake", "-G", "Ninja", "-S", self.recipe.source_folder, "-B", self.recipe.build_folder, *options]
        done = subprocess.run([*command, f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}"], capture_output=True, text=True)
        check(done.returncode == 0, f"the exported sources are not configured:\n{done.stderr}")

    def build(self):
        check(pathlib.Path(self.recipe.build_folder, "build.ninja").exists(), "build() does not configure")
        self.recipe.built = True

    def install(self):
        check(self.recipe.built, "build() does not build")
        libraries = next(PREFIX.glob("lib*/**/libpassage.*")).parent
        for path in PREFIX.rglob("*"):
            if path.is_file():
                # The toolchain names the folder of libraries, whatever it is on this system.
                name = "lib" / path.relative_to(libraries) if libraries in path.parents else path.relative_to(PREFIX)
                installed = pathlib.Path(self.recipe.package_folder, name)
                installed.parent.mkdir(parents=True, exist_ok=True)
                installed.touch()


class Version:
    def __init__(self, text):
        self.text = str(text)

    def __lt__(self, other):
        return int(self.text.split(".")[0]) < int(str(other).split(".")[0])


class Invalid(Exception):
    pass


def copy(_recipe, pattern, src, dst, **_):
    files = [path.relative_to(src) for path in pathlib.Path(src).rglob("*") if path.is_file()]
    found = [path for path in files if fnmatch.fnmatch(str(path), pattern)]
    check(found, f"nothing is copied by {pattern}")
    for path in found:
        target = pathlib.Path(dst, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pathlib.Path(src, path), target)


def rmdir(_recipe, path):
    check(pathlib.Path(path).is_dir(), f"{path} is removed, but not installed")
    shutil.rmtree(path)


def check_min_cppstd(recipe, least):
    if int(recipe.settings.compiler.cppstd) < least:
        raise Invalid


def cmake_layout(recipe, src_folder=""):
    recipe.source_folder = str(pathlib.Path(recipe.source_folder, src_folder))
    recipe.build_folder = str(pathlib.Path(recipe.build_folder, "Release"))


def module(name, **members):
    made = types.ModuleType(name)
    vars(made).update(members)
    sys.modules[name] = made


module("conan", ConanFile=ConanFile)
module("conan.errors", ConanInvalidConfiguration=Invalid)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=check_min_cppstd, can_run=lambda *_: True)
module(
    "conan.tools.cmake",
    CMake=CMake,
    CMakeDeps=CMakeDeps,
    CMakeToolchain=CMakeToolchain,
    cmake_layout=cmake_layout,
)
module("conan.tools.files", copy=copy, rmdir=rmdir)
module("conan.tools.scm", Version=Version)


def recipe_of(path, base):
    specification = importlib.util.spec_from_file_location("recipe", path)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return next(
        value for value in vars(loaded).values() if isinstance(value, type) and issubclass(value, base) and value is not base
    )


Recipe = recipe_of(RECIPES / "conanfile.py", ConanFile)
recipe_of(RECIPES / "test_package" / "conanfile.py", ConanFile)

cmake_lists = (SOURCE / "CMakeLists.txt").read_text()
version = re.search(r"VERSION (\d+\.\d+\.\d+)", cmake_lists)[1]
check(Recipe.version == version, f"the recipe is of version {Recipe.version}, the project of {version}")


# Those whose default depends on what the machine has, or on what is built.
automatic = set(re.findall(r'option\((PASSAGE_\w+) "[^"]*"\s+\$', cmake_lists)) - {"PASSAGE_INSTALL"}
folders = tempfile.TemporaryDirectory()


def made(settings, **options):
    recipe = Recipe()
    recipe.recipe_folder = str(RECIPES)
    base = pathlib.Path(tempfile.mkdtemp(dir=folders.name))
    for folder in "export_sources", "source", "build", "package":
        (base / folder).mkdir()
        setattr(recipe, f"{folder}_folder", str(base / folder))
    recipe.ref = "passage"
    recipe.required, recipe.generated, recipe.built = [], {}, False
    recipe.settings = settings
    recipe.options = Options(**(Recipe.default_options | options))
    recipe.cpp_info = Info()
    return recipe


class Compiler(types.SimpleNamespace):
    def __str__(self):
        return self.name


def settings(system="Linux", compiler="gcc", number="12", standard="20"):
    return types.SimpleNamespace(os=system, compiler=Compiler(name=compiler, version=number, cppstd=standard))


for http2, emulator in itertools.product([False, True], repeat=2):
    recipe = made(settings(), shared=SHARED, http2=http2, emulator=emulator)
    recipe.export_sources()
    # Conan copies what was exported to the folder of sources, and calls it by both names from then on.
    shutil.copytree(recipe.export_sources_folder, recipe.source_folder, dirs_exist_ok=True)
    recipe.export_sources_folder = recipe.source_folder
    for step in "configure layout source requirements build_requirements validate generate".split():
        getattr(recipe, step, lambda: None)()
    check(hasattr(recipe.options, "fPIC") != SHARED, "fPIC is of static libraries alone")
    variables = recipe.generated[CMakeToolchain].cache_variables
    for name, value in variables.items():
        check(f"option({name} " in cmake_lists, f"the project has no option {name}")
        check(isinstance(value, bool), f"{name} is {value!r}")
    unset = automatic - variables.keys()
    check(not unset, f"the recipe does not set {', '.join(sorted(unset))}")

    recipe.build()
    recipe.package()
    tree = pathlib.Path(recipe.package_folder)
    check((tree / "licenses" / "LICENSE").exists(), "package() has no licence")
    left = [path for path in tree.rglob("*") if path.suffix in (".cmake", ".pc") or path.name == "share"]
    check(not left, f"package() leaves {left}")
    recipe.package_info()
    components = recipe.cpp_info.components
    # The target of the whole package links all components, so it must not be one that programs take for another.
    whole = recipe.cpp_info.properties.get("cmake_target_name", "passage::passage")
    targets = [component.properties["cmake_target_name"] for component in components.values()]
    check(whole not in targets, f"{whole} links all components")
    check(set(components) == {"client"} | ({"emulator"} if emulator else set()), f"components {list(components)}")
    for component in components.values():
        for package in {name.partition("::")[0] for name in component.requires}:
            check(package in recipe.required, f"{package} is used, but not required")
        for library in component.libs:
            check(list(tree.glob(f"lib/lib{library}.*")), f"no library {library} is in lib/ of the package")
    used = {name.partition("::")[0] for component in components.values() for name in component.requires}
    check(used | {"cmake"} == set(recipe.required), f"required {recipe.required}, used {used}")

for wrong in (
    settings(system="Windows"),
    settings(number="11"),
    settings(compiler="clang", number="13"),
    settings(compiler="msvc"),
    settings(standard="17"),
):
    try:
        made(wrong).validate()
    except Invalid:
        continue
    check(False, f"{wrong} is not refused")
print("the recipe names what the project has")
