#pragma once

#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <utility>

namespace passage::client {

/// An operation whose result is known before it starts.
template <class T>
class ReadyOperation final : public detail::Operation<expected<T>>,
                             public std::enable_shared_from_this<ReadyOperation<T>>
{
public:
    explicit ReadyOperation(expected<T> result) : result_{std::move(result)} {}

    using typename detail::Operation<expected<T>>::Ptr;

    void start(detail::Handler<Ptr> handler, boost::asio::any_io_executor executor, bool) override
    {
        std::move(handler).complete_immediately(executor, this->shared_from_this());
    }

    expected<T> take() override { return std::move(result_); }

    void cancel() override {}

private:
    expected<T> result_;
};

} // namespace passage::client
