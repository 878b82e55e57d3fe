// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/table_names_file.hpp"

#include "apply/file.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace multihomed::apply {

namespace {

namespace fs = std::filesystem;
using core::Error;
using core::Result;
using core::TableName;

constexpr std::string_view kHeader = "# Routing tables of multihomed, which rewrites this file.\n";

/// Known to iproute2 without a file.
const std::vector<TableName>& built_in() {
    static const std::vector<TableName> kNames{{0, "unspec"},    {0, "all"},    {0, "cache"},
                                               {253, "default"}, {254, "main"}, {255, "local"}};
    return kNames;
}

/// The whole text as strtoul reads it, base 0: iproute2 takes such a name for a number elsewhere.
std::optional<std::uint32_t> as_number(const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const unsigned long value = std::strtoul(text.c_str(), &end, 0);
    if (text.empty() || *end != '\0' || errno != 0 || value > UINT32_MAX)
        return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

void read_names(const fs::path& path, std::vector<TableName>& names) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string id;
        std::string name;
        if (words >> id >> name)
            if (const auto number = as_number(id))
                names.push_back({*number, name});
    }
}

/// Why the name cannot stand beside those; empty if it can.
std::string conflict(const TableName& wanted, const std::vector<TableName>& known) {
    const std::string what = "table name " + wanted.name + " for " + std::to_string(wanted.table);
    if (as_number(wanted.name))
        return what + " would be taken for a number";
    for (const TableName& other : known) {
        if (other.name == wanted.name && other.table != wanted.table)
            return what + ": the name is taken by table " + std::to_string(other.table);
        if (other.table == wanted.table && other.name != wanted.name)
            return what + ": the table is already called " + other.name;
    }
    return {};
}

} // namespace

TableNamesFile::TableNamesFile(std::string path, std::string root)
    : path_(std::move(path)), root_(std::move(root)) {}

Result<void> TableNamesFile::prepare(const std::string& path, uid_t user, gid_t group) {
    std::error_code failed;
    fs::create_directories(fs::path(path).parent_path(), failed);
    if (failed)
        return file_error(failed.value(), "make the directory of", path);
    const File file(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644);
    if (file.fd() < 0)
        return file_error(errno, "make", path);
    if (::fchown(file.fd(), user, group) != 0 || ::fchmod(file.fd(), 0644) != 0)
        return file_error(errno, "give away", path);
    return {};
}

Result<void> TableNamesFile::apply(const std::vector<TableName>& names) {
    std::vector<TableName> known = others();
    std::string content(kHeader);
    std::string conflicts;
    for (const TableName& name : names) {
        if (const std::string reason = conflict(name, known); !reason.empty()) {
            conflicts += (conflicts.empty() ? "" : "; ") + reason;
            continue;
        }
        content += std::to_string(name.table) + "\t" + name.name + "\n";
        known.push_back(name);
    }
    if (const auto written = rewrite(content); !written)
        return written;
    if (!conflicts.empty())
        return Error{EEXIST, conflicts};
    return {};
}

Result<void> TableNamesFile::remove() {
    return rewrite("");
}

std::vector<TableName> TableNamesFile::others() const {
    std::vector<TableName> names = built_in();
    for (const char* base : {"/usr/share/iproute2", "/etc/iproute2"}) {
        const fs::path directory = root_ + base;
        read_names(directory / "rt_tables", names);
        std::error_code failed;
        for (fs::directory_iterator entry(directory / "rt_tables.d", failed), end;
             !failed && entry != end; entry.increment(failed))
            if (entry->path().extension() == ".conf" && entry->path() != fs::path(path_))
                read_names(entry->path(), names);
    }
    return names;
}

Result<void> TableNamesFile::rewrite(const std::string& content) const {
    const File file(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
    if (file.fd() < 0)
        return file_error(errno, "open", path_);
    struct stat now {};
    if (::fstat(file.fd(), &now) != 0)
        return file_error(errno, "read", path_);
    std::string text = content;
    if (static_cast<std::size_t>(now.st_size) > text.size())
        text.resize(static_cast<std::size_t>(now.st_size), '\n');
    const ssize_t written = ::pwrite(file.fd(), text.data(), text.size(), 0);
    if (written != static_cast<ssize_t>(text.size()))
        return file_error(written < 0 ? errno : ENOSPC, "write", path_);
    if (::ftruncate(file.fd(), static_cast<off_t>(content.size())) != 0)
        return file_error(errno, "cut", path_);
    return {};
}

} // namespace multihomed::apply
