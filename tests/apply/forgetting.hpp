// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forgetting flows and waiting for it, as the daemon never does.
#pragma once

#include "apply/conntrack_applier.hpp"
#include "apply/conntrack_codec.hpp"

#include <cerrno>
#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
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

/// A kernel that does not know CTA_FILTER in a deletion sees the message without it: such a message
/// must be refused, not obeyed.
inline void refuse_without_filter(const apply::NlMessage& message) {
    nlmsghdr* header = nlmsg_hdr(message.get());
    const nlattr* filter = nlmsg_find_attr(header, sizeof(nfgenmsg), CTA_FILTER);
    ASSERT_NE(filter, nullptr);
    const auto offset = reinterpret_cast<const std::uint8_t*>(filter) -
                        reinterpret_cast<const std::uint8_t*>(header);
    ASSERT_EQ(static_cast<std::size_t>(offset) + NLA_ALIGN(filter->nla_len), header->nlmsg_len)
        << "it must be the last attribute for this test";
    header->nlmsg_len = static_cast<std::uint32_t>(offset);
    apply::NetfilterSocket socket;
    ASSERT_TRUE(socket.open());
    const auto answer = socket.request(*message);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, EINVAL);
}

} // namespace multihomed::testing
