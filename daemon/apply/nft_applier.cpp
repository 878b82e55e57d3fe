// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/nft_applier.hpp"

#include "apply/nft_counters.hpp"
#include "apply/nft_events.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <nftables/libnftables.h>
#include <new>
#include <sys/socket.h>
#include <tuple>
#include <utility>

namespace multihomed::apply {

namespace {

using core::Error;
using core::Result;

/// nft repeats the command under its error, and ours are long.
constexpr std::size_t kMaxErrorWords = 300;
constexpr int kReadsAtOnce = 64;
constexpr int kMonitorBuffer = 4 * 1024 * 1024;

/// nft's message without the place in our text and without the text itself.
std::string nft_words(const char* output) {
    const std::string text = output == nullptr ? "" : output;
    const std::size_t begin = text.find("Error: ");
    const std::string words = begin == std::string::npos ? text : text.substr(begin + 7);
    return words.substr(0, std::min(words.find('\n'), kMaxErrorWords));
}

Error about_table(int code, const std::string& what) {
    return Error{code, std::string("nft table inet ") + kNatTable + ": " + what};
}

bool says_absent(const Error& error) {
    return error.what.find(std::strerror(ENOENT)) != std::string::npos;
}

/// The present generation, and this process as the kernel calls it in notifications.
Result<NftEvent> ask_generation(NetfilterSocket& socket) {
    const NlMessage message =
        make_netfilter_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
    std::optional<NftEvent> generation;
    const auto answered = socket.request(*message, [&](const nlmsghdr& header) {
        if (const NftEvent event = decode_nft_event(header);
            event.kind == NftEvent::Kind::generation)
            generation = event;
        return true;
    });
    if (!answered)
        return about_table(answered.error().code, "generation: " + answered.error().what);
    if (!generation)
        return about_table(EPROTO, "generation: not told");
    return *generation;
}

} // namespace

void NftablesNatApplier::ContextFree::operator()(nft_ctx* context) const {
    nft_ctx_free(context);
}

NftablesNatApplier::NftablesNatApplier(core::Privileged privileged)
    : privileged_(std::move(privileged)) {}

NftablesNatApplier::~NftablesNatApplier() = default;

Result<void> NftablesNatApplier::apply(const core::NatPlan& plan) {
    auto wanted = nat_table_content(plan);
    if (!wanted)
        return wanted.error();
    Result<void> result;
    privileged_([&] { result = apply_content(std::move(wanted.value())); });
    return result;
}

Result<void> NftablesNatApplier::apply_content(NatTableContent wanted) {
    const auto changed = change_to(wanted);
    if (changed)
        content_ = std::move(wanted);
    return changed;
}

Result<void> NftablesNatApplier::change_to(const NatTableContent& wanted) {
    const bool ours = left_ && !left_->listing.empty();
    const bool same_rules = content_.mark_mask == wanted.mark_mask;
    if (const auto intact = is_as_left(); ours && same_rules && intact && *intact) {
        const std::string update = render_update(content_, wanted);
        if (update.empty() || commit(update))
            return {};
        // Somebody was faster, or the table is not what we think: the whole table will do.
    }
    return create(wanted);
}

/// What the guard drops between the reading of its counters and the transaction goes uncounted.
Result<void> NftablesNatApplier::create(const NatTableContent& wanted) {
    const auto old = read_counters();
    return commit(render_create(wanted, old ? *old : std::vector<CounterValue>()));
}

/// Runs one transaction and notes what it left. If others' transactions come between that and our
/// look at it, their deeds could pass for ours; then what is left is not known, and made anew next
/// time.
Result<void> NftablesNatApplier::commit(const std::string& commands) {
    left_.reset();
    const auto before = read_generation();
    if (!before)
        return before.error();
    if (const auto done = run(commands, 0); !done)
        return done.error();
    auto listing = list();
    if (!listing)
        return listing.error();
    const auto after = read_generation();
    if (!after)
        return after.error();
    if (*after - *before == 1)
        left_ = State{*after, std::move(*listing)};
    return {};
}

Result<void> NftablesNatApplier::remove() {
    Result<void> result;
    privileged_([&] { result = commit(render_remove()); });
    return result;
}

Result<bool> NftablesNatApplier::verify() {
    std::optional<Result<bool>> intact;
    privileged_([&] { intact = is_as_left(); });
    return *intact;
}

Result<bool> NftablesNatApplier::is_as_left() {
    if (!left_)
        return false;
    const auto generation = read_generation();
    if (!generation)
        return generation.error();
    if (*generation == left_->generation)
        return true;
    const auto listing = list();
    if (!listing)
        return listing.error();
    if (*listing != left_->listing)
        return false;
    left_->generation = *generation;
    return true;
}

Result<std::vector<GuardCount>> NftablesNatApplier::counters() {
    std::optional<Result<std::vector<CounterValue>>> values;
    privileged_([&] { values = read_counters(); });
    if (!*values)
        return values->error();
    std::vector<GuardCount> counts;
    for (const CounterValue& value : **values)
        if (auto guard = parse_guard_counter_name(value.name))
            counts.push_back({std::move(guard->uplink), guard->family, value.packets, value.bytes});
    std::ranges::sort(counts, {},
                      [](const GuardCount& count) { return std::tie(count.uplink, count.family); });
    return counts;
}

void NftablesNatApplier::open() {
    privileged_([this] { open_context(); });
}

void NftablesNatApplier::open_context() {
    if (context_)
        return;
    context_.reset(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!context_ || nft_ctx_buffer_output(context_.get()) != 0 ||
        nft_ctx_buffer_error(context_.get()) != 0) {
        context_.reset();
        throw std::bad_alloc();
    }
}

Result<std::string> NftablesNatApplier::run(const std::string& commands,
                                            unsigned int output_flags) {
    open_context();
    nft_ctx_output_set_flags(context_.get(), output_flags);
    const int failed = nft_run_cmd_from_buffer(context_.get(), commands.c_str());
    const char* output = nft_ctx_get_output_buffer(context_.get());
    const char* errors = nft_ctx_get_error_buffer(context_.get());
    if (failed != 0)
        return about_table(0, nft_words(errors));
    return std::string(output == nullptr ? "" : output);
}

/// "" when there is no table.
Result<std::string> NftablesNatApplier::list() {
    auto listing = run(std::string("list table inet ") + kNatTable,
                       NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_HANDLE);
    if (!listing && says_absent(listing.error()))
        return std::string();
    return listing;
}

/// Closing such a socket waits until the kernel has disposed of what the latest transaction took
/// out, some 10 ms: this one stays open.
Result<void> NftablesNatApplier::open_socket() {
    if (socket_.fd() >= 0)
        return {};
    return socket_.open();
}

Result<std::uint32_t> NftablesNatApplier::read_generation() {
    if (const auto opened = open_socket(); !opened)
        return opened.error();
    const auto asked = ask_generation(socket_);
    if (!asked) {
        socket_ = NetfilterSocket();
        return asked.error();
    }
    return asked->generation;
}

Result<std::vector<CounterValue>> NftablesNatApplier::read_counters() {
    if (const auto opened = open_socket(); !opened)
        return opened.error();
    auto values = dump_counters(socket_);
    if (!values) {
        socket_ = NetfilterSocket();
        return about_table(values.error().code, values.error().what);
    }
    return values;
}

NftMonitor::NftMonitor(core::Privileged privileged) : privileged_(std::move(privileged)) {}

Result<void> NftMonitor::open() {
    Result<void> result;
    privileged_([&] {
        result = socket_.open();
        if (!result)
            return;
        // A burst of others' changes should not cost us notifications; without it, it only does.
        (void)setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kMonitorBuffer, sizeof kMonitorBuffer);
        result = socket_.join(NFNLGRP_NFTABLES);
        if (!result)
            return;
        NetfilterSocket socket;
        result = socket.open();
        if (!result)
            return;
        const auto asked = ask_generation(socket);
        if (asked)
            self_ = asked->process;
        else
            result = asked.error();
    });
    return result;
}

bool NftMonitor::on_readable() {
    bool changed = false;
    for (int reads = 0; reads < kReadsAtOnce; ++reads) {
        const auto bytes = socket_.receive_now();
        if (bytes) {
            changed = note(*bytes) || changed;
            continue;
        }
        if (bytes.error().code == EAGAIN || bytes.error().code == EWOULDBLOCK)
            break;
        changed = true; // some were lost, and we cannot know which
        ours_in_transaction_ = false;
    }
    return changed;
}

bool NftMonitor::note(std::span<const std::uint8_t> bytes) {
    bool changed = false;
    for_each_message(bytes, [&](const nlmsghdr& header) {
        const NftEvent event = decode_nft_event(header);
        if (event.kind == NftEvent::Kind::our_table)
            ours_in_transaction_ = true;
        if (event.kind == NftEvent::Kind::generation) {
            changed = changed || (ours_in_transaction_ && event.process != self_);
            ours_in_transaction_ = false;
        }
        return true;
    });
    return changed;
}

} // namespace multihomed::apply
