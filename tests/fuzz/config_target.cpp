// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/targets.hpp"

#include "core/config_text.hpp"
#include "core/edit.hpp"
#include "core/utf8.hpp"

#include <cstdlib>
#include <sstream>
#include <string>

namespace multihomed::fuzz {

namespace {

using core::Config;
using core::Family;
using core::Refusal;
using Optional = std::optional<std::string>;

/// One typed line: a letter that stands for the command, then what was typed after it, word by
/// word. A word that is missing is a value left out.
class Line {
public:
    explicit Line(const std::string& text) : command_(text.empty() ? '\0' : text[0]) {
        std::istringstream words(text.substr(text.empty() ? 0 : 1));
        while (words >> word_[count_] && ++count_ < kWords) {
        }
    }

    Refusal type(Config& config) const {
        if (const auto family = family_of_command())
            return type_family(config, *family);
        switch (command_) {
        case 'n':
            return edit_internal(config, word_[0], !has(1));
        case 'b':
            return edit_table_base(config, number(0));
        case 'r':
            return edit_rule_base(config, number(0));
        case 'l':
            return edit_last_resort(config, word(0));
        case 'f':
            return edit_flow_affinity(config, !has(1), word(0));
        case 'u':
            return edit_uplink(config, word_[0], !has(1));
        case 'i':
            return edit_interface(config, word_[0], word(1));
        case 'd':
            return edit_description(config, word_[0], word(1));
        case 's':
            return edit_shutdown(config, word_[0], !has(1));
        case 'p':
            return edit_probe_target(config, word_[0],
                                     {.kind = word_[1],
                                      .address = word_[2],
                                      .port = number(3),
                                      .name = word(4),
                                      .path = word(5),
                                      .status = number(6),
                                      .interval = number(7)},
                                     !has(8));
        case 'P':
            return edit_profile(config, word_[0], !has(1));
        case 'Q':
            return edit_probe_profile(config, word_[0], word(1));
        case 'k':
        case 'K':
            return edit_knob(
                config,
                {command_ == 'k' ? core::KnobOwner::Kind::uplink : core::KnobOwner::Kind::profile,
                 word_[0]},
                static_cast<core::Knob>(number(1).value_or(0) % core::kKnobs), number(2));
        case 'N':
            return edit_prefix_nat(config, word_[0], Family::v6, {word_[1], word(2)}, !has(3));
        case 'Z':
            return clear_prefix_nats(config, word_[0], Family::v6);
        case 'B':
            return edit_bfd(config, word_[0], !has(2), word(1));
        case 'L':
            return edit_load_sharing(config, word(0));
        case 'w':
            return edit_announce_while(config, word(0));
        case 'W':
            return edit_announce_number(
                config, static_cast<core::AnnounceNumber>(number(0).value_or(0) % 3), number(1));
        case 'e':
            return edit_learn(config, word(0), word(1), !has(2));
        case 'v':
        case 'V':
            return edit_gateway_router(config, word_[0], command_ == 'v' ? Family::v4 : Family::v6,
                                       word_[1]);
        case 'q':
            return edit_announce_quality(config);
        case 'F':
            return edit_failback(config, word(0), number(1));
        case 'a':
            return edit_advertise(config, word_[0], !has(1));
        case 'A':
            return edit_advertise_number(
                config, word_[0],
                static_cast<core::AdvertiseNumber>(number(1).value_or(0) % core::kAdvertiseNumbers),
                number(2));
        case 'R':
            return edit_rdnss(config, word_[0], word_[1], word(2), !has(3));
        case 'S':
            return edit_dnssl(config, word_[0], word_[1], !has(2));
        case 'D':
            return edit_delegation(config, word_[0], !has(2), number(1));
        case 'M':
            return edit_failback_class(config, word_[0], number(1), !has(2));
        case 'y':
            return edit_tunnel(config, word_[0], tunnel());
        default:
            return edit_number(
                config, word_[0],
                static_cast<core::UplinkNumber>(static_cast<unsigned char>(command_) % 3),
                number(1));
        }
    }

private:
    static constexpr std::size_t kWords = 10;

    bool has(std::size_t i) const { return i < count_; }
    Optional word(std::size_t i) const { return has(i) ? Optional(word_[i]) : std::nullopt; }
    std::optional<std::uint32_t> number(std::size_t i) const {
        if (!has(i))
            return std::nullopt;
        return static_cast<std::uint32_t>(std::strtoul(word_[i].c_str(), nullptr, 10));
    }
    std::optional<core::TunnelWords> tunnel() const {
        if (!has(1))
            return std::nullopt;
        return core::TunnelWords{.kind = word_[1],
                                 .carrier = word_[2],
                                 .prefix = word(3),
                                 .ipv4_mask_length = number(4),
                                 .relay = word(5),
                                 .address = word(6),
                                 .ttl = number(7),
                                 .mtu = number(8)};
    }
    /// Lower case for IPv4, upper case for IPv6: gateway, translation, source.
    std::optional<Family> family_of_command() const {
        const std::string commands = "gtcGTC";
        const auto found = commands.find(command_);
        if (command_ == '\0' || found == std::string::npos)
            return std::nullopt;
        return found < 3 ? Family::v4 : Family::v6;
    }
    Refusal type_family(Config& config, Family family) const {
        switch (command_) {
        case 'g':
        case 'G':
            return edit_gateway(
                config, word_[0], family,
                has(1) ? std::optional<core::GatewayWords>({word_[1], has(2), number(3)})
                       : std::nullopt);
        case 't':
        case 'T':
            return edit_nat(config, word_[0], family,
                            has(1) ? std::optional<core::NatWords>({word_[1], word_[2], word(3)})
                                   : std::nullopt);
        default:
            return edit_source(config, word_[0], family, word_[1], !has(2));
        }
    }

    char command_;
    std::string word_[kWords + 1];
    std::size_t count_ = 0;
};

} // namespace

void config_target(Bytes input) {
    Config config;
    core::edit_router(config, true);
    std::istringstream lines(std::string(input.begin(), input.end()));
    for (std::string text; std::getline(lines, text);) {
        const Line line(text);
        const Config before = config;
        const Refusal refusal = line.type(config);
        if (refusal && (!(config == before) || !core::is_printable_utf8(*refusal)))
            std::abort();
        const Config after = config;
        if (!refusal)
            (void)line.type(config); // again: no change, or a refusal of what is gone already
        if (!(config == after))
            std::abort();
    }
    std::istringstream printed(core::to_text(config));
    for (std::string text; std::getline(printed, text);)
        if (!core::is_printable_utf8(text))
            std::abort();
}

} // namespace multihomed::fuzz
