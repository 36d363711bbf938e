#pragma once

/// \file
/// Includes all headers of the client library.

#include <passage/app.hpp>
#include <passage/auth.hpp>
#include <passage/batch.hpp>
#include <passage/batch_options.hpp>
#include <passage/call_options.hpp>
#include <passage/claims.hpp>
#include <passage/client.hpp>
#include <passage/client_stats.hpp>
#include <passage/config.hpp>
#include <passage/error.hpp>
#include <passage/expected.hpp>
#include <passage/list_users.hpp>
#include <passage/log_observer.hpp>
#include <passage/magic_link.hpp>
#include <passage/observer.hpp>
#include <passage/requests.hpp>
#include <passage/secret.hpp>
#include <passage/trace_parent.hpp>
#include <passage/user.hpp>
