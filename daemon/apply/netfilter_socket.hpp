// SPDX-License-Identifier: GPL-2.0-or-later
//
// One NETLINK_NETFILTER socket: requests, dumps and multicast, over libnl's messages.
//
// Receiving is our own loop over one buffer, because libnl copies every message of a dump twice and
// a conntrack table has a million of them. Every wait is bounded, so that a lost answer costs an
// error and not the daemon. Opening and sending need CAP_NET_ADMIN: the kernel looks at both the
// opener of the socket and the sender. Messages are decoded elsewhere, by functions from bytes to
// values.
#pragma once

#include "core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

struct nl_msg;
struct nl_sock;
struct nlmsghdr;

namespace multihomed::apply {

struct NlMessageFree {
    void operator()(nl_msg* message) const;
};
using NlMessage = std::unique_ptr<nl_msg, NlMessageFree>;

/// A request of a netfilter subsystem with its nfgenmsg. type: NFNL_SUBSYS_* << 8 | message.
/// family: AF_* or NFPROTO_*. Throws std::bad_alloc when there is no memory.
NlMessage make_netfilter_message(int type, int flags, std::uint8_t family);

/// Attribute that must fit; false never happens unless the message was made too small.
void put_attribute(nl_msg& message, int attribute, const void* data, std::size_t size);
void put_be32(nl_msg& message, int attribute, std::uint32_t host_order);

class NetfilterSocket {
public:
    /// Gets each message of a dump, valid for the call. False ends the dump: no more is wanted.
    using Each = std::function<bool(const nlmsghdr&)>;

    NetfilterSocket();
    ~NetfilterSocket();
    NetfilterSocket(NetfilterSocket&&) noexcept;
    NetfilterSocket& operator=(NetfilterSocket&&) noexcept;

    core::Result<void> open();
    core::Result<void> join(int group);
    /// -1 until opened
    int fd() const;

    /// Sends and waits for the kernel's verdict; what it says besides goes to `each`, if there is
    /// one.
    core::Result<void> request(nl_msg& message, const Each& each = {});
    /// Error EINTR: the table changed meanwhile and the answer is not one consistent picture.
    core::Result<void> dump(nl_msg& message, const Each& each);
    /// Sends `count` (at most kMaxBatch) requests that lie one behind the other in `messages` and
    /// waits for them all; the last must ask for an acknowledgement. The value is how many of them
    /// the kernel answered with ENOENT; any other refusal is an error.
    core::Result<std::size_t> request_batch(std::span<const std::uint8_t> messages,
                                            std::size_t count);
    /// So many that refusals of all of them fit into the socket's default receive buffer.
    static constexpr std::size_t kMaxBatch = 64;

    /// Multicast: what has arrived, without waiting. Error EAGAIN: nothing; ENOBUFS: some were
    /// lost.
    core::Result<std::span<const std::uint8_t>> receive_now();
    /// The sequence number the next message of request_batch() shall bear.
    std::uint32_t next_sequence() { return ++sequence_; }

private:
    struct SocketFree {
        void operator()(nl_sock* socket) const;
    };
    core::Result<void> send(nl_msg& message);
    core::Result<std::span<const std::uint8_t>> receive(int flags);

    std::unique_ptr<nl_sock, SocketFree> socket_;
    std::vector<std::uint8_t> buffer_;
    std::uint32_t sequence_ = 0;
};

/// Calls `each` for every complete netlink message in `bytes`; false from it ends the walk.
void for_each_message(std::span<const std::uint8_t> bytes,
                      const std::function<bool(const nlmsghdr&)>& each);

} // namespace multihomed::apply
