// SPDX-License-Identifier: GPL-2.0-or-later
//
// mh-meter: traffic that tells when it stopped and when it went on.
//
//   mh-meter serve   --log FILE --port N --listen ADDRESS [--listen ADDRESS ...]
//   mh-meter udp     --log FILE --port N --to ADDRESS [--bind ADDRESS] [--interval-us N]
//   mh-meter tcp     --log FILE --port N --to ADDRESS [--bind ADDRESS] [--interval-us N]
//   mh-meter connect --log FILE --port N --to ADDRESS [--bind ADDRESS] [--interval-us N]
//                    [--timeout-ms N]
//
// `serve` echoes UDP and TCP.  `udp` and `tcp` are one long-lived flow each, `connect` opens a new
// TCP connection every interval.  They run until a signal ends them.

#include "meter.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

using multihomed::lab::Options;

[[noreturn]] void usage(const char* word) {
    std::fprintf(stderr, "mh-meter: do not understand '%s'; see the head of meter_main.cpp\n",
                 word);
    std::exit(2);
}

std::int64_t number(const char* text, std::int64_t largest) {
    char* end = nullptr;
    const long long value = std::strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value <= 0 || value > largest) {
        usage(text);
    }
    return value;
}

void take(Options& options, std::string_view name, const char* value) {
    if (name == "--log") {
        options.log_path = value;
    } else if (name == "--listen") {
        options.listen.emplace_back(value);
    } else if (name == "--to") {
        options.to = value;
    } else if (name == "--bind") {
        options.bind = value;
    } else if (name == "--port") {
        options.port = static_cast<std::uint16_t>(number(value, 65535));
    } else if (name == "--interval-us") {
        options.interval_ns = number(value, 60'000'000) * 1'000;
    } else if (name == "--timeout-ms") {
        options.timeout_ns = number(value, 600'000) * 1'000'000;
    } else {
        usage(name.data());
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc % 2 != 0) {
        usage(argc < 2 ? "" : argv[argc - 1]);
    }
    Options options;
    options.mode = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        take(options, argv[i], argv[i + 1]);
    }
    const bool is_server = options.mode == "serve";
    if (options.log_path.empty() || (is_server ? options.listen.empty() : options.to.empty())) {
        usage("--log, --listen, --to");
    }
    std::signal(SIGPIPE, SIG_IGN);
    multihomed::lab::keep_time();
    if (is_server) {
        return multihomed::lab::serve(options);
    }
    if (options.mode == "udp") {
        return multihomed::lab::measure_udp(options);
    }
    if (options.mode == "tcp") {
        return multihomed::lab::measure_tcp(options);
    }
    if (options.mode == "connect") {
        return multihomed::lab::measure_connect(options);
    }
    usage(argv[1]);
}
