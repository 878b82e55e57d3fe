// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forgetting flows and waiting for it, as the daemon never does.
#pragma once

#include "apply/conntrack_applier.hpp"

#include <cerrno>
#include <poll.h>

namespace multihomed::testing {

/// Completions that others wait for are lost.
inline core::Result<apply::ForgetReport> forget_and_wait(apply::ConntrackFlowApplier& applier,
                                                         const core::FlowSelector& selector) {
    const apply::Ticket ticket = applier.forget(selector);
    constexpr int kPatienceMs = 120'000;
    pollfd ready{applier.fd(), POLLIN, 0};
    while (poll(&ready, 1, kPatienceMs) == 1 || errno == EINTR)
        for (const apply::Completion& done : applier.completed())
            if (done.ticket == ticket)
                return done.result;
    return core::Error{ETIMEDOUT, "no completion"};
}

} // namespace multihomed::testing
