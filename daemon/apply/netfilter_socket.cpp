// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/netfilter_socket.hpp"

#include <cerrno>
#include <cstring>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netfilter/nfnl.h>
#include <netlink/socket.h>
#include <new>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>

namespace multihomed::apply {

namespace {

using core::Error;
using core::Result;

/// The kernel fills at most 32 KiB of a dump at once when it sees a buffer that large.
constexpr std::size_t kReceiveBuffer = 64 * 1024;
/// The kernel answers while we are still sending, so this only bounds what cannot happen.
constexpr timeval kReceiveTimeout{5, 0};
constexpr std::size_t kMessageSize = 1024;

Error system_error(int code, const std::string& what) {
    return Error{code, what + ": " + std::strerror(code)};
}

/// NLMSG_ERROR: 0 is an acknowledgement.
struct Answer {
    std::uint32_t sequence = 0;
    int code = 0;
    std::string words; ///< the kernel's own, mostly empty
};

std::string extended_words(const nlmsghdr& header, const nlmsgerr& error) {
    if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0)
        return {};
    std::size_t used = sizeof(nlmsgerr);
    if ((header.nlmsg_flags & NLM_F_CAPPED) == 0)
        used += error.msg.nlmsg_len - sizeof(nlmsghdr);
    const auto payload = static_cast<std::size_t>(nlmsg_datalen(&header));
    used = NLMSG_ALIGN(used);
    if (error.msg.nlmsg_len < sizeof(nlmsghdr) || used >= payload)
        return {};
    auto* first = reinterpret_cast<nlattr*>(static_cast<char*>(nlmsg_data(&header)) + used);
    const nlattr* message = nla_find(first, static_cast<int>(payload - used), NLMSGERR_ATTR_MSG);
    if (message == nullptr || nla_len(message) < 1)
        return {};
    const auto* text = static_cast<const char*>(nla_data(message));
    return {text, strnlen(text, static_cast<std::size_t>(nla_len(message)))};
}

std::optional<Answer> decode_answer(const nlmsghdr& header) {
    if (header.nlmsg_type != NLMSG_ERROR ||
        nlmsg_datalen(&header) < static_cast<int>(sizeof(nlmsgerr)))
        return std::nullopt;
    const auto& error = *static_cast<const nlmsgerr*>(nlmsg_data(&header));
    return Answer{header.nlmsg_seq, -error.error, extended_words(header, error)};
}

Error refusal(const Answer& answer) {
    Error error{answer.code, std::strerror(answer.code)};
    if (!answer.words.empty())
        error.what += " (" + answer.words + ")";
    return error;
}

} // namespace

void NlMessageFree::operator()(nl_msg* message) const {
    nlmsg_free(message);
}

NlMessage make_netfilter_message(int type, int flags, std::uint8_t family) {
    NlMessage message(nlmsg_alloc_size(kMessageSize));
    if (!message)
        throw std::bad_alloc();
    nlmsghdr* header =
        nlmsg_put(message.get(), 0, 0, type, sizeof(nfgenmsg), NLM_F_REQUEST | flags);
    auto* general = static_cast<nfgenmsg*>(nlmsg_data(header));
    *general = nfgenmsg{family, NFNETLINK_V0, 0};
    return message;
}

void put_attribute(nl_msg& message, int attribute, const void* data, std::size_t size) {
    if (nla_put(&message, attribute, static_cast<int>(size), data) < 0)
        throw std::bad_alloc();
}

void put_be32(nl_msg& message, int attribute, std::uint32_t host_order) {
    const std::uint32_t value = htonl(host_order);
    put_attribute(message, attribute, &value, sizeof value);
}

void for_each_message(std::span<const std::uint8_t> bytes,
                      const std::function<bool(const nlmsghdr&)>& each) {
    // nlmsg_next() may step behind the end by the padding, so the length is signed.
    auto left = static_cast<int>(bytes.size());
    auto* header = reinterpret_cast<nlmsghdr*>(const_cast<std::uint8_t*>(bytes.data()));
    while (nlmsg_ok(header, left) != 0) {
        if (!each(*header))
            return;
        header = nlmsg_next(header, &left);
    }
}

void NetfilterSocket::SocketFree::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

NetfilterSocket::NetfilterSocket() = default;
NetfilterSocket::~NetfilterSocket() = default;
NetfilterSocket::NetfilterSocket(NetfilterSocket&&) noexcept = default;
NetfilterSocket& NetfilterSocket::operator=(NetfilterSocket&&) noexcept = default;

