// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/reader.hpp"

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
        const bool in_uplink = line.starts_with("  ");
        const bool known = in_uplink ? uplink_line() : router_line();
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
        if (words_[0] != "uplink")
            return false;
        uplink_ = words_.at(1);
        return mh_config_uplink(uplink_.c_str(), true, out), true;
    }
    bool uplink_line() {
        const mh_out* out = printed_.out();
        if (words_[0] == "interface")
            return mh_config_uplink_interface(name(), word(1), out), true;
        if (words_[0] == "description")
            return mh_config_uplink_description(name(), rest().c_str(), out), true;
        if (words_[0] == "shutdown")
            return mh_config_uplink_shutdown(name(), true, out), true;
        if (words_[0] == "probe" && words_.at(1) == "icmp")
            return mh_config_uplink_probe_icmp(name(), word(2), true, out), true;
        if (words_[0] == "ip" || words_[0] == "ipv6")
            return family_line(words_[0] == "ip" ? MH_IPV4 : MH_IPV6);
        return number_line();
    }
    bool family_line(mh_family family) {
        const mh_out* out = printed_.out();
        if (words_.at(1) == "gateway")
            return mh_config_uplink_gateway(name(), family, word(2), words_.size() > 3, out), true;
        if (words_[1] == "nat")
            return mh_config_uplink_nat(name(), family, word(2), word(3), word(4), out), true;
        if (words_[1] == "source")
            return mh_config_uplink_source(name(), family, word(2), true, out), true;
        return false;
    }
    bool number_line() {
        static const std::map<std::string, mh_number> kNumbers{
            {"preference", MH_PREFERENCE},
            {"weight", MH_WEIGHT},
            {"table", MH_TABLE},
            {"probe interval", MH_PROBE_INTERVAL},
            {"probe timeout", MH_PROBE_TIMEOUT},
            {"probe fail-after", MH_PROBE_FAIL_AFTER},
            {"probe stable-for", MH_PROBE_STABLE_FOR}};
        const bool probe = words_[0] == "probe";
        const auto found = kNumbers.find(probe ? "probe " + words_.at(1) : words_[0]);
        if (found == kNumbers.end())
            return false;
        const std::int64_t value = std::stoll(words_.at(probe ? 2 : 1));
        return mh_config_uplink_number(name(), found->second, value, printed_.out()), true;
    }
    const char* name() const { return uplink_.c_str(); }
    std::string rest() const {
        std::string text;
        for (std::size_t i = 1; i < words_.size(); ++i)
            text += (i > 1 ? " " : "") + words_[i];
        return text;
    }

    Printed printed_;
    std::vector<std::string> words_;
    std::string uplink_;
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
