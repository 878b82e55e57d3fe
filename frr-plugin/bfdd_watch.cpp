// SPDX-License-Identifier: GPL-2.0-or-later
#include "bfdd_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace multihomed::frr {

namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 1s;

/// Connected to whoever listens at `path`; else none, with errno.
probe::Descriptor connected_to(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        return {};
    }
    std::memcpy(name.sun_path, path.c_str(), path.size());
    probe::Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0)
        return {};
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0)
        return fd;
    const int error = errno;
    fd = {}; // which may change errno
    errno = error;
    return {};
}

} // namespace

BfddWatch::BfddWatch(mh_loop* loop, std::string path, std::function<void()> ended,
                     std::function<void()> changed)
    : loop_(loop), path_(std::move(path)), ended_(std::move(ended)), changed_(std::move(changed)),
      end_soon_(loop, [this] { end(); }), again_(loop, [this] { look(); }) {}

void BfddWatch::watch(bool wanted) {
    if (wanted == std::exchange(wanted_, wanted))
        return;
    if (wanted) {
        look();
        return;
    }
    again_.cancel();
    watch_.reset();
    fd_ = {};
    gone_ = false;
}

void BfddWatch::look() {
    if (!wanted_ || watch_)
        return;
    probe::Descriptor fd = connected_to(path_);
    const int error = errno;
    const bool was_gone = gone_;
    gone_ = fd.get() < 0 && (error == ENOENT || error == ECONNREFUSED);
    if (fd.get() < 0) {
        again_.set(std::chrono::steady_clock::now() + kLookAgain);
    } else {
        again_.cancel();
        fd_ = std::move(fd);
        watch_ = std::make_unique<ReadWatch>(loop_, fd_.get(), [this] { on_readable(); });
    }
    if (gone_ != was_gone)
        changed_();
}

void BfddWatch::on_readable() {
    std::array<char, 256> ignored;
    const ssize_t got = read(fd_.get(), ignored.data(), ignored.size());
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        end_soon_.request();
}

void BfddWatch::end() {
    if (!watch_)
        return;
    watch_.reset();
    fd_ = {};
    ended_();
    look(); // a successor may be there
    changed_();
}

} // namespace multihomed::frr
