// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of our routing tables, for iproute2: `ip route show table charter`.
//
// The daemon may write the file but not its directory, so the file is made and given away once,
// while still root (prepare), and afterwards rewritten in place by one write that readers see
// whole: shorter contents are padded with empty lines before the file is cut. A name or number to
// which another file in /etc/iproute2 or /usr/share/iproute2 already gives a different meaning is
// left out and reported. apply() is central.
#pragma once

#include "core/desired.hpp"
#include "core/result.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace multihomed::apply {

class TableNameApplier {
public:
    virtual ~TableNameApplier() = default;

    /// Makes known what can be; the error names what is left out and why.
    virtual core::Result<void> apply(const std::vector<core::TableName>& names) = 0;
    /// Takes all names back.
    virtual core::Result<void> remove() = 0;
};

class TableNamesFile final : public TableNameApplier {
public:
    static constexpr const char* kPath = "/etc/iproute2/rt_tables.d/multihome.conf";

    /// root: a prefix of the directories that iproute2 reads, for tests.
    explicit TableNamesFile(std::string path = kPath, std::string root = "");

    /// As root, before privileges are dropped: the directory and the file exist, and the file is
    /// the given user's. What it holds is kept.
    static core::Result<void> prepare(const std::string& path, uid_t user, gid_t group);

    core::Result<void> apply(const std::vector<core::TableName>& names) override;
    core::Result<void> remove() override;

private:
    std::vector<core::TableName> others() const;
    core::Result<void> rewrite(const std::string& content) const;

    std::string path_;
    std::string root_;
};

} // namespace multihomed::apply
