// SPDX-License-Identifier: GPL-2.0-or-later
//
// A second network namespace beside the one that the test lives in: the other end of its lines.
#pragma once

#include "apply/netns.hpp"

#include <string>

namespace multihomed::testing {

class PeerNamespace {
public:
    PeerNamespace() {
        const NetworkNamespace inside;
        if (inside.entered())
            fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    ~PeerNamespace() {
        if (fd_ >= 0)
            close(fd_);
    }
    PeerNamespace(const PeerNamespace&) = delete;
    PeerNamespace& operator=(const PeerNamespace&) = delete;

    /// For `ip link set ... netns PATH`.
    std::string path() const {
        return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
    }
    void run_inside(const std::string& command) const {
        run("nsenter --net=" + path() + " sh -ec '" + command + "'");
    }
    /// Sockets that `body` makes stay there.
    void within(const std::function<void()>& body) const {
        const int outer = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(setns(fd_, CLONE_NEWNET), 0) << strerror(errno);
        body();
        if (setns(outer, CLONE_NEWNET) != 0)
            abort(); // all that follows would run in the wrong place
        close(outer);
    }

private:
    int fd_ = -1;
};

} // namespace multihomed::testing
