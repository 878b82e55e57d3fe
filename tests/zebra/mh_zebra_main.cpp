// SPDX-License-Identifier: GPL-2.0-or-later
//
// mh-zebra-test <zserv socket>: drives a ZebraClient by lines on standard input and prints what it
// is told as one JSON object a line. test_*.py beside this file run it against a real zebra.
//
//   route add|remove TABLE PREFIX DISTANCE [dev IFINDEX [via ADDRESS] [weight N]]...
//   rule add|remove 4|6 PRIORITY [from PREFIX] [to PREFIX] [iif NAME] [mark N/MASK]
//        [table N] [goto N] [suppress N]
//   complete       stop
//   raw add|delete 4|6 UNIQUE PRIORITY TABLE MARK IFNAME(hex) [from PREFIX]
//        a rule message as it is, on a connection of its own that announces no graceful restart
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "zebra_client.hpp"

namespace multihomed::frr {

namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte > 0x7e) {
            std::array<char, 8> escaped{};
            std::snprintf(escaped.data(), escaped.size(), "\\u%04x", byte);
            out += escaped.data();
        } else {
            out += c;
        }
    }
    return out + '"';
}

const char* text_of(apply::Note note) {
    switch (note) {
    case apply::Note::installed:
        return "installed";
    case apply::Note::removed:
        return "removed";
    case apply::Note::outranked:
        return "outranked";
    case apply::Note::failed:
        break;
    }
    return "failed";
}

const char* text_of(RuleNote note) {
    switch (note) {
    case RuleNote::installed:
        return "installed";
    case RuleNote::removed:
        return "removed";
    case RuleNote::remove_failed:
        return "remove_failed";
    case RuleNote::failed:
        break;
    }
    return "failed";
}

using Words = std::istringstream;

core::Prefix read_prefix(Words& words) {
    std::string text;
    words >> text;
    const auto prefix = core::Prefix::parse(text);
    if (!prefix)
        throw std::runtime_error("no prefix: " + text);
    return *prefix;
}

template <class T>
T read(Words& words) {
    T value{};
    if (!(words >> value))
        throw std::runtime_error("value missing");
    return value;
}

core::Route read_route(Words& words) {
    core::Route route;
    route.table = read<std::uint32_t>(words);
    route.destination = read_prefix(words);
    route.distance = static_cast<std::uint8_t>(read<unsigned>(words));
    for (std::string word; words >> word;) {
        if (word == "dev")
            route.nexthops.emplace_back().ifindex = read<std::uint32_t>(words);
        else if (word == "via")
            route.nexthops.back().gateway = core::parse_address(read<std::string>(words));
        else if (word == "weight")
            route.nexthops.back().weight = static_cast<std::uint8_t>(read<unsigned>(words));
    }
    return route;
}

core::Rule read_rule(Words& words) {
    core::Rule rule;
    rule.family = read<int>(words) == 4 ? core::Family::v4 : core::Family::v6;
    rule.priority = read<std::uint32_t>(words);
    for (std::string word; words >> word;) {
        if (word == "from") {
            rule.source = read_prefix(words);
        } else if (word == "to") {
            rule.destination = read_prefix(words);
        } else if (word == "iif") {
            rule.iif = read<std::string>(words);
        } else if (word == "mark") {
            rule.mark = read<std::uint32_t>(words);
            words.ignore(1);
            rule.mask = read<std::uint32_t>(words);
        } else if (word == "table") {
            rule.table = read<std::uint32_t>(words);
        } else if (word == "goto") {
            rule.goto_priority = read<std::uint32_t>(words);
        } else if (word == "suppress") {
            rule.suppress_prefix_length = static_cast<std::uint8_t>(read<unsigned>(words));
        }
    }
    return rule;
}

/// Another client, which speaks ZAPI without manners.
class Raw final : private ZebraConnection::Listener {
public:
    explicit Raw(mh_loop* loop) : connection_(loop, nullptr, ZEBRA_ROUTE_PBR, *this) {
        connection_.poll();
    }

