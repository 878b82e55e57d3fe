// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/advertise_news.hpp"

#include <algorithm>

namespace multihomed::runtime {

namespace {

using core::AdvertisePlan;

const AdvertisePlan* find(const std::vector<AdvertisePlan>& plans, const std::string& interface) {
    const auto found = std::ranges::find(plans, interface, &AdvertisePlan::interface);
    return found == plans.end() ? nullptr : &*found;
}

std::string state_in(const AdvertisePlan* plan, const core::Prefix& prefix) {
    if (plan == nullptr || !plan->source)
        return "";
    const auto& prefixes = plan->content.prefixes;
    const auto found = std::ranges::find(prefixes, prefix, &core::AdvertisedPrefix::prefix);
    return found == prefixes.end() ? "" : state_of(*found);
}

bool is_default(const AdvertisePlan* plan) {
    return plan != nullptr && plan->source && plan->content.lifetime_s != 0;
}

void add_news(std::vector<std::string>& news, const AdvertisePlan* before,
              const AdvertisePlan& after, const core::AdvertiseReport& report) {
    const std::string begin = "advertising on " + after.interface + ": ";
    const bool was_sent = before != nullptr && before->source;
    if (was_sent != after.source.has_value())
        news.push_back(begin + (after.source ? "begins" : "ends: " + report.blocked));
    if (!after.source)
        return;
    if (is_default(before) != is_default(&after))
        news.push_back(begin + (is_default(&after) ? "default router: " : "no default router: ") +
                       report.lifetime);
    for (std::size_t i = 0; i < after.content.prefixes.size(); ++i) {
        const core::AdvertisedPrefix& told = after.content.prefixes[i];
        if (state_in(before, told.prefix) != state_of(told))
            news.push_back(begin + told.prefix.to_string() + " is " + state_of(told) + ": " +
                           report.prefixes[i]);
    }
}

} // namespace

const char* state_of(const core::AdvertisedPrefix& told) {
    return told.preferred_s != 0 ? "preferred" : told.valid_s != 0 ? "deprecated" : "withdrawn";
}

std::vector<std::string> advertise_news(const std::vector<AdvertisePlan>& before,
                                        const std::vector<AdvertisePlan>& after,
                                        const std::vector<core::AdvertiseReport>& reports) {
    std::vector<std::string> news;
    for (std::size_t i = 0; i < after.size(); ++i)
        add_news(news, find(before, after[i].interface), after[i], reports[i]);
    for (const AdvertisePlan& plan : before)
        if (plan.source && find(after, plan.interface) == nullptr)
            news.push_back("advertising on " + plan.interface + ": ends");
    return news;
}

} // namespace multihomed::runtime
