// SPDX-License-Identifier: GPL-2.0-or-later
//
// Privileges of a thread of our own. Linux keeps capabilities by thread, while libfrr's raising and
// lowering counts for the process as if there were one: it must be left to the main thread. A
// thread inherits what the main thread may raise, and raises its part here, once. capabilities(7)
#pragma once

namespace multihomed::apply {

/// Gives the calling thread CAP_NET_ADMIN, if it may have it, and takes every other capability from
/// it, for good. What it may not have, the kernel will say when it is needed.
void keep_only_net_admin();

} // namespace multihomed::apply
