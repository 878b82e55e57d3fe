// SPDX-License-Identifier: GPL-2.0-or-later
//
// An open file, closed when it goes out of scope, and the kernel's words for what went wrong with
// it.
#pragma once

#include "core/result.hpp"

#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace multihomed::apply {

class File {
public:
    File(const std::string& path, int flags, mode_t mode = 0)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~File() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    /// -1: not opened, errno says why
    int fd() const { return fd_; }

private:
    int fd_;
};

inline core::Error file_error(int code, const std::string& action, const std::string& path) {
    return core::Error{code, action + " " + path + ": " + std::strerror(code)};
}

} // namespace multihomed::apply
