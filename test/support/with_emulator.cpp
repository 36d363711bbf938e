// with_emulator COMMAND...: runs a command with the environment of a client of an emulator made for it, and a token by
// which one of its users signs in (PASSAGE_TOKEN), and ends with the command's exit status.

#include "support/canary.hpp"

#include <passage/emulator.hpp>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv)
try {
    if (argc < 2) {
        std::cerr << "usage: with_emulator COMMAND...\n";
        return 2;
    }
    passage::Emulator emulator{passage::EmulatorOptions{}.seed(100).api_key(passage::test::canary_api_key)};

    // A file in memory goes with this program, however that ends.
    const std::string ca_file =
        "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(memfd_create("ca.pem", 0));
    if (!(std::ofstream{ca_file} << emulator.ca_pem() << std::flush)) {
        std::cerr << "no file in memory can be made\n";
        return 2;
    }
    setenv("PASSAGE_APP_ID", emulator.app_id().c_str(), 1);
    setenv("PASSAGE_API_KEY", emulator.api_key().c_str(), 1);
    setenv("PASSAGE_BASE_URL", emulator.base_url().c_str(), 1);
    setenv("PASSAGE_AUTH_URL", emulator.auth_url().c_str(), 1);
    const std::string user = emulator.plant_user(R"({"email":"jane.doe@example.com"})");
    setenv("PASSAGE_TOKEN", emulator.issue_token(user).c_str(), 1);
    setenv("PASSAGE_CA_FILE", ca_file.c_str(), 1);

    for (const char* const name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "PASSAGE_UNIX_SOCKET"})
        unsetenv(name);

    const pid_t child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        std::cerr << argv[1] << " can't be run\n";
        _exit(127);
    }
    int status = 0;
    const bool waited = child > 0 && waitpid(child, &status, 0) == child;
    return waited && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
