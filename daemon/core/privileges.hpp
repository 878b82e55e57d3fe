// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon runs as user frr and holds its capabilities lowered; what needs them is called through
// this.
#pragma once

#include <functional>

namespace multihomed::core {

/// Calls its argument once, at once, with the daemon's capabilities raised.
using Privileged = std::function<void(const std::function<void()>&)>;

} // namespace multihomed::core
