// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/netlink_socket.hpp"

#include "observe/netlink_decode.hpp"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace multihomed::observe {

namespace {

/// The kernel fills dump datagrams up to 32 KiB if the reader offers as much.
constexpr std::size_t kDatagram = 64U * 1024U;
constexpr int kReceiveBuffer = 4 * 1024 * 1024;
/// Datagrams a call of drain(): a flood must not hold up the event loop.
constexpr int kDrainLimit = 1024;
/// The kernel answers at once, unless something holds its RTNL lock.
constexpr timeval kAnswerLimit{5, 0};

struct Datagram {
    ssize_t size = -1; ///< negative: errno is set
    bool truncated = false;
    bool from_kernel = false;
    Bytes bytes;
};

Datagram receive_datagram(int fd, int flags) {
    // One buffer serves every socket: all run on the daemon's one thread.
    alignas(nlmsghdr) static thread_local std::array<std::uint8_t, kDatagram> buffer;
    sockaddr_nl from{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    Datagram datagram;
    do
        datagram.size = recvmsg(fd, &message, flags);
    while (datagram.size < 0 && errno == EINTR);
    if (datagram.size < 0)
        return datagram;
    datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
    datagram.from_kernel = from.nl_pid == 0;
    datagram.bytes = Bytes(buffer.data(), static_cast<std::size_t>(datagram.size));
    return datagram;
}

core::Result<FileDescriptor> open_netlink(int flags) {
    FileDescriptor fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
        return system_error("open netlink socket", errno);
    return fd;
}

bool set_netlink_option(int fd, int option, int value) {
    return setsockopt(fd, SOL_NETLINK, option, &value, sizeof value) == 0;
}

} // namespace

void FileDescriptor::reset(int fd) {
    if (fd_ >= 0)
        close(fd_);
    fd_ = fd;
}

void run_privileged(const core::Privileged& privileged, const std::function<void()>& action) {
    if (privileged)
        privileged(action);
    else
        action();
}

core::Error system_error(std::string what, int code) {
    return {code, std::move(what) + ": " + std::generic_category().message(code)};
}

core::Result<void> EventSocket::open(const std::vector<unsigned>& groups,
                                     const SocketFilter& filter,
                                     const core::Privileged& privileged) {
    auto fd = open_netlink(SOCK_NONBLOCK);
    if (!fd)
        return fd.error();
    socket_ = std::move(fd.value());
    const int size = kReceiveBuffer;
    int forced = -1;
    run_privileged(privileged, [&] {
        forced = setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    });
    // Without the capability the limit of net.core.rmem_max applies; that still works.
    if (forced != 0 && setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0)
        return system_error("enlarge netlink receive buffer", errno);
    if (!filter.empty())
        if (auto set = set_filter(filter); !set)
            return set;
    for (const unsigned group : groups)
        if (!set_netlink_option(socket_.get(), NETLINK_ADD_MEMBERSHIP, static_cast<int>(group)))
            return system_error("join netlink group " + std::to_string(group), errno);
    return {};
}

core::Result<void> EventSocket::set_filter(const SocketFilter& filter) {
    sock_fprog program{};
    program.len = static_cast<unsigned short>(filter.size());
    program.filter = const_cast<sock_filter*>(filter.data()); // the kernel only reads it
    if (setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return system_error("attach netlink filter", errno);
    return {};
}

EventSocket::Outcome EventSocket::drain(const std::function<void(Bytes)>& visit) {
    // After an overrun the kernel goes on dropping events, without saying so again, until the queue
    // has been emptied: all of it must go before anything is read anew.
    bool overrun = false;
    for (int i = 0; overrun || i < kDrainLimit; ++i) {
        const Datagram datagram = receive_datagram(fd(), MSG_DONTWAIT);
        if (datagram.size < 0 && errno == EAGAIN)
            return overrun ? Outcome::overrun : Outcome::empty;
        if (datagram.size < 0 && errno != ENOBUFS)
            return Outcome::overrun;
        overrun |= datagram.size < 0 || datagram.truncated;
        if (overrun || !datagram.from_kernel)
            continue;
        for_each_message(datagram.bytes, [&](Bytes message) {
            visit(message);
            return true;
        });
    }
    return Outcome::more;
}

bool EventSocket::readable() const {
    pollfd entry{fd(), POLLIN, 0};
    return poll(&entry, 1, 0) > 0;
}

core::Result<void> RequestSocket::open() {
    core::Result<FileDescriptor> fd = system_error("open netlink socket", EPERM);
    run_privileged(privileged_, [&] { fd = open_netlink(0); });
    if (!fd)
        return fd.error();
    // Kernels that lack one of the first three options answer more, or in fewer words.
    set_netlink_option(fd->get(), NETLINK_GET_STRICT_CHK, 1);
    set_netlink_option(fd->get(), NETLINK_EXT_ACK, 1);
    set_netlink_option(fd->get(), NETLINK_CAP_ACK, 1);
    if (setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerLimit, sizeof kAnswerLimit) != 0)
        return system_error("open netlink socket", errno);
    socket_ = std::move(fd.value());
    return {};
}

core::Result<void> RequestSocket::send(const Request& request) {
    std::vector<std::uint8_t> bytes = request.bytes;
    ++sequence_;
    std::memcpy(bytes.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence_, sizeof sequence_);
    ssize_t sent = -1;
    int code = 0;
    run_privileged(privileged_, [&] {
        sent = ::send(socket_.get(), bytes.data(), bytes.size(), 0);
        code = errno;
    });
    if (sent < 0)
        return system_error(request.what, code);
    return {};
}

core::Result<RequestSocket::Answer>
RequestSocket::receive(const Request& request, const std::function<bool(Bytes)>& visit) {
    Answer answer = Answer::complete;
    core::Error failure;
    bool ended = false;
    bool enough = false;
    const auto take = [&](Bytes message) {
        const nlmsghdr header = *read_struct<nlmsghdr>(message);
        if (header.nlmsg_seq != sequence_)
            return true;
        if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
            answer = Answer::interrupted;
        if (header.nlmsg_type != NLMSG_DONE && header.nlmsg_type != NLMSG_ERROR) {
            enough = !visit(message);
            return !enough;
        }
        ended = true;
        const Message decoded = decode(message);
        const auto* end = std::get_if<Ended>(&decoded);
        if (end == nullptr || end->error != 0) {
            failure = system_error(request.what, end != nullptr ? end->error : EBADMSG);
            if (end != nullptr && !end->text.empty())
                failure.what += " (" + end->text + ")";
        }
        return false;
    };
    while (!ended && !enough && failure.code == 0) {
        const Datagram datagram = receive_datagram(socket_.get(), 0);
        if (datagram.size < 0)
            failure = system_error(request.what, errno == EAGAIN ? ETIMEDOUT : errno);
        else if (datagram.truncated)
            failure = system_error(request.what, EMSGSIZE);
        else if (datagram.from_kernel)
            for_each_message(datagram.bytes, take);
    }
    if (!ended)
        socket_.reset();
    if (failure.code != 0)
        return failure;
    return answer;
}

core::Result<RequestSocket::Answer> RequestSocket::ask(const Request& request,
                                                       const std::function<bool(Bytes)>& visit) {
    if (!socket_)
        if (auto opened = open(); !opened)
            return opened.error();
    if (auto sent = send(request); !sent)
        return sent.error();
    return receive(request, visit);
}

} // namespace multihomed::observe
