// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is refused at the prompt: conflicts inside the configuration itself. What depends on the
// state of the world (an interface that is not there yet, a gateway outside every prefix) is never
// refused, or a saved configuration could be lost at boot; such a line waits, with its reason in
// `show`.
#pragma once

#include "core/config.hpp"

#include <optional>
#include <string>

namespace multihomed::core {

/// Each returns the reason for the refusal, or nothing.
std::optional<std::string> refuse_uplink_name(const Config& config, const std::string& name);
std::optional<std::string> refuse_interface(const Config& config, const std::string& uplink,
                                            const std::string& interface);
/// Of `ipv6 advertise`.
std::optional<std::string> refuse_advertise(const Config& config, const std::string& interface);
std::optional<std::string> refuse_table(const Config& config, const std::string& uplink,
                                        std::uint32_t table);
std::optional<std::string> refuse_table_base(std::uint32_t base);
std::optional<std::string> refuse_rule_base(std::uint32_t base);
std::optional<std::string> refuse_gateway(const Address& gateway);
/// A table to learn a gateway from.
std::optional<std::string> refuse_learning(const Config& config, std::uint32_t table);
std::optional<std::string> refuse_source(const Config& config, const std::string& uplink,
                                         const Prefix& source);
/// What a prefix inside may bear outside.
std::optional<std::string> refuse_nat_prefix(const Prefix& outside);
std::optional<std::string> refuse_nat_range(const Address& first, const Address& last);
std::optional<std::string> refuse_probe_target(const Address& target);
std::optional<std::string> refuse_profile_name(const std::string& name);
/// A name that bfdd takes.
std::optional<std::string> refuse_bfd_profile(const std::string& name);
/// RFC 1123, and underscores.
std::optional<std::string> refuse_host_name(const std::string& name);
/// The path and query of a URL.
std::optional<std::string> refuse_path(const std::string& path);
std::optional<std::string> refuse_internal(const Prefix& prefix);

} // namespace multihomed::core
