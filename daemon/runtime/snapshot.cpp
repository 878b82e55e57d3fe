// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/snapshot.hpp"

#include "core/validate.hpp"
#include "runtime/snapshot.pb.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace multihomed::runtime {

namespace {

constexpr std::uint32_t kVersion = 1;
/// A state of kMaxUplinks lines has about 200 kB.
constexpr std::size_t kMaxSize = 4U << 20;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

core::Error failure(const std::string& what, const std::string& path) {
    const int code = errno;
    return {code, what + " " + path + ": " + std::strerror(code)};
}

core::Error useless(const std::string& why) {
    return {0, "not a saved state of this version: " + why};
}

std::optional<core::Family> parse_family(const std::string& text) {
    for (const core::Family family : core::kFamilies)
        if (text == core::to_string(family))
            return family;
    return std::nullopt;
}

bool is_uplink_name(const std::string& name) {
    return !core::refuse_uplink_name({}, name);
}

bool is_interface_name(const std::string& name) {
    return !core::refuse_interface({}, "", name);
}

/// Part of a path below /proc/sys: no way out of its directory.
bool is_sysctl_name(const std::string& name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

core::Result<void> decode_tables(const saved::SavedState& from, core::Tables& to) {
    for (const saved::Table& table : from.tables()) {
        if (!is_uplink_name(table.uplink()) || core::refuse_table({}, "", table.table()))
            return useless("table of '" + table.uplink() + "'");
        to[table.uplink()] = table.table();
    }
    return {};
}

core::Result<void> decode_marks(const saved::SavedState& from, core::MarkNumbers& to) {
    for (const saved::Mark& mark : from.marks()) {
        if (!is_uplink_name(mark.uplink()) || mark.number() == 0)
            return useless("mark of '" + mark.uplink() + "'");
        to[mark.uplink()] = mark.number();
    }
    return {};
}

core::Result<void> decode_advertised(const saved::SavedState& from, core::AdvertisedPrefixes& to) {
    using Milliseconds = std::chrono::milliseconds;
    constexpr double kLatest = 1e15;
    for (const saved::Advertised& told : from.advertised()) {
        const auto prefix = core::Prefix::parse(told.prefix());
        if (!is_interface_name(told.interface()) || !prefix ||
            prefix->family() != core::Family::v6 || !(told.until_ms() >= 0) ||
            told.until_ms() > kLatest)
            return useless("advertised prefix '" + told.prefix() + "'");
        auto& until = to[told.interface()][*prefix];
        if (told.until_ms() > 0)
            until = Time(Milliseconds(static_cast<Milliseconds::rep>(told.until_ms())));
    }
    return {};
}

core::Result<void> decode_sysctls(const saved::SavedState& from, apply::SysctlHolds& to) {
    for (const saved::Sysctl& sysctl : from.sysctls()) {
        const auto family = parse_family(sysctl.family());
        const bool named = sysctl.interface().empty() || is_interface_name(sysctl.interface());
        if (!family || !named || !is_sysctl_name(sysctl.name()))
            return useless("sysctl '" + sysctl.name() + "'");
        to[{*family, sysctl.interface(), sysctl.name()}] = {sysctl.original(), sysctl.ours()};
    }
    return {};
}

double seconds_at(core::Time time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

core::Time time_at(double seconds) {
    return core::Time(
        std::chrono::duration_cast<core::Time::duration>(std::chrono::duration<double>(seconds)));
}

/// Seconds of a clock that began with the machine; more would not fit into its nanoseconds.
bool is_time(double seconds) {
    constexpr double kLongest = 9e9;
    return seconds >= 0 && seconds <= kLongest;
}

bool is_penalty(double value) {
    constexpr double kMost = 1e6;
    return value >= 0 && value <= kMost;
}

void encode_lines(const Snapshot& from, saved::SavedState& to) {
    for (const auto& [key, seen] : from.lines) {
        saved::Line& line = *to.add_lines();
        line.set_uplink(key.uplink);
        line.set_family(core::to_string(key.family));
        line.set_state(core::to_string(seen.state));
        line.set_carried(seen.carried);
        line.set_penalty(seen.penalty.value);
        line.set_penalty_peak(seen.penalty.peak);
        line.set_failed_at(seconds_at(seen.penalty.at));
        if (seen.drains_since)
            line.set_drains_since(seconds_at(*seen.drains_since));
        line.set_drained(seen.drained);
        line.set_moving(seen.moving);
    }
}

core::Result<void> decode_lines(const saved::SavedState& from,
                                std::map<core::ProbeKey, Snapshot::LineState>& to) {
    for (const saved::Line& line : from.lines()) {
        const auto family = parse_family(line.family());
        const auto state = core::parse_state(line.state());
        if (!is_uplink_name(line.uplink()) || !family || !state)
            return useless("line '" + line.uplink() + "'");
        if (!is_penalty(line.penalty()) || !is_penalty(line.penalty_peak()) ||
            !is_time(line.failed_at()) || !is_time(line.drains_since()))
            return useless("penalty or times of line '" + line.uplink() + "'");
        Snapshot::LineState& kept = to[{line.uplink(), *family}];
        kept = {.state = *state,
                .carried = line.carried(),
                .penalty = {.value = line.penalty(),
                            .at = time_at(line.failed_at()),
                            .peak = line.penalty_peak()},
                .drained = line.drained(),
                .moving = line.moving()};
        if (line.has_drains_since())
            kept.drains_since = time_at(line.drains_since());
    }
    return {};
}

void encode_prefixes(const Snapshot& from, saved::SavedState& to) {
    for (const auto& [uplink, prefixes] : from.delegated)
        for (const core::DelegatedPrefix& each : prefixes) {
            saved::Prefix& prefix = *to.add_prefixes();
            prefix.set_uplink(uplink);
            prefix.set_prefix(each.prefix.to_string());
            prefix.set_delegated(true);
            if (each.preferred_until)
                prefix.set_preferred_until(seconds_at(*each.preferred_until));
            if (each.valid_until)
                prefix.set_valid_until(seconds_at(*each.valid_until));
        }
    for (const auto& [uplink, prefixes] : from.former)
        for (const core::KnownPrefix& each : prefixes) {
            saved::Prefix& prefix = *to.add_prefixes();
            prefix.set_uplink(uplink);
            prefix.set_prefix(each.prefix.to_string());
            prefix.set_gone(each.phase == core::KnownPrefix::Phase::gone);
            prefix.set_since(seconds_at(each.since));
        }
}

core::Result<void> decode_prefixes(const saved::SavedState& from, Snapshot& to) {
    using Phase = core::KnownPrefix::Phase;
    for (const saved::Prefix& each : from.prefixes()) {
        const auto prefix = core::Prefix::parse(each.prefix());
        if (!is_uplink_name(each.uplink()) || !prefix || prefix->family() != core::Family::v6 ||
            !is_time(each.since()) || !is_time(each.preferred_until()) ||
            !is_time(each.valid_until()))
            return useless("prefix '" + each.prefix() + "'");
        if (!each.delegated()) {
            to.former[each.uplink()].push_back(
                {.prefix = *prefix,
                 .phase = each.gone() ? Phase::gone : Phase::deprecated,
                 .since = time_at(each.since())});
            continue;
        }
        core::DelegatedPrefix delegated{.prefix = *prefix};
        if (each.has_preferred_until())
            delegated.preferred_until = time_at(each.preferred_until());
        if (each.has_valid_until())
            delegated.valid_until = time_at(each.valid_until());
        to.delegated[each.uplink()].push_back(delegated);
    }
    return {};
}

core::Result<void> write_all(int fd, const std::string& text, const std::string& path) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return failure("writing", path);
        done += static_cast<std::size_t>(written);
    }
    return {};
}

core::Result<std::string> read_all(int fd, const std::string& path) {
    std::string text(kMaxSize + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failure("reading", path);
        if (got == 0)
            break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kMaxSize)
        return core::Error{EFBIG, path + " is too long for a saved state"};
    text.resize(size);
    return text;
}

} // namespace

