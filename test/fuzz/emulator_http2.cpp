#include "demo_store.hpp"
#include "fuzz.hpp"

#include "connection.hpp"
#include "fault_plan.hpp"
#include "service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>

#include <nghttp2/nghttp2.h>

#include <array>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

// From a client's frames to the emulator's. Two bytes say which fault is switched on, and how the bytes are split; the
// rest is all that a client sends over a plain connection until it closes it.

namespace passage::fuzz {
namespace {

namespace asio = boost::asio;

/// What a request is answered with by a fault of the emulator's own.
constexpr std::string_view internal_error = "500";

constexpr std::size_t frame_head_size = 9;

/// What a client understands of the emulator's frames.
class Answers
{
public:
    Answers()
    {
        nghttp2_hd_inflater* made = nullptr;
        require(nghttp2_hd_inflate_new(&made) == 0, "there is memory");
        inflater_.reset(made);
    }

    void add(std::string_view bytes)
    {
        buffer_.append(bytes);
        while (buffer_.size() >= frame_head_size) {
            const std::size_t size = number(0, 3);
            if (buffer_.size() < frame_head_size + size)
                return;
            const std::uint8_t type = byte(3);
            require(!first_ || type == NGHTTP2_SETTINGS, "the first frame is SETTINGS");
            first_ = false;
            take(type, byte(4), static_cast<std::uint32_t>(number(5, 4)), buffer_.substr(frame_head_size, size));
            buffer_.erase(0, frame_head_size + size);
        }
    }

    /// `cut` if the emulator may have ended within a frame.
    void end(bool cut) const { require(cut || buffer_.empty(), "the last frame is whole"); }

private:
    struct Answer
    {
        std::string status;
        std::string body;
        bool ended = false;
    };

    struct Free
    {
        void operator()(nghttp2_hd_inflater* inflater) const { nghttp2_hd_inflate_del(inflater); }
    };

    std::uint8_t byte(std::size_t at) const { return static_cast<std::uint8_t>(buffer_[at]); }
    std::size_t number(std::size_t at, std::size_t size) const
    {
        std::size_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value = value << 8 | byte(at + i);
        return value;
    }

    void take(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, const std::string& payload)
    {
        if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA)
            return;
        require(stream % 2 == 1, "an answer is one to a client's stream");
        Answer& answer = answers_[stream];
        require(!answer.ended, "nothing follows an answer");
        if (type == NGHTTP2_HEADERS) {
            require((flags & NGHTTP2_FLAG_END_HEADERS) != 0, "a head is one frame");
            require(answer.status.empty() || answer.status.starts_with('1'), "an answer has one head");
            answer.status = status_of(payload);
            require(answer.status.size() == 3 && answer.status != internal_error, "no request makes the emulator fail");
        } else {
            require(!answer.status.empty() && !answer.status.starts_with('1'), "the head comes first");
            answer.body += payload;
        }
        if ((flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            answer.ended = true;
            ++taken;
            boost::system::error_code error;
            if (!answer.body.empty())
                require(boost::json::parse(answer.body, error).is_object() && !error, "a body is a JSON object");
        }
    }

    std::string status_of(const std::string& block)
    {
        std::string status;
        const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
        std::size_t left = block.size();
        for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
            nghttp2_nv field{};
            const auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, at, left, 1);
            require(used >= 0, "a head can be decoded");
            at += used;
            left -= static_cast<std::size_t>(used);
            const std::string_view name(reinterpret_cast<const char*>(field.name), field.namelen);
            if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && name == ":status")
                status.assign(reinterpret_cast<const char*>(field.value), field.valuelen);
        }
        nghttp2_hd_inflate_end_headers(inflater_.get());
        return status;
    }

    std::unique_ptr<nghttp2_hd_inflater, Free> inflater_;
    std::string buffer_;
    std::map<std::uint32_t, Answer> answers_;
    bool first_ = true;
};

/// The client's end of a connection. Never waits.
class Client
{
public:
    explicit Client(int socket) : socket_(socket) {}
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { close(socket_); }

    /// How much of it was sent; all that is left if the emulator has ended.
    std::size_t send(std::string_view bytes)
    {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN ? 0 : bytes.size();
        return static_cast<std::size_t>(sent);
    }
    void finish() { shutdown(socket_, SHUT_WR); }
    std::string receive()
    {
        std::string all;
        std::array<char, 16 * 1024> part;
        ssize_t size = 0;
        while ((size = recv(socket_, part.data(), part.size(), MSG_DONTWAIT)) > 0)
            all.append(part.data(), static_cast<std::size_t>(size));
        return all;
    }

private:
    int socket_;
};

Faults faults_of(std::uint8_t choice)
{
    switch (choice % 8) {
    case 1:
        return Faults{}.refuse(0.5);
    case 2:
        return Faults{}.goaway_after(2);
    case 3:
        return Faults{}.max_streams(1);
    case 4:
        return Faults{}.cut_after(100);
    case 5:
        return Faults{}.close_after(2);
    case 6:
        return Faults{}.reset(0.5);
    case 7:
        return Faults{}.error(429);
    default:
        return Faults{};
    }
}

} // namespace

void run(std::string_view input_bytes)
{
    Input input{input_bytes};
    const std::uint8_t fault = input.byte();
    const std::uint8_t seed = input.byte();
    std::minstd_rand random{seed + 1U};
    // Clients over HTTP/1.1 are those of another target.
    const std::string bytes = std::string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}.append(input.rest());

    emulator::FaultPlan plan{faults_of(fault)};
    emulator::Service service{store_of_one_user(), plan, {}, true};
    int ends[2];
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "there are sockets");
    Client client{ends[0]};
    Answers answers;
    asio::io_context io{1};
    bool over = false;
    {
        emulator::Connection connection{
            emulator::ByteStream::Socket{io, asio::generic::stream_protocol{AF_UNIX, 0}, ends[1]}, nullptr, service};
        asio::co_spawn(io, connection.run(), [&](const std::exception_ptr& failure) {
            require(!failure, "nothing is thrown");
            over = true;
        });
        std::string_view left = bytes;
        while (!left.empty() && !over) {
            const std::size_t size = seed % 4 == 0 ? left.size() : 1 + random() % 64;
            left.remove_prefix(client.send(left.substr(0, size)));
            io.poll();
            io.restart();
            answers.add(client.receive());
        }
        client.finish();
        while (!over) {
            io.run_one_for(std::chrono::seconds{5});
            io.restart();
            answers.add(client.receive());
        }
    }
    answers.add(client.receive());
    answers.end(fault % 8 == 4);
}

} // namespace passage::fuzz
