// SPDX-License-Identifier: GPL-2.0-or-later
//
// Two kinds of rtnetlink sockets: EventSocket follows multicast groups and never blocks,
// RequestSocket asks and waits for the answer, which the kernel has ready at once. All sockets of a
// thread share one receive buffer: what a visitor is shown is valid only until it returns, and it
// must not itself read from a socket.
#pragma once

#include "core/privileges.hpp"
#include "core/result.hpp"
#include "observe/attributes.hpp"
#include "observe/netlink_request.hpp"
#include "observe/socket_filter.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace multihomed::observe {

class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor() { reset(); }
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset(int fd = -1);

private:
    int fd_ = -1;
};

/// Runs `action` with the capabilities raised, or as it is when there is nobody to raise them.
void run_privileged(const core::Privileged& privileged, const std::function<void()>& action);
/// "what: the words of errno"
core::Error system_error(std::string what, int code);

class EventSocket {
public:
    /// `filter` is in force before the first event can arrive; empty: none.
    core::Result<void> open(const std::vector<unsigned>& groups, const SocketFilter& filter,
                            const core::Privileged& privileged);
    core::Result<void> set_filter(const SocketFilter& filter);
    int fd() const { return socket_.get(); }

    enum class Outcome : std::uint8_t {
        empty,   ///< all there was has been visited
        more,    ///< enough for now, the rest waits
        overrun, ///< the kernel had to drop events
    };
    /// Visits what has arrived, message by message.
    Outcome drain(const std::function<void(Bytes)>& visit);
    bool readable() const;

private:
    FileDescriptor socket_;
};

class RequestSocket {
public:
    /// The kernel checks the capabilities of whoever opened the socket and of whoever sends.
    explicit RequestSocket(core::Privileged privileged = {}) : privileged_(std::move(privileged)) {}

    enum class Answer : std::uint8_t {
        complete,
        interrupted, ///< the dumped objects changed meanwhile (NLM_F_DUMP_INTR): ask again
    };
    /// Visits the messages of the answer; `visit` returns false when it has seen enough.
    core::Result<Answer> ask(const Request& request, const std::function<bool(Bytes)>& visit);

private:
    core::Result<void> open();
    core::Result<void> send(const Request& request);
    core::Result<Answer> receive(const Request& request, const std::function<bool(Bytes)>& visit);

    core::Privileged privileged_;
    FileDescriptor socket_; ///< closed whenever an answer was not read to its end
    std::uint32_t sequence_ = 0;
};

} // namespace multihomed::observe
