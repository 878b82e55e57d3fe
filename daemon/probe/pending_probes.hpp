// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes that have a socket of their own until they are answered or given up, in the order in which
// they went out. One epoll set over all of their sockets is what the prober watches.
#pragma once

#include "probe/line_socket.hpp"

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

namespace multihomed::probe {

template <class Question>
class PendingProbes {
public:
    struct Probe {
        Descriptor fd;
        core::Time sent{};
        core::Address target;
        std::uint16_t sequence = 0;
        Question question; ///< what the kind needs to know of it
    };

    PendingProbes() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

    int fd() const { return epoll_.get(); }

    /// events: of epoll(7), besides errors. False with errno.
    bool add(Probe probe, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = next_;
        if (epoll_ctl(fd(), EPOLL_CTL_ADD, probe.fd.get(), &event) != 0)
            return false;
        probes_.emplace(next_++, std::move(probe));
        return true;
    }

    /// Shows those whose sockets are ready, 64 at most; `is_done` closes one by returning true.
    void each_ready(const std::function<bool(const Probe&)>& is_done) {
        std::array<epoll_event, 64> ready{};
        const int count = epoll_wait(fd(), ready.data(), static_cast<int>(ready.size()), 0);
        for (int i = 0; i < count; ++i) {
            const auto probe = probes_.find(ready[static_cast<std::size_t>(i)].data.u64);
            if (probe != probes_.end() && is_done(probe->second))
                probes_.erase(probe);
        }
    }

    std::optional<core::Time> oldest() const {
        return probes_.empty() ? std::nullopt : std::optional(probes_.begin()->second.sent);
    }
    void give_up(core::Time sent_until) {
        while (!probes_.empty() && probes_.begin()->second.sent <= sent_until)
            probes_.erase(probes_.begin());
    }

private:
    Descriptor epoll_;
    std::map<std::uint64_t, Probe> probes_; ///< by a number counted up
    std::uint64_t next_ = 0;
};

} // namespace multihomed::probe
