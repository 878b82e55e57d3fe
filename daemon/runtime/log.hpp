// SPDX-License-Identifier: GPL-2.0-or-later
//
// The log as the daemon's layers see it. Warning and error only where the operator should act.
#pragma once

#include <functional>
#include <string>

namespace multihomed::runtime {

enum class Level { debug, info, notice, warning, error };

using Log = std::function<void(Level, const std::string&)>;

} // namespace multihomed::runtime
