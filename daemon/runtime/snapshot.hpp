// SPDX-License-Identifier: GPL-2.0-or-later
//
// What survives the process, in one small file of the run directory: the engine's Snapshot and the
// sysctl values to be put back (schema: snapshot.proto). A file that is missing, damaged or of
// another version is as good as none; a daemon must never refuse to start for it.
#pragma once

#include "apply/sysctl_applier.hpp"
#include "core/result.hpp"
#include "runtime/engine.hpp"

#include <optional>
#include <string>

namespace multihomed::runtime {

struct Saved {
    Snapshot engine;
    apply::SysctlHolds sysctls;

    bool operator==(const Saved&) const = default;
};

std::string encode_saved(const Saved& saved);
/// Nothing but what the daemon itself could have written is accepted.
core::Result<Saved> decode_saved(const std::string& text);

/// Takes the place of the file in one step (rename), so the directory must be writable. A reader
/// sees the old contents or the new ones.
core::Result<void> save(const std::string& path, const Saved& saved);
/// Nothing when there is no file; an error says why the file is of no use.
core::Result<std::optional<Saved>> load(const std::string& path);

} // namespace multihomed::runtime
