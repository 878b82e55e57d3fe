// SPDX-License-Identifier: GPL-2.0-or-later
//
// A classic BPF program (the kernel's Documentation/networking/filter.rst) for the probe sockets:
// of echo replies only ours, of ICMP errors only those about our requests. Without it a flood of
// forged replies could push ours out of the socket's queue and make a healthy line look dead.
#pragma once

#include "core/address.hpp"
#include "probe/icmp_codec.hpp"

#include <linux/filter.h>

#include <vector>

namespace multihomed::probe {

/// For raw sockets of the family. What it lets pass must still be decoded and checked.
std::vector<sock_filter> echo_filter(core::Family family, const EchoIdentity& identity);

} // namespace multihomed::probe
