// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands about probes, profiles and failing back.
#include "core/config_text.hpp"
#include "core/edit.hpp"
#include "core/edit_parts.hpp"
#include "core/result.hpp"
#include "core/text.hpp"

#include <array>

namespace multihomed::core {

namespace {

/// The words that a kind of target has; the others are refused.
struct TargetForm {
    const char* kind;
    ProbeTarget::Kind is;
    std::uint16_t port; ///< the usual one
    bool has_port;
    bool has_name;
    bool is_web;
};
constexpr std::array<TargetForm, 7> kTargetForms{{
    {"icmp", ProbeTarget::Kind::icmp, 0, false, false, false},
    {"tcp", ProbeTarget::Kind::tcp, 0, true, false, false},
    {"dns", ProbeTarget::Kind::dns, kDnsPort, true, true, false},
    {"http", ProbeTarget::Kind::http, kHttpPort, true, true, true},
    {"https", ProbeTarget::Kind::https, kHttpsPort, true, true, true},
    {"arp", ProbeTarget::Kind::neighbour, 0, false, false, false},
    {"nd", ProbeTarget::Kind::neighbour, 0, false, false, false},
}};

Refusal refuse_target_words(const TargetWords& words, const TargetForm& form) {
    if ((words.port && !form.has_port) || (words.name && !form.has_name) ||
        ((words.path || words.status) && !form.is_web))
        return words.kind + " does not take all of these words";
    if (!words.port && form.has_port && form.port == 0)
        return words.kind + " needs a port";
    if (words.port)
        if (const auto refusal = refuse_number("a port", *words.port, 1, 65'535))
            return refusal;
    if (words.status)
        if (const auto refusal = refuse_number("a status of HTTP", *words.status, 100, 599))
            return refusal;
    if (words.interval) {
        const KnobRange& range = range_of(Knob::interval);
        if (const auto refusal =
                refuse_number(range.what, *words.interval, range.least, range.most))
            return refusal;
    }
    if (words.name)
        if (const auto refusal = refuse_host_name(*words.name))
            return refusal;
    return words.path ? refuse_path(*words.path) : std::nullopt;
}

Result<ProbeTarget> typed_target(const TargetWords& words) {
    const auto form = std::ranges::find(kTargetForms, words.kind, &TargetForm::kind);
    if (form == kTargetForms.end())
        return Error{0, quoted(words.kind) + " is no kind of probe"};
    ProbeTarget target{.kind = form->is};
    if (form->is == ProbeTarget::Kind::neighbour) {
        if (words.kind == "nd")
            target.address = *parse_address("::");
    } else {
        const auto address = parse_address(words.address);
        if (!address)
            return Error{0, quoted(words.address) + " is not an address"};
        if (const auto refusal = refuse_probe_target(*address))
            return Error{0, *refusal};
        target.address = *address;
    }
    if (const auto refusal = refuse_target_words(words, *form))
        return Error{0, *refusal};
    target.port = static_cast<std::uint16_t>(words.port.value_or(form->port));
    target.name = words.name.value_or("");
    target.path = form->is_web ? words.path.value_or("/") : "";
    target.status = static_cast<std::uint16_t>(words.status.value_or(0));
    if (words.interval)
        target.interval = Milliseconds(*words.interval);
    return target;
}

} // namespace

Refusal edit_probe_target(Config& config, const std::string& uplink, const TargetWords& words,
                          bool present) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const auto target = typed_target(words);
        if (!target)
            return target.error().what;
        const auto place = std::ranges::find_if(
            found.probes, [&](const ProbeTarget& each) { return is_same_target(each, *target); });
        if (!present && place == found.probes.end())
            return quoted("probe " + to_text(*target)) +
                   " is not configured; take it back as 'show running-config' has it";
        if (!present)
            found.probes.erase(place);
        else if (place != found.probes.end())
            *place = *target;
        else if (found.probes.size() >= kMaxProbeTargets)
            return "there are " + std::to_string(kMaxProbeTargets) + " targets already, the limit";
        else
            found.probes.push_back(*target);
        return std::nullopt;
    });
}

