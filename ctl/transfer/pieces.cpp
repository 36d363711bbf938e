#include "pieces.hpp"

#include "../exit_code.hpp"
#include "sha256.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace passage::ctl {

Pieces::Pieces(int file, Sha256* hash) : file_{file}, hash_{hash}, buffer_(std::size_t{64} * 1024) {}

bool Pieces::fill()
{
    if (!rest_.empty())
        return true;
    ssize_t count = 0;
    do
        count = pread(file_, buffer_.data(), buffer_.size(), static_cast<off_t>(offset_));
    while (count < 0 && errno == EINTR);
    if (count < 0)
        throw Failure{ExitCode::failed, "the input cannot be read: " + std::generic_category().message(errno)};
    rest_ = {buffer_.data(), static_cast<std::size_t>(count)};
    if (hash_)
        hash_->add(rest_);
    return count > 0;
}

std::string_view Pieces::next()
{
    if (!fill())
        return {};
    const std::size_t end = rest_.find_first_of("\r\n");
    const std::string_view piece = rest_.substr(0, end == std::string_view::npos ? end : end + 1);
    rest_.remove_prefix(piece.size());
    offset_ += piece.size();
    if (ends_line(piece)) {
        const bool is_lf_of_cr_lf = after_cr_ && piece == "\n";
        line_ += !is_lf_of_cr_lf;
    }
    after_cr_ = piece.back() == '\r';
    return piece;
}

} // namespace passage::ctl