Result<void> NetfilterSocket::open() {
    socket_.reset(nl_socket_alloc());
    if (!socket_)
        throw std::bad_alloc();
    if (const int failed = nl_connect(socket_.get(), NETLINK_NETFILTER); failed < 0) {
        const Error error{errno, std::string("netfilter socket: ") + nl_geterror(failed)};
        socket_.reset();
        return error;
    }
    const int on = 1;
    // Only the texts of errors depend on these two.
    (void)setsockopt(fd(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    (void)setsockopt(fd(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    if (setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &kReceiveTimeout, sizeof kReceiveTimeout) != 0)
        return system_error(errno, "netfilter socket: receive timeout");
    buffer_.resize(kReceiveBuffer);
    return {};
}

Result<void> NetfilterSocket::join(int group) {
    if (const int failed = nl_socket_add_membership(socket_.get(), group); failed < 0)
        return Error{errno,
                     "netfilter group " + std::to_string(group) + ": " + nl_geterror(failed)};
    return {};
}

int NetfilterSocket::fd() const {
    return socket_ ? nl_socket_get_fd(socket_.get()) : -1;
}

Result<void> NetfilterSocket::send(nl_msg& message) {
    nlmsghdr* header = nlmsg_hdr(&message);
    header->nlmsg_seq = next_sequence();
    header->nlmsg_pid = nl_socket_get_local_port(socket_.get());
    const sockaddr_nl kernel{AF_NETLINK, 0, 0, 0};
    if (::sendto(fd(), header, header->nlmsg_len, 0, reinterpret_cast<const sockaddr*>(&kernel),
                 sizeof kernel) < 0)
        return system_error(errno, "send");
    return {};
}

Result<std::span<const std::uint8_t>> NetfilterSocket::receive(int flags) {
    while (true) {
        sockaddr_nl sender{};
        iovec part{buffer_.data(), buffer_.size()};
        msghdr message{};
        message.msg_name = &sender;
        message.msg_namelen = sizeof sender;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        const ssize_t got = ::recvmsg(fd(), &message, flags);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return system_error(errno, "receive");
        if (sender.nl_pid != 0)
            continue; // another process may send to us, too
        if ((message.msg_flags & MSG_TRUNC) != 0)
            return system_error(EMSGSIZE, "receive");
        return std::span<const std::uint8_t>(buffer_.data(), static_cast<std::size_t>(got));
    }
}

Result<std::span<const std::uint8_t>> NetfilterSocket::receive_now() {
    return receive(MSG_DONTWAIT);
}

Result<void> NetfilterSocket::request(nl_msg& message, const Each& each) {
    nlmsg_hdr(&message)->nlmsg_flags |= NLM_F_ACK;
    if (const auto sent = send(message); !sent)
        return sent.error();
    std::optional<Answer> answer;
    while (!answer) {
        const auto bytes = receive(0);
        if (!bytes)
            return bytes.error();
        for_each_message(*bytes, [&](const nlmsghdr& header) {
            if (header.nlmsg_seq == sequence_)
                answer = decode_answer(header);
            if (header.nlmsg_seq == sequence_ && !answer && each)
                each(header);
            return !answer;
        });
    }
    if (answer->code != 0)
        return refusal(*answer);
    return {};
}

Result<void> NetfilterSocket::dump(nl_msg& message, const Each& each) {
    nlmsg_hdr(&message)->nlmsg_flags |= NLM_F_DUMP;
    if (const auto sent = send(message); !sent)
        return sent.error();
    bool done = false;
    bool interrupted = false;
    std::optional<Answer> answer;
    while (!done) {
        const auto bytes = receive(0);
        if (!bytes)
            return bytes.error();
        for_each_message(*bytes, [&](const nlmsghdr& header) {
            if (header.nlmsg_seq != sequence_)
                return true;
            interrupted = interrupted || (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            answer = decode_answer(header);
            done = answer || header.nlmsg_type == NLMSG_DONE || !each(header);
            return !done;
        });
    }
    if (answer && answer->code != 0)
        return refusal(*answer);
    if (interrupted)
        return system_error(EINTR, "dump");
    return {};
}

Result<std::size_t> NetfilterSocket::request_batch(std::span<const std::uint8_t> messages,
                                                   std::size_t count) {
    const sockaddr_nl kernel{AF_NETLINK, 0, 0, 0};
    if (::sendto(fd(), messages.data(), messages.size(), 0,
                 reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0)
        return system_error(errno, "send");
    const std::uint32_t first = sequence_ - static_cast<std::uint32_t>(count) + 1;
    std::size_t absent = 0;
    std::optional<Answer> refused;
    bool done = false;
    while (!done) {
        const auto bytes = receive(0);
        if (!bytes)
            return bytes.error();
        for_each_message(*bytes, [&](const nlmsghdr& header) {
            const auto answer = decode_answer(header);
            if (!answer || answer->sequence - first >= count)
                return true;
            if (answer->code == ENOENT)
                ++absent;
            else if (answer->code != 0 && !refused)
                refused = answer;
            done = done || answer->sequence == sequence_;
            return true;
        });
    }
    if (refused)
        return refusal(*refused);
    return absent;
}

} // namespace multihomed::apply
