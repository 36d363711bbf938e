import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir
from conan.tools.scm import Version

required_conan_version = ">=2.0.9"


class PassageConan(ConanFile):
    name = "passage"
    version = "0.2.0"
    description = "Client library for the Passage user-management API, for servers that use Boost.Asio"
    license = "MIT"
    topics = ("passkeys", "http-client", "asio", "coroutines")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "shared": [True, False],
        "fPIC": [True, False],
        "http2": [True, False],
        "emulator": [True, False],
    }
    default_options = {
        "shared": False,
        "fPIC": True,
        "http2": True,
        "emulator": False,
    }

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "doc/*.1", "emulator/*", "include/*", "src/*"):
            copy(self, pattern, src=self._checkout, dst=self.export_sources_folder)

    def configure(self):
        if self.options.shared:
            self.options.rm_safe("fPIC")

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("boost/[>=1.81.0 <2]", transitive_headers=True, transitive_libs=True)
        self.requires("openssl/[>=3.0 <4]")
        self.requires("tl-expected/[>=1.0.0 <2]", transitive_headers=True)
        if self.options.http2:
            self.requires("libnghttp2/[>=1.52.0 <2]")
        if self.options.emulator:
            self.requires("sqlite3/[>=3.37.0 <4]")

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration(f"{self.ref} supports Linux only")
        check_min_cppstd(self, 20)
        minimum = {"gcc": "12", "clang": "14"}.get(str(self.settings.compiler))
        if minimum is None or Version(self.settings.compiler.version) < minimum:
            raise ConanInvalidConfiguration(f"{self.ref} needs gcc 12, clang 14 or a newer version of them")

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25 <5]")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["PASSAGE_HTTP2"] = bool(self.options.http2)
        toolchain.cache_variables["PASSAGE_BUILD_EMULATOR"] = bool(self.options.emulator)
        for part in ("BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_BENCH", "BUILD_CTL", "OPENTELEMETRY"):
            toolchain.cache_variables[f"PASSAGE_{part}"] = False
        toolchain.generate()
        dependencies = CMakeDeps(self)
        dependencies.set_property("libnghttp2", "cmake_file_name", "NGHTTP2")
        dependencies.set_property("libnghttp2::nghttp2", "cmake_target_name", "NGHTTP2::nghttp2")
        dependencies.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        cmake = CMake(self)
        cmake.install()
        # Conan generates these for each user.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "passage")
        # The target of the whole package links all components. By default it is passage::passage, which is the client's.
        self.cpp_info.set_property("cmake_target_name", "passage::all")

        http2 = ["libnghttp2::nghttp2"] if self.options.http2 else []
        client = self.cpp_info.components["client"]
        client.set_property("cmake_target_name", "passage::passage")
        client.set_property("pkg_config_name", "passage")
        client.libs = ["passage"]
        client.requires = ["boost::headers", "boost::json", "boost::url", "openssl::openssl", "tl-expected::tl-expected"]
        client.requires += http2
        client.system_libs = ["pthread"]

        if self.options.emulator:
            emulator = self.cpp_info.components["emulator"]
            emulator.set_property("cmake_target_name", "passage::emulator")
            emulator.set_property("pkg_config_name", "passage-emulator")
            emulator.libs = ["passage_emulator"]
            emulator.requires = ["boost::headers", "boost::json", "boost::program_options", "openssl::openssl"]
            emulator.requires += ["sqlite3::sqlite3"] + http2
            emulator.system_libs = ["pthread"]