Refusal edit_profile(Config& config, const std::string& name, bool present) {
    const auto found = std::ranges::find(config.profiles, name, &ProbeProfile::name);
    if (!present && found == config.profiles.end())
        return "there is no profile " + quoted(name);
    if (!present) {
        config.profiles.erase(found);
        return std::nullopt;
    }
    if (found != config.profiles.end())
        return std::nullopt;
    if (const auto refusal = refuse_profile_name(name))
        return refusal;
    if (config.profiles.size() >= kMaxProfiles)
        return "there are " + std::to_string(kMaxProfiles) + " profiles already, the limit";
    config.profiles.push_back({name, {}});
    return std::nullopt;
}

Refusal edit_probe_profile(Config& config, const std::string& uplink,
                           const std::optional<std::string>& profile) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        if (profile)
            if (const auto refusal = refuse_profile_name(*profile))
                return refusal;
        found.profile = profile.value_or("");
        return std::nullopt;
    });
}

Refusal edit_knob(Config& config, const KnobOwner& owner, Knob knob,
                  std::optional<std::uint32_t> value) {
    const KnobRange& range = range_of(knob);
    const auto change = [&](ProbeSettings& settings, const Uplink& inheriting) -> Refusal {
        if (value)
            if (const auto refusal = refuse_number(range.what, *value, range.least, range.most))
                return refusal;
        const auto before = std::exchange(settings[knob], value);
        // `no` of what was typed takes it away, unless it would hold all the same. In an uplink it
        // is also a word against a profile that may come to say so.
        const bool is_profile = owner.kind != KnobOwner::Kind::uplink;
        if (knob == Knob::spare_probes && value == 0U && (before == 1U || is_profile)) {
            settings[knob].reset();
            if (probing_of(config, inheriting)[knob] != 0)
                settings[knob] = value;
        }
        return std::nullopt;
    };
    if (owner.kind == KnobOwner::Kind::uplink)
        return with_uplink(config, owner.name,
                           [&](Uplink& found) { return change(found.probing, found); });
    const auto found = std::ranges::find(config.profiles, owner.name, &ProbeProfile::name);
    if (found == config.profiles.end())
        return owner.name.empty() ? "the profile was refused"
                                  : "there is no profile " + quoted(owner.name);
    Uplink inheriting;
    inheriting.profile = owner.name;
    return change(found->settings, inheriting);
}

Refusal edit_bfd(Config& config, const std::string& uplink, bool present,
                 const std::optional<std::string>& profile) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        if (profile && present)
            if (const auto refusal = refuse_bfd_profile(*profile))
                return refusal;
        found.bfd = present;
        found.bfd_profile = present ? profile.value_or("") : "";
        return std::nullopt;
    });
}

Refusal edit_failback(Config& config, const std::optional<std::string>& policy,
                      std::optional<std::uint32_t> deadline) {
    const std::string typed = policy.value_or("drain");
    if (typed != "drain" && typed != "now" && typed != "never")
        return quoted(typed) + " is none of 'drain', 'never' and 'now'";
    if (deadline && typed != "drain")
        return std::string("only draining has a deadline");
    if (deadline)
        if (const auto refusal = refuse_number("the deadline in seconds", *deadline, 1, 86'400))
            return refusal;
    config.failback.policy = typed == "now"     ? Failback::Policy::now
                             : typed == "never" ? Failback::Policy::never
                                                : Failback::Policy::drain;
    config.failback.deadline = deadline.value_or(0);
    return std::nullopt;
}

Refusal edit_failback_class(Config& config, const std::string& protocol,
                            std::optional<std::uint32_t> port, bool present) {
    const auto number = parse_protocol(protocol);
    if (!number)
        return quoted(protocol) + " is no protocol";
    const Failback::Class flows{*number, static_cast<std::uint16_t>(port.value_or(0))};
    if (port)
        if (const auto refusal = refuse_number("a port", *port, 1, 65'535))
            return refusal;
    if (port && !has_ports(*number))
        return protocol + " has no ports";
    auto& classes = config.failback.at_once;
    const auto place = std::ranges::lower_bound(classes, flows);
    const bool found = place != classes.end() && *place == flows;
    if (!present && !found)
        return to_text(flows) + " is not configured";
    if (!present)
        classes.erase(place);
    else if (!found && classes.size() >= kMaxFailbackClasses)
        return "there are " + std::to_string(kMaxFailbackClasses) + " classes already, the limit";
    else if (!found)
        classes.insert(place, flows);
    return std::nullopt;
}

} // namespace multihomed::core
