// SPDX-License-Identifier: GPL-2.0-or-later
#include "bfd_sessions.hpp"

#include "event_loop.hpp"

#include <algorithm>
#include <cstring>

namespace multihomed::frr {

namespace {

template <class Raw>
Raw to_raw(const core::Address& address) {
    Raw raw;
    const auto bytes = core::address_bytes(address);
    std::memcpy(&raw, bytes.data(), sizeof raw);
    return raw;
}

} // namespace

struct BfdSessions::Session {
    BfdSessions* owner = nullptr;
    core::ProbeKey key;
    core::BfdPlan plan;
    struct bfd_session_params* params = nullptr;

    ~Session() {
        if (params != nullptr)
            bfd_sess_free(&params); // bfdd is told
    }
};

BfdSessions::BfdSessions(mh_loop* loop, std::string bfdd_socket, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)),
      bfdd_(
          loop, std::move(bfdd_socket), [this] { bfdd_ended(); }, [this] { changed_(); }) {}

BfdSessions::~BfdSessions() = default;

void BfdSessions::connected(struct zclient* zclient) {
    if (zclient_ == nullptr) {
        bfd_protocol_integration_init(zclient, loop_);
        zclient_ = zclient;
        for (const core::BfdPlan& plan : plans_)
            begin(plan);
        return;
    }
    bfd_client_sendmsg(zclient, ZEBRA_BFD_CLIENT_REGISTER, VRF_DEFAULT);
    for (const auto& [key, session] : sessions_)
        bfd_sess_install(session->params);
}

void BfdSessions::want(const std::vector<core::BfdPlan>& plans) {
    plans_ = plans;
    std::erase_if(sessions_, [&](const auto& entry) {
        return std::ranges::find(plans, entry.second->plan) == plans.end();
    });
    std::erase_if(states_, [&](const auto& entry) {
        return std::ranges::find(plans, entry.first, &core::BfdPlan::key) == plans.end();
    });
    for (const core::BfdPlan& plan : plans) {
        if (zclient_ != nullptr && !sessions_.contains(plan.key))
            begin(plan);
        states_.try_emplace(plan.key, core::BfdState::pending);
    }
    bfdd_.watch(!plans.empty());
}

/// Sessions begin anew: libfrr does not tell again what it heard last.
void BfdSessions::bfdd_ended() {
    zlog_warn("bfdd has ended; without it probes alone decide");
    sessions_.clear();
    for (auto& [key, state] : states_)
        state = core::BfdState::pending;
    if (zclient_ == nullptr)
        return;
    for (const core::BfdPlan& plan : plans_)
        begin(plan);
}

void BfdSessions::begin(const core::BfdPlan& plan) {
    auto session = std::make_unique<Session>();
    session->owner = this;
    session->key = plan.key;
    session->plan = plan;
    session->params = bfd_sess_new(updated, session.get());
    states_[plan.key] = core::BfdState::pending;
    if (plan.gateway.is_v4()) {
        const auto source = to_raw<in_addr>(plan.source);
        const auto gateway = to_raw<in_addr>(plan.gateway);
        bfd_sess_set_ipv4_addrs(session->params, &source, &gateway);
    } else {
        // A link-local gateway is spoken to from our own link-local address, which bfdd finds.
        const auto source = to_raw<in6_addr>(plan.source);
        const auto gateway = to_raw<in6_addr>(plan.gateway);
        bfd_sess_set_ipv6_addrs(session->params,
                                core::is_link_local(plan.gateway) ? nullptr : &source, &gateway);
    }
    bfd_sess_set_interface(session->params, plan.interface.c_str());
    bfd_sess_set_vrf(session->params, VRF_DEFAULT);
    if (!plan.profile.empty())
        bfd_sess_set_profile(session->params, plan.profile.c_str());
    bfd_sess_install(session->params);
    sessions_.insert_or_assign(plan.key, std::move(session));
}

void BfdSessions::updated(struct bfd_session_params*, const struct bfd_session_status* status,
                          void* session) {
    const auto& changed = *static_cast<Session*>(session);
    changed.owner->bfdd_.look();
    if (changed.owner->lacks_bfdd())
        return; // said before it ended
    core::BfdState& state = changed.owner->states_[changed.key];
    const core::BfdState before = state;
    if (status->state == BSS_UP)
        state = core::BfdState::up;
    else if (state == core::BfdState::up)
        // Whoever takes his end down on purpose does not mean the line.
        state = status->state == BSS_ADMIN_DOWN ? core::BfdState::pending : core::BfdState::down;
    if (state != before)
        call_guarded(changed.owner->changed_);
}

} // namespace multihomed::frr
