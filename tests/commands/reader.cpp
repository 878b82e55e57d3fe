// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/reader.hpp"

#include "core/advertise_config.hpp"
#include "core/probing.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <vector>

namespace multihomed::test {

namespace {

class Reader {
public:
    /// Empty, or what is wrong with the line.
    std::string read(const std::string& line) {
        words_.clear();
        std::istringstream stream(line);
        for (std::string word; stream >> word;)
            words_.push_back(word);
        if (words_.empty() || words_[0] == "!" || words_[0] == "exit")
            return "";
        const bool in_block = line.starts_with("  ");
        const bool known = !in_block       ? router_line()
                           : in_advertise_ ? advertise_line()
                           : in_profile_   ? knob_line(0)
                                           : uplink_line();
        return known ? printed_.take() : "unknown";
    }

private:
    const char* word(std::size_t i) const {
        return i < words_.size() ? words_[i].c_str() : nullptr;
    }
    bool router_line() {
        const mh_out* out = printed_.out();
        if (words_[0] == "router")
            return mh_config_router(true, out), true;
        if (words_[0] == "internal")
            return mh_config_internal(word(1), true, out), true;
        if (words_[0] == "table-base")
            return mh_config_table_base(std::stoll(words_.at(1)), out), true;
        if (words_[0] == "rule-priority")
            return mh_config_rule_priority(std::stoll(words_.at(1)), out), true;
        if (words_[0] == "no" && words_.at(1) == "flow-affinity")
            return mh_config_flow_affinity(false, nullptr, out), true;
        if (words_[0] == "flow-affinity")
            return mh_config_flow_affinity(true, word(2), out), true;
        if (words_[0] == "last-resort")
            return mh_config_last_resort(word(1), out), true;
        if (words_[0] == "load-sharing")
            return mh_config_load_sharing(word(1), out), true;
        if (words_[0] == "learn")
            return mh_config_learn(words_.at(1) == "all" ? nullptr : word(1), behind("within"),
                                   true, out),
                   true;
        if (words_[0] == "announce")
            return announce_line();
        if (words_[0] == "failback")
            return failback_line();
        in_advertise_ = words_[0] == "ipv6";
        if (in_advertise_) {
            name_ = words_.at(2);
            return mh_config_advertise(name_.c_str(), true, out), true;
        }
        in_profile_ = words_[0] == "probe";
        if (in_profile_) {
            name_ = words_.at(2);
            return mh_config_profile(name_.c_str(), true, out), true;
        }
        if (words_[0] != "uplink")
            return false;
        name_ = words_.at(1);
        return mh_config_uplink(name_.c_str(), true, out), true;
    }
    bool advertise_line() {
        static const std::map<std::string, mh_advertise_flag> kFlags{
            {"managed-config-flag", MH_RA_MANAGED},
            {"other-config-flag", MH_RA_OTHER},
            {"prefer-carrying", MH_RA_PREFER_CARRYING},
            {"shutdown", MH_RA_SHUTDOWN}};
        const mh_out* out = printed_.out();
        if (words_[0] == "router-preference")
            return mh_config_advertise_preference(name(), word(1), out), true;
        if (words_[0] == "rdnss")
            return mh_config_advertise_rdnss(name(), word(1), behind("uplink"), true, out), true;
        if (words_[0] == "dnssl")
            return mh_config_advertise_dnssl(name(), word(1), true, out), true;
        if (const auto flag = kFlags.find(words_[0]); flag != kFlags.end())
            return mh_config_advertise_flag(name(), flag->second, true, out), true;
        for (std::size_t i = 0; i < core::kAdvertiseNumbers; ++i)
            if (words_[0] == core::range_of(static_cast<core::AdvertiseNumber>(i)).words)
                return mh_config_advertise_number(name(), static_cast<mh_advertise_number>(i),
                                                  std::stoll(words_.at(1)), out),
                       true;
        return false;
    }
    bool uplink_line() {
        const mh_out* out = printed_.out();
        if (words_[0] == "interface")
            return mh_config_uplink_interface(name(), word(1), out), true;
        if (words_[0] == "description")
            return mh_config_uplink_description(name(), rest().c_str(), out), true;
        if (words_[0] == "shutdown")
            return mh_config_uplink_shutdown(name(), true, out), true;
        if (words_[0] == "standby")
            return mh_config_uplink_standby(name(), true, out), true;
        if (words_[0] == "bfd")
            return mh_config_uplink_bfd(name(), true, word(2), out), true;
        if (words_[0] == "probe")
            return probe_line();
        if (words_[0] == "ip" || words_[0] == "ipv6")
            return family_line(words_[0] == "ip" ? MH_IPV4 : MH_IPV6);
        return number_line();
    }
    bool family_line(mh_family family) {
        const mh_out* out = printed_.out();
        if (words_.at(1) == "gateway" && words_.at(2) == "auto")
            return mh_config_uplink_gateway_auto(name(), family, number_behind("table"), out), true;
        if (words_.at(1) == "gateway" && words_.at(2) == "router")
            return mh_config_uplink_gateway_router(name(), family, word(3), out), true;
        if (words_.at(1) == "gateway")
            return mh_config_uplink_gateway(name(), family, word(2), words_.size() > 3, out), true;
        if (words_[1] == "nat" && words_.at(2) == "prefix")
            return mh_config_uplink_prefix_nat(name(), family, word(3), word(5), true, out), true;
        if (words_[1] == "nat")
            return mh_config_uplink_nat(name(), family, word(2), word(3), word(4), out), true;
        if (words_[1] == "source" && words_.at(2) == "auto")
            return mh_config_uplink_delegation(name(), true, number_behind("grace"), out), true;
        if (words_[1] == "source")
            return mh_config_uplink_source(name(), family, word(2), true, out), true;
        return false;
    }
    bool number_line() {
        static const std::map<std::string, mh_number> kNumbers{
            {"preference", MH_PREFERENCE}, {"weight", MH_WEIGHT}, {"table", MH_TABLE}};
        const auto found = kNumbers.find(words_[0]);
        return found != kNumbers.end() &&
               (mh_config_uplink_number(name(), found->second, std::stoll(words_.at(1)),
                                        printed_.out()),
                true);
    }
    /// The number behind the word, if that is there.
    std::int64_t number_behind(const char* key) const {
        const char* text = behind(key);
        return text ? std::stoll(text) : MH_DEFAULT;
    }
    const char* behind(const char* key) const {
        const auto found = std::ranges::find(words_, key);
        return found == words_.end() || found + 1 == words_.end() ? nullptr : (found + 1)->c_str();
    }
    bool announce_line() {
        const mh_out* out = printed_.out();
        if (words_.at(1) == "while")
            return mh_config_announce_while(word(2), out), true;
        if (words_.at(2) == "quality")
            return mh_config_announce_quality(out), true;
        if (words_[1] == "metric")
            return mh_config_announce_number(MH_ANNOUNCE_METRIC, number_behind("fixed"), out), true;
        const bool is_tag = words_[1] == "tag";
        return mh_config_announce_number(is_tag ? MH_ANNOUNCE_TAG : MH_ANNOUNCE_DISTANCE,
                                         std::stoll(words_[2]), out),
               true;
    }
    bool failback_line() {
        const mh_out* out = printed_.out();
        if (const char* protocol = behind("match"))
            return mh_config_failback_class(protocol, number_behind("port"), true, out), true;
        return mh_config_failback(word(1), number_behind("deadline"), out), true;
    }
    bool probe_line() {
        const mh_out* out = printed_.out();
        const std::string& kind = words_.at(1);
        if (kind == "profile")
            return mh_config_uplink_profile(name(), word(2), out), true;
        const bool neighbour = kind == "arp" || kind == "nd";
        const bool asks =
            kind == "icmp" || kind == "tcp" || kind == "dns" || kind == "http" || kind == "https";
        if (!neighbour && !asks)
            return knob_line(1);
        const mh_target target{.kind = kind.c_str(),
                               .address = neighbour ? nullptr : word(2),
                               .port = number_behind("port"),
                               .name = behind(kind == "dns" ? "name" : "host"),
                               .path = behind("path"),
                               .status = number_behind("status"),
                               .interval = number_behind("interval")};
        return mh_config_uplink_probe(name(), &target, true, out), true;
    }
    bool knob_line(std::size_t first) {
        const auto owner = in_profile_ ? MH_OF_PROFILE : MH_OF_UPLINK;
        std::string line;
        for (std::size_t i = first; i < words_.size(); ++i)
            line += (i > first ? " " : "") + words_[i];
        for (std::size_t i = 0; i < core::kKnobs; ++i) {
            const std::string words = core::range_of(static_cast<core::Knob>(i)).words;
            if (!line.starts_with(words))
                continue;
            const std::string& last = words_.back();
            const std::int64_t value = line == words   ? 1
                                       : last == "any" ? 1
                                       : last == "all" ? MH_QUORUM_ALL
                                                       : std::stoll(last);
            mh_config_knob(owner, name(), static_cast<mh_knob>(i), value, printed_.out());
            return true;
        }
        return false;
    }
    const char* name() const { return name_.c_str(); }
    std::string rest() const {
        std::string text;
        for (std::size_t i = 1; i < words_.size(); ++i)
            text += (i > 1 ? " " : "") + words_[i];
        return text;
    }

    Printed printed_;
    std::vector<std::string> words_;
    std::string name_;
    bool in_profile_ = false;
    bool in_advertise_ = false;
};

} // namespace

std::string read_config(const std::string& text) {
    Reader reader;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (const std::string wrong = reader.read(line); !wrong.empty())
            return line + ": " + wrong;
    return "";
}

} // namespace multihomed::test
