// SPDX-License-Identifier: GPL-2.0-or-later
//
// A network namespace for the time of one test, and what tests do in it. Needs root; tests skip
// else.
#pragma once

#include "core/privileges.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace multihomed::testing {

/// Privileges as root has them: always raised.
inline core::Privileged always() {
    return [](const std::function<void()>& call) { call(); };
}

inline void run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command; // NOLINT
}

inline std::string output_of(const std::string& command) {
    std::string output;
    FILE* pipe = popen(command.c_str(), "r"); // NOLINT
    if (pipe == nullptr)
        return output;
    char part[4096];
    for (size_t got = 0; (got = fread(part, 1, sizeof part, pipe)) > 0;)
        output.append(part, got);
    pclose(pipe);
    return output;
}

/// What `body` returns as the first process of a new pid namespace, where getpid() is 1.
inline int status_in_pid_namespace(const std::function<int()>& body) {
    const auto status_of = [](pid_t process) {
        int status = -1;
        const bool ended = waitpid(process, &status, 0) == process && WIFEXITED(status);
        return ended ? WEXITSTATUS(status) : -1;
    };
    const pid_t outer = fork();
    if (outer != 0)
        return status_of(outer);
    if (unshare(CLONE_NEWPID) != 0) // holds for children only
        _exit(EXIT_FAILURE);
    const pid_t first = fork();
    _exit(first == 0 ? body() : status_of(first));
}

/// Calls `body` in a thread that may raise these capabilities, as a mask, and has raised none:
/// what libfrr leaves a daemon with.
inline void with_capabilities(std::uint32_t permitted, const std::function<void()>& body) {
    std::thread([&] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
        sets[0].permitted = permitted;
        ASSERT_EQ(syscall(SYS_capset, &header, sets.data()), 0);
        body();
    }).join();
}

/// This thread, and what it starts, lives in a new namespace while the object lives.
class NetworkNamespace {
public:
    NetworkNamespace() : outer_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        entered_ = outer_ >= 0 && unshare(CLONE_NEWNET) == 0;
    }
    ~NetworkNamespace() {
        if (entered_ && setns(outer_, CLONE_NEWNET) != 0)
            abort(); // all that follows would run in the wrong place
        if (outer_ >= 0)
            close(outer_);
    }
    NetworkNamespace(const NetworkNamespace&) = delete;
    NetworkNamespace& operator=(const NetworkNamespace&) = delete;

    bool entered() const { return entered_; }

private:
    int outer_;
    bool entered_ = false;
};

class InNamespace : public ::testing::Test {
protected:
    void SetUp() override {
        if (!namespace_.entered())
            GTEST_SKIP() << "needs root for a network namespace";
        run("ip link set lo up");
    }

private:
    NetworkNamespace namespace_;
};

} // namespace multihomed::testing
