#pragma once

#include "http/response.hpp"
#include "http/response_fields.hpp"
#include "model/failure.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace passage::http2 {

using TimePoint = std::chrono::steady_clock::time_point;

/// A request in flight and its response (RFC 9113, section 5.1). It and the body of the request must stay in place from
/// `Session::begin` until it has ended or was reset.
class Stream : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
{
public:
    enum class State {
        open,
        complete,  ///< See `take_response`.
        failed,    ///< See `take_failure`.
        no_memory, ///< Memory ran out.
    };

    Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    State state() const noexcept { return state_; }
    /// Precondition: the state is `complete`. To be called once.
    http::Response take_response() { return std::move(response_); }
    /// Precondition: the state is `failed`. To be called once.
    Failure take_failure() { return std::move(failure_); }

    /// Whether a part of the request may have reached the server.
    bool is_begun() const noexcept { return begun_; }
    /// Whether the whole request was sent.
    bool is_sent() const noexcept { return sent_; }
    /// Whether the server sent a frame for this request.
    bool is_answered() const noexcept { return answered_; }
    /// When the first of these frames was received; absent if there is none.
    const std::optional<TimePoint>& answered_at() const noexcept { return answered_at_; }

private:
    friend class Session;

    std::int32_t id_ = 0;
    State state_ = State::open;
    bool begun_ = false;
    bool sent_ = false;
    bool answered_ = false;
    std::optional<TimePoint> answered_at_;
    bool reset_by_peer_ = false;
    bool head_is_final_ = false; ///< Header fields that follow are trailers.
    std::size_t head_bytes_ = 0; ///< Size of the current header.
    std::size_t head_fields_ = 0;
    std::size_t interim_ = 0;
    std::string_view unsent_; ///< The rest of the body.
    http::Response response_;
    http::ResponseFields fields_;
    Failure failure_;
};

} // namespace passage::http2
