#include "net/idle_timer.hpp"

#include <boost/asio/strand.hpp>

namespace passage::net {
namespace {

using Context = asio::io_context::executor_type;

/// The executor of the `io_context` that an executor runs on. Knows plain executors and strands; null for others.
std::optional<Context> find_io_context(const asio::any_io_executor& executor)
{
    if (const auto* const plain = executor.target<Context>())
        return *plain;
    if (const auto* const strand = executor.target<asio::strand<Context>>())
        return strand->get_inner_executor();
    if (const auto* const strand = executor.target<asio::strand<asio::any_io_executor>>())
        return find_io_context(strand->get_inner_executor());
    return std::nullopt;
}

} // namespace

IdleTimer::IdleTimer(const Strand& strand) : strand_{strand}
{
    if (const auto context = find_io_context(strand.inner()))
        timer_.emplace(*context);
}

} // namespace passage::net
