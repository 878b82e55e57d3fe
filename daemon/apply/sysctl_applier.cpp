// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/sysctl_applier.hpp"

#include "apply/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace multihomed::apply {

namespace {

using core::Error;
using core::Family;
using core::Result;

/// One component of a path, and not one that stands for all interfaces.
bool is_interface_component(const std::string& name) {
    return name != "." && name != ".." && name != "all" && name != "default" &&
           name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

bool is_sysctl_component(const std::string& name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

bool is_absence(int code) {
    return code == ENOENT || code == ENODEV || code == ENXIO;
}

} // namespace

ProcSysctlApplier::ProcSysctlApplier(core::Privileged privileged, std::string root)
    : privileged_(std::move(privileged)), root_(std::move(root)) {}

Result<void> ProcSysctlApplier::apply(const std::vector<core::Sysctl>& wanted) {
    std::set<SysctlKey> keys;
    for (const core::Sysctl& sysctl : wanted)
        keys.insert({sysctl.family, sysctl.interface, sysctl.name});
    std::string failures;
    int code = 0;
    const auto note = [&](const Result<void>& result) {
        if (result)
            return;
        failures += (failures.empty() ? "" : "; ") + result.error().what;
        code = result.error().code;
    };
    privileged_([&] {
        const SysctlHolds before = holds_;
        for (const auto& [key, held] : before)
            if (!keys.contains(key))
                note(put_back(key, held));
        for (const core::Sysctl& sysctl : wanted)
            note(hold({sysctl.family, sysctl.interface, sysctl.name}, sysctl.value));
    });
    if (!failures.empty())
        return Error{code, failures};
    return {};
}

Result<void> ProcSysctlApplier::hold(const SysctlKey& key, int value) {
    const auto now = read(key);
    if (!now)
        return now.error();
    if (!*now) {
        holds_.erase(key);
        return {};
    }
    // Held even if the value is right already: it is to stay so, and to be known for ours.
    const auto [held, first] = holds_.try_emplace(key, SysctlHold{**now, value});
    if (**now != value)
        if (const auto written = write(key, value); !written) {
            if (first)
                holds_.erase(held);
            return written;
        }
    held->second.ours = value;
    return {};
}

Result<void> ProcSysctlApplier::put_back(const SysctlKey& key, const SysctlHold& hold) {
    const auto now = read(key);
    if (!now)
        return now.error();
    if (*now && **now == hold.ours && hold.ours != hold.original)
        if (const auto written = write(key, hold.original); !written)
            return written;
    holds_.erase(key);
    return {};
}

std::vector<core::Sysctl> ProcSysctlApplier::missing(const std::vector<core::Sysctl>& wanted) {
    std::vector<core::Sysctl> missing;
    for (const core::Sysctl& sysctl : wanted) {
        const auto now = read({sysctl.family, sysctl.interface, sysctl.name});
        if (!now || (*now && **now != sysctl.value))
            missing.push_back(sysctl);
    }
    return missing;
}

void ProcSysctlApplier::adopt(const SysctlHolds& holds) {
    holds_.insert(holds.begin(), holds.end());
}

Result<std::optional<int>> ProcSysctlApplier::read(const SysctlKey& key) const {
    const std::string file_path = path(key);
    if ((!key.interface.empty() && !is_interface_component(key.interface)) ||
        !is_sysctl_component(key.name))
        return file_error(EINVAL, "read", file_path);
    const File file(file_path, O_RDONLY);
    if (file.fd() < 0) {
        const int failed = errno;
        const std::string directory = file_path.substr(0, file_path.rfind('/'));
        struct stat found {};
        if (is_absence(failed) && ::stat(directory.c_str(), &found) != 0 && is_absence(errno))
            return std::optional<int>();
        return file_error(failed, "read", file_path);
    }
    std::array<char, 32> text{};
    const ssize_t got = ::read(file.fd(), text.data(), text.size());
    if (got < 0 && is_absence(errno))
        return std::optional<int>(); // went between opening and reading
    if (got < 0)
        return file_error(errno, "read", file_path);
    int value = 0;
    if (std::from_chars(text.data(), text.data() + got, value).ec != std::errc())
        return file_error(EINVAL, "read", file_path);
    return std::optional<int>(value);
}

Result<void> ProcSysctlApplier::write(const SysctlKey& key, int value) const {
    const std::string file_path = path(key);
    const std::string text = std::to_string(value) + "\n";
    const File file(file_path, O_WRONLY);
    if (file.fd() >= 0 && ::write(file.fd(), text.data(), text.size()) >= 0)
        return {}; // one number is one write: the kernel takes all of it or refuses
    if (is_absence(errno))
        return {}; // the interface went meanwhile
    return file_error(errno, "set", file_path + " to " + std::to_string(value));
}

std::string ProcSysctlApplier::path(const SysctlKey& key) const {
    const std::string where = key.interface.empty() ? "" : "/conf/" + key.interface;
    return root_ + "/net/" + core::to_string(key.family) + where + "/" + key.name;
}

} // namespace multihomed::apply