std::string encode_saved(const Saved& saved) {
    saved::SavedState state;
    state.set_version(kVersion);
    for (const auto& [name, number] : saved.engine.tables) {
        saved::Table& table = *state.add_tables();
        table.set_uplink(name);
        table.set_table(number);
    }
    for (const auto& [name, number] : saved.engine.marks) {
        saved::Mark& mark = *state.add_marks();
        mark.set_uplink(name);
        mark.set_number(number);
    }
    encode_lines(saved.engine, state);
    encode_prefixes(saved.engine, state);
    for (const auto& [interface, prefixes] : saved.engine.advertised)
        for (const auto& [prefix, until] : prefixes) {
            saved::Advertised& told = *state.add_advertised();
            told.set_interface(interface);
            told.set_prefix(prefix.to_string());
            if (until)
                told.set_until_ms(static_cast<double>(
                    std::chrono::duration_cast<std::chrono::milliseconds>(until->time_since_epoch())
                        .count()));
        }
    for (const auto& [key, hold] : saved.sysctls) {
        saved::Sysctl& sysctl = *state.add_sysctls();
        sysctl.set_family(core::to_string(key.family));
        sysctl.set_interface(key.interface);
        sysctl.set_name(key.name);
        sysctl.set_original(hold.original);
        sysctl.set_ours(hold.ours);
    }
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.always_print_primitive_fields = true;
    options.preserve_proto_field_names = true;
    std::string text;
    // Fails for text that is not UTF-8 only; what we name ourselves is ASCII.
    (void)google::protobuf::util::MessageToJsonString(state, &text, options);
    return text;
}

