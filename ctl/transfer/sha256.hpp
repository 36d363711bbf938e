#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace passage::ctl {

/// Computes the SHA-256 of bytes that come in pieces.
class Sha256
{
public:
    Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    ~Sha256();

    void add(std::string_view bytes);
    /// Returns the hash as hexadecimal digits. Called once.
    std::string finish();

private:
    evp_md_ctx_st* context_;
};

/// Returns the first 128 bits of the SHA-256 of a text. No two texts with the same one are known, or can be made.
std::array<std::uint64_t, 2> fingerprint(std::string_view text);

} // namespace passage::ctl
