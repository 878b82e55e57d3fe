// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/dns_socket.hpp"

#include "probe/dns_codec.hpp"
#include "probe/pending_probes.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <sys/random.h>

namespace multihomed::probe {

namespace {

using Pending = PendingProbes<DnsQuery>;

DnsQuery query_for(const core::ProbeTarget& target, core::Family family) {
    DnsQuery query{.id = 0, .name = target.name, .type = DnsQuery::Type::ns};
    if (!target.name.empty())
        query.type = family == core::Family::v4 ? DnsQuery::Type::a : DnsQuery::Type::aaaa;
    // Never blocks once the machine has booted; a number that is not random would do no harm.
    (void)!getrandom(&query.id, sizeof query.id, GRND_NONBLOCK);
    return query;
}

class DnsSocket final : public ProbeSocket {
public:
    DnsSocket(const core::ProbePlan& plan, Descriptor stamps)
        : plan_(plan), stamps_(std::move(stamps)) {}

    int fd() const override { return pending_.fd(); }

    core::Result<core::Time> send(const core::ProbeTarget& target,
                                  std::uint16_t sequence) override {
        DnsQuery query = query_for(target, plan_.key.family);
        const auto message = encode_dns_query(query);
        if (!message)
            return core::Error{0, "'" + target.name + "' is not a domain name"};
        auto opened = connected(target);
        if (!opened)
            return opened.error();
        const int fd = opened->get();
        const core::Time before = monotonic_now();
        if (::send(fd, message->data(), message->size(), MSG_DONTWAIT) < 0)
            return core::Error{errno, refusal_text(errno)};
        if (!pending_.add(
                {std::move(opened.value()), before, target.address, sequence, std::move(query)},
                EPOLLIN))
            return socket_failure(plan_, "watching a socket");
        return before;
    }

    void receive(const Take& each) override {
        pending_.each_ready([&](const Pending::Probe& probe) { return take(probe, each); });
    }

    std::optional<core::Time> oldest_pending() const override { return pending_.oldest(); }
    void give_up(core::Time sent_until) override { pending_.give_up(sent_until); }

private:
    core::Result<Descriptor> connected(const core::ProbeTarget& target) const {
        auto opened = open_socket(plan_, domain_of(plan_.key.family), SOCK_DGRAM, IPPROTO_UDP);
        if (!opened)
            return opened;
        const int fd = opened->get();
        if (!bind_to_device(fd, plan_))
            return socket_failure(plan_, "binding to the device");
        if (!bind_to_source(fd, plan_))
            return socket_failure(plan_, "binding to the source address");
        if (!ask_for_stamps(fd))
            return socket_failure(plan_, "setting options");
        const SocketAddress to = to_socket_address(target.address, target.port, plan_.ifindex);
        if (connect(fd, to.get(), to.length) != 0)
            return send_failure();
        return opened;
    }

    /// Was there an answer, of whatever kind?
    bool take(const Pending::Probe& probe, const Take& each) {
        bool done = false;
        Outcome outcome{.sequence = probe.sequence, .target = probe.target};
        const int error = reader_.read(probe.fd.get(), [&](const Received& received) {
            const auto code = decode_dns_response(probe.question, received.bytes);
            if (done || !code)
                return; // forged, or repeated
            done = true;
            outcome.kind = is_good(*code) ? Outcome::Kind::answered : Outcome::Kind::refused;
            outcome.at = received.at;
            outcome.text = is_good(*code) ? "" : to_string(*code);
        });
        if (!done && error != 0 && error != EAGAIN) {
            done = true;
            outcome.kind = Outcome::Kind::refused;
            outcome.at = monotonic_now();
            outcome.text = refusal_text(error);
        }
        if (done)
            each(outcome);
        return done;
    }

    core::ProbePlan plan_;
    /// Asks for stamps as long as it lives, and does nothing else: the kernel patches itself when
    /// the first socket begins and when the last one ends to want them.
    Descriptor stamps_;
    Pending pending_;
    PacketReader reader_;
};

} // namespace

core::Result<std::unique_ptr<ProbeSocket>> dns_socket(const core::ProbePlan& plan) {
    auto stamps = open_socket(plan, domain_of(plan.key.family), SOCK_DGRAM, IPPROTO_UDP);
    if (!stamps)
        return stamps.error();
    if (!ask_for_stamps(stamps->get()))
        return socket_failure(plan, "setting options");
    auto made = std::make_unique<DnsSocket>(plan, std::move(stamps.value()));
    if (made->fd() < 0)
        return socket_failure(plan, "creating an epoll set");
    return std::unique_ptr<ProbeSocket>(std::move(made));
}

} // namespace multihomed::probe