    void send(Words& words) {
        struct mh_zapi_rule message;
        std::memset(&message, 0, sizeof(message));
        const bool add = read<std::string>(words) == "add";
        message.family = read<int>(words) == 4 ? AF_INET : AF_INET6;
        message.unique = read<std::uint32_t>(words);
        message.priority = read<std::uint32_t>(words);
        message.table = read<std::uint32_t>(words);
        message.fwmark = read<std::uint32_t>(words);
        const auto hex = read<std::string>(words);
        for (std::size_t i = 0; i + 1 < hex.size() && i / 2 < sizeof(message.ifname); i += 2)
            message.ifname[i / 2] = static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
        for (std::string word; words >> word;)
            if (word == "from")
                message.src = to_frr(read_prefix(words));
        connection_.send_rule(add, message);
    }

private:
    void on_connected(ZebraConnection&) override {}
    void on_pong(ZebraConnection&) override {}
    void on_route_note(std::uint32_t, const core::Prefix&, RouteNote) override {}
    void on_rule_note(std::uint32_t unique, RuleNote note, std::string_view ifname) override {
        std::cout << "{\"event\":\"raw\",\"unique\":" << unique << ",\"note\":\"" << text_of(note)
                  << "\",\"ifname\":" << quoted(std::string(ifname)) << "}" << std::endl;
    }

    ZebraConnection connection_;
};

class Driver final : public ZebraEvents {
public:
    explicit Driver(mh_loop* loop)
        : loop_(loop), client_(loop, nullptr, *this), input_(loop, 0, [this] { on_readable(); }) {
        client_.start();
    }

private:
    void on_readable() {
        std::array<char, 65536> buffer{};
        const ssize_t got = ::read(0, buffer.data(), buffer.size());
        if (got <= 0)
            std::exit(got == 0 ? 0 : 1);
        pending_.append(buffer.data(), static_cast<std::size_t>(got));
        for (std::size_t end; (end = pending_.find('\n')) != std::string::npos;) {
            const std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            run(line);
        }
    }

    void run(const std::string& line) {
        Words words(line);
        const auto verb = read<std::string>(words);
        if (verb == "complete") {
            client_.rules_complete();
        } else if (verb == "stop") {
            client_.stop([] {
                std::cout << "{\"event\":\"stopped\"}" << std::endl;
                std::exit(0);
            });
        } else if (verb == "raw") {
            if (!raw_)
                raw_ = std::make_unique<Raw>(loop_);
            raw_->send(words);
        } else {
            const bool add = read<std::string>(words) == "add";
            if (verb == "route")
                run_route(add, read_route(words));
            else if (verb == "rule")
                run_rule(add, words);
        }
    }

    void run_route(bool add, const core::Route& route) {
        if (add)
            client_.add(route);
        else
            client_.remove(route);
    }

    void run_rule(bool add, Words& words) {
        std::string text;
        std::getline(words >> std::ws, text);
        Words again(text);
        const core::Rule rule = read_rule(again);
        texts_[rule] = text;
        if (add)
            client_.add(rule);
        else
            client_.remove(rule);
    }

    void on_session(struct zclient*) override {}
    void on_dataplane(const core::Dataplane& dataplane) override {
        std::cout << "{\"event\":\"dataplane\",\"connected\":" << std::boolalpha
                  << dataplane.connected << ",\"known\":" << dataplane.known
                  << ",\"module\":" << dataplane.module
                  << ",\"version\":" << quoted(dataplane.module_version) << "}" << std::endl;
    }

    void on_route(const core::Route::Key& route, apply::Note note,
                  const std::string& error) override {
        std::cout << "{\"event\":\"route\",\"table\":" << route.table
                  << ",\"to\":" << quoted(route.destination.to_string())
                  << ",\"distance\":" << int{route.distance} << ",\"note\":\"" << text_of(note)
                  << "\",\"error\":" << quoted(error) << "}" << std::endl;
    }

    void on_rule(const core::Rule& rule, apply::Note note, const std::string& error) override {
        std::cout << "{\"event\":\"rule\",\"rule\":" << quoted(texts_[rule]) << ",\"note\":\""
                  << text_of(note) << "\",\"error\":" << quoted(error) << "}" << std::endl;
    }

    mh_loop* loop_;
    ZebraClient client_;
    std::unique_ptr<Raw> raw_;
    ReadWatch input_;
    std::string pending_;
    std::map<core::Rule, std::string> texts_;
};

int run(const char* socket_path) {
    if (!frr_zclient_addr(&zclient_addr, &zclient_addr_len, socket_path))
        return 2;
    mh_loop* loop = mh_loop_create("mh-zebra-test");
    vrf_init(nullptr, nullptr, nullptr, nullptr);
    zlog_aux_init("NONE: ", LOG_DEBUG);
    Driver driver(loop);
    mh_event event;
    while (mh_event_fetch(loop, &event))
        mh_event_call(&event);
    return 0;
}

} // namespace

} // namespace multihomed::frr

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: mh-zebra-test <zserv socket>\n";
        return 2;
    }
    return multihomed::frr::run(argv[1]);
}
