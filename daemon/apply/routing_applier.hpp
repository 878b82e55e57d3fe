// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where routes and rules go: zebra, through whatever dataplane it has. Requests are sent, not
// awaited; what became of them is told by Note and, for certain, by the kernel itself
// (core/kernel_view.hpp).
#pragma once

#include "core/desired.hpp"

#include <string>

namespace multihomed::apply {

enum class Note {
    installed,
    removed,
    failed,   ///< the kernel refused; the error says why
    outranked ///< zebra prefers somebody else's route to the same destination
};

class RoutingApplier {
public:
    virtual ~RoutingApplier() = default;

    /// Adds, or replaces the route with the same key.
    virtual void add(const core::Route& route) = 0;
    virtual void remove(const core::Route& route) = 0;
    /// Adding a rule again repairs one that somebody deleted in the kernel.
    virtual void add(const core::Rule& rule) = 0;
    virtual void remove(const core::Rule& rule) = 0;
    /// Every wanted rule has been sent: what a predecessor left and nobody claimed may go.
    virtual void rules_complete() = 0;
};

} // namespace multihomed::apply