core::Result<Saved> decode_saved(const std::string& text) {
    saved::SavedState state;
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    const auto parsed = google::protobuf::util::JsonStringToMessage(text, &state, options);
    if (!parsed.ok())
        return useless(parsed.ToString());
    if (state.version() != kVersion)
        return useless("version " + std::to_string(state.version()));
    Saved saved;
    if (const auto done = decode_tables(state, saved.engine.tables); !done)
        return done.error();
    if (const auto done = decode_marks(state, saved.engine.marks); !done)
        return done.error();
    if (const auto done = decode_lines(state, saved.engine.lines); !done)
        return done.error();
    if (const auto done = decode_prefixes(state, saved.engine); !done)
        return done.error();
    if (const auto done = decode_advertised(state, saved.engine.advertised); !done)
        return done.error();
    if (const auto done = decode_sysctls(state, saved.sysctls); !done)
        return done.error();
    return saved;
}

core::Result<void> save(const std::string& path, const Saved& saved) {
    const std::string fresh = path + ".new";
    if (::unlink(fresh.c_str()) != 0 && errno != ENOENT)
        return failure("removing", fresh);
    {
        const Descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
        if (file.get() < 0)
            return failure("creating", fresh);
        if (const auto done = write_all(file.get(), encode_saved(saved), fresh); !done) {
            ::unlink(fresh.c_str());
            return done;
        }
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        const core::Error error = failure("replacing", path);
        ::unlink(fresh.c_str());
        return error;
    }
    return {};
}

core::Result<std::optional<Saved>> load(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (file.get() < 0 && errno == ENOENT)
        return std::optional<Saved>();
    if (file.get() < 0)
        return failure("opening", path);
    const auto text = read_all(file.get(), path);
    if (!text)
        return text.error();
    const auto saved = decode_saved(*text);
    if (!saved)
        return core::Error{0, path + ": " + saved.error().what};
    return std::optional(*saved);
}

} // namespace multihomed::runtime
