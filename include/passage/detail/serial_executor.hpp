#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <utility>

namespace passage::detail {

/// A strand that an `any_io_executor` has room for: one that it keeps on the heap is copied there several times a call.
///
/// What waits to run on it is no work of its own: whoever uses it keeps the context running.
class SerialExecutor
{
public:
    /// On top of an executor.
    static SerialExecutor make(const boost::asio::any_io_executor& executor)
    {
        auto strands = std::make_shared<const Strands>(executor);
        const Strand* const used = &strands->possibly;
        return SerialExecutor{std::move(strands), used};
    }

    template <class Function>
    void execute(Function&& function) const
    {
        used_->execute(std::forward<Function>(function));
    }

    boost::asio::execution_context& query(boost::asio::execution::context_t property) const noexcept
    {
        return boost::asio::query(*used_, property);
    }
    /// Not asked of the strand, which would ask an `any_io_executor`: that allocates its answer.
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept
    {
        if (used_ == &strands_->never)
            return boost::asio::execution::blocking.never;
        return boost::asio::execution::blocking.possibly;
    }
    SerialExecutor require(boost::asio::execution::blocking_t::never_t) const noexcept
    {
        return SerialExecutor{strands_, &strands_->never};
    }
    SerialExecutor require(boost::asio::execution::blocking_t::possibly_t) const noexcept
    {
        return SerialExecutor{strands_, &strands_->possibly};
    }

    friend bool operator==(const SerialExecutor&, const SerialExecutor&) noexcept = default;

private:
    using Strand = boost::asio::strand<boost::asio::any_io_executor>;

    /// One strand, by the two ways to hand it a function.
    struct Strands
    {
        explicit Strands(const boost::asio::any_io_executor& executor)
            : possibly{boost::asio::make_strand(executor)},
              never{boost::asio::require(possibly, boost::asio::execution::blocking.never)}
        {}

        Strand possibly; ///< Runs it at once if it may.
        Strand never;
    };

    SerialExecutor(std::shared_ptr<const Strands> strands, const Strand* used) noexcept
        : strands_{std::move(strands)}, used_{used}
    {}

    std::shared_ptr<const Strands> strands_;
    const Strand* used_;
};

} // namespace passage::detail
