#include "net/context_work.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

#include <utility>

namespace passage::net {
namespace {

class Work final : public ContextLifetime::Dependent
{
public:
    explicit Work(asio::any_io_executor executor) : executor_{std::move(executor)} {}

    void registered() override { executor_ = asio::prefer(executor_, asio::execution::outstanding_work.tracked); }
    void abandoned() noexcept override {}

private:
    asio::any_io_executor executor_;
};

} // namespace

ContextWork::ContextWork(const asio::any_io_executor& executor)
    : executor_{executor}, lifetime_{ContextLifetime::of(asio::query(executor, asio::execution::context))}
{}

void ContextWork::begin(const asio::any_io_executor& caller)
{
    if (&asio::query(caller, asio::execution::context) != &asio::query(executor_, asio::execution::context))
        registration_.emplace(std::move(lifetime_), std::make_unique<Work>(executor_));
}

} // namespace passage::net
