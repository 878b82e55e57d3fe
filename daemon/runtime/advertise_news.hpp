// SPDX-License-Identifier: GPL-2.0-or-later
//
// What changes for hosts inside, one line for the log each.
#pragma once

#include "core/advertise.hpp"

#include <string>
#include <vector>

namespace multihomed::runtime {

/// "preferred", "deprecated" or "withdrawn"
const char* state_of(const core::AdvertisedPrefix& told);

/// reports: of `after`.
std::vector<std::string> advertise_news(const std::vector<core::AdvertisePlan>& before,
                                        const std::vector<core::AdvertisePlan>& after,
                                        const std::vector<core::AdvertiseReport>& reports);

} // namespace multihomed::runtime
