/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands about probes: targets and numbers of an uplink, and profiles. Every number has two
 * commands, `probe ...` in an uplink's node and the same without `probe` in a profile's. The rules
 * at the top of multihome_vty.c hold here as well.
 */
#include "multihome_nodes.h"
#include "multihome_vty_parts.h"

#include "multihome_vty_probe_clippy.c"

static int set_uplink_knob(struct vty* vty, enum mh_knob knob, int64_t value) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_knob(MH_OF_UPLINK, name_in(vty), knob, value, &out));
}

static int set_profile_knob(struct vty* vty, enum mh_knob knob, int64_t value) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_knob(MH_OF_PROFILE, name_in(vty), knob, value, &out));
}

static int64_t typed(const char* text, long value) {
    return text ? value : MH_DEFAULT;
}

static int set_target(struct vty* vty, struct mh_target target, bool present) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_probe(uplink_of(vty), &target, present, &out));
}

/* --- targets --- */

DEFPY(uplink_probe_icmp, uplink_probe_icmp_cmd,
      "[no$no] probe icmp <A.B.C.D|X:X::X:X>$target [interval (10-60000)$interval]",
      NO_STR MH_PROBE_STR
      "By ICMP or ICMPv6 echo; without a target the gateway is probed\n" MH_TARGET_STR
          MH_TARGET_INTERVAL_STR) {
    return set_target(vty,
                      (struct mh_target){.kind = "icmp",
                                         .address = target_str,
                                         .port = MH_DEFAULT,
                                         .status = MH_DEFAULT,
                                         .interval = typed(interval_str, interval)},
                      !no);
}

DEFPY(uplink_probe_tcp, uplink_probe_tcp_cmd,
      "[no$no] probe tcp <A.B.C.D|X:X::X:X>$target port (1-65535)$port [interval (10-60000)$interval]",
      NO_STR MH_PROBE_STR "By TCP: a connection is accepted\n" MH_TARGET_STR
                          "Port of the target\n"
                          "Number of the port\n" MH_TARGET_INTERVAL_STR) {
    return set_target(vty,
                      (struct mh_target){.kind = "tcp",
                                         .address = target_str,
                                         .port = port,
                                         .status = MH_DEFAULT,
                                         .interval = typed(interval_str, interval)},
                      !no);
}

DEFPY(uplink_probe_dns, uplink_probe_dns_cmd,
      "[no$no] probe dns <A.B.C.D|X:X::X:X>$target [port (1-65535)$port] [name WORD$name] [interval (10-60000)$interval]",
      NO_STR MH_PROBE_STR "By DNS: a resolver answers a query over UDP\n" MH_TARGET_STR
                          "Port of the resolver\n"
                          "Number of the port (default 53)\n"
                          "What is asked for\n"
                          "Name of a host (default: the root's servers)\n" MH_TARGET_INTERVAL_STR) {
    return set_target(vty,
                      (struct mh_target){.kind = "dns",
                                         .address = target_str,
                                         .port = typed(port_str, port),
                                         .name = name,
                                         .status = MH_DEFAULT,
                                         .interval = typed(interval_str, interval)},
                      !no);
}

DEFPY(uplink_probe_web, uplink_probe_web_cmd,
      "[no$no] probe <http|https>$kind <A.B.C.D|X:X::X:X>$target [port (1-65535)$port] [host WORD$host] [path WORD$path] [status (100-599)$status] [interval (10-60000)$interval]",
      NO_STR MH_PROBE_STR
      "By HTTP: a HEAD request is answered\n"
      "By HTTPS: the same, and the certificate is good\n" MH_TARGET_STR
      "Port of the server\n"
      "Number of the port (default 80, https 443)\n"
      "Whom the server shall be, and its certificate\n"
      "Name of a host (default: the address)\n"
      "What is asked for\n"
      "Path, with a query if need be (default /)\n"
      "The only status that is good\n"
      "Status (default: any below 500)\n" MH_TARGET_INTERVAL_STR) {
    return set_target(vty,
                      (struct mh_target){.kind = kind,
                                         .address = target_str,
                                         .port = typed(port_str, port),
                                         .name = host,
                                         .path = path,
                                         .status = typed(status_str, status),
                                         .interval = typed(interval_str, interval)},
                      !no);
}

DEFPY(uplink_probe_neighbour, uplink_probe_neighbour_cmd,
      "[no$no] probe <arp|nd>$kind [interval (10-60000)$interval]",
      NO_STR MH_PROBE_STR "The IPv4 gateway, by ARP\n"
                          "The IPv6 gateway, by neighbour discovery\n" MH_TARGET_INTERVAL_STR) {
    return set_target(vty,
                      (struct mh_target){.kind = kind,
                                         .port = MH_DEFAULT,
                                         .status = MH_DEFAULT,
                                         .interval = typed(interval_str, interval)},
                      !no);
}

DEFPY(uplink_bfd, uplink_bfd_cmd, "[no$no] bfd [profile WORD$profile]",
      NO_STR "A BFD session with the gateway, by bfdd\n"
             "Use a profile of bfdd's\n"
             "Name of the profile\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_bfd(uplink_of(vty), !no, profile, &out));
}

DEFPY(uplink_probe_profile, uplink_probe_profile_cmd, "[no$no] probe profile ![WORD$mh_profile]",
      NO_STR MH_PROBE_STR "Take what is not typed here from a profile\n" MH_PROFILE_NAME_STR) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_profile(uplink_of(vty), no ? NULL : mh_profile, &out));
}

/* --- profiles --- */

/* As with an uplink, the lines of a refused profile are refused too. */
DEFUN_NOSH(multihome_profile, multihome_profile_cmd, MH_PROFILE_CMD, MH_PROFILE_HELP) {
    struct mh_out out = to_vty(vty);
    bool accepted = mh_config_profile(argv[2]->arg, true, &out);

    strlcpy(name_in(vty), accepted ? argv[2]->arg : "", sizeof(vty->xpath[0]));
    vty->node = MULTIHOME_PROFILE_NODE;
    return config_result(accepted);
}

DEFPY(no_multihome_profile, no_multihome_profile_cmd, "no probe profile WORD$mh_profile",
      NO_STR MH_PROFILE_HELP) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_profile(mh_profile, false, &out));
}

/* --- numbers --- */

static int quorum_of(const char* any, const char* all, long value) {
    return any ? 1 : all ? MH_QUORUM_ALL : (int)value;
}

DEFPY(uplink_probe_times, uplink_probe_times_cmd,
      "[no$no] probe <interval|timeout>$what ![(10-60000)$value]",
      NO_STR MH_PROBE_STR "Time between two probes to one target\n"
      "Time after which a probe without an answer is lost\n"
      "Milliseconds (default 200, timeout 400)\n") {
    return set_uplink_knob(vty, strmatch(what, "interval") ? MH_INTERVAL : MH_TIMEOUT, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_fail_after, uplink_probe_fail_after_cmd,
      "[no$no] probe fail-after ![(1-100)$value]",
      NO_STR MH_PROBE_STR "Lost probes in a row after which a target is dead\n"
      "Number of probes (default 3)\n") {
    return set_uplink_knob(vty, MH_FAIL_AFTER, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_stable_for, uplink_probe_stable_for_cmd,
      "[no$no] probe stable-for ![(0-3600000)$value]",
      NO_STR MH_PROBE_STR "Time of answered probes before a line that was left is used again\n"
      "Milliseconds (default 5000)\n") {
    return set_uplink_knob(vty, MH_STABLE_FOR, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_window, uplink_probe_window_cmd,
      "[no$no] probe window ![(1000-3600000)$value]",
      NO_STR MH_PROBE_STR "Time over which loss, latency and jitter are computed\n"
      "Milliseconds (default 15000)\n") {
    return set_uplink_knob(vty, MH_WINDOW, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_loss, uplink_probe_loss_cmd,
      "[no$no] probe loss <low|high>$what ![(1-100)$value]",
      NO_STR MH_PROBE_STR "Share of lost probes\n"
      "From here on the line is degraded: behind its healthy equals\n"
      "From here on the line is down\n"
      "Percent (default 10, high 50)\n") {
    return set_uplink_knob(vty, strmatch(what, "low") ? MH_LOSS_LOW : MH_LOSS_HIGH, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_latency, uplink_probe_latency_cmd,
      "[no$no] probe latency <low|high>$what ![(0-60000)$value]",
      NO_STR MH_PROBE_STR "Mean round-trip time\n"
      "From here on the line is degraded: behind its healthy equals\n"
      "From here on the line is down\n"
      "Milliseconds (default 0: not looked at)\n") {
    return set_uplink_knob(vty, strmatch(what, "low") ? MH_LATENCY_LOW : MH_LATENCY_HIGH, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_jitter, uplink_probe_jitter_cmd,
      "[no$no] probe jitter high ![(0-60000)$value]",
      NO_STR MH_PROBE_STR "Deviation of the round-trip time\n"
      "From here on the line is degraded: behind its healthy equals\n"
      "Milliseconds (default 0: not looked at)\n") {
    return set_uplink_knob(vty, MH_JITTER_HIGH, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_half_life, uplink_probe_half_life_cmd,
      "[no$no] probe dampening half-life ![(0-86400)$value]",
      NO_STR MH_PROBE_STR "Penalty of a line that comes and goes: a failure costs 1000\n"
      "Time in which the penalty halves\n"
      "Seconds (default 900; 0: no dampening)\n") {
    return set_uplink_knob(vty, MH_HALF_LIFE, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_penalty, uplink_probe_penalty_cmd,
      "[no$no] probe dampening <suppress|reuse>$what ![(1-20000)$value]",
      NO_STR MH_PROBE_STR "Penalty of a line that comes and goes: a failure costs 1000\n"
      "From here on the line is not taken back\n"
      "Below this it is taken back\n"
      "Penalty (default 2000, reuse 750)\n") {
    return set_uplink_knob(vty, strmatch(what, "suppress") ? MH_SUPPRESS : MH_REUSE, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_max_suppress, uplink_probe_max_suppress_cmd,
      "[no$no] probe dampening max-suppress ![(1-86400)$value]",
      NO_STR MH_PROBE_STR "Penalty of a line that comes and goes: a failure costs 1000\n"
      "Time after its last failure in which a line is taken back in any case\n"
      "Seconds (default 3600)\n") {
    return set_uplink_knob(vty, MH_MAX_SUPPRESS, no ? MH_DEFAULT : value);
}

DEFPY(uplink_probe_quorum, uplink_probe_quorum_cmd,
      "[no$no] probe quorum ![<any$any|all$all|(1-32)$value>]",
      NO_STR MH_PROBE_STR "Targets that have to answer\n"
      "One of them (default)\n"
      "Every one\n"
      "Number of targets\n") {
    return set_uplink_knob(vty, MH_QUORUM, no ? MH_DEFAULT : quorum_of(any, all, value));
}

DEFPY(uplink_probe_spare, uplink_probe_spare_cmd, "[no$no] probe spare-probes",
      NO_STR MH_PROBE_STR "Send no probes while traffic comes back by the line\n") {
    return set_uplink_knob(vty, MH_SPARE_PROBES, no ? 0 : 1);
}

DEFPY(profile_times, profile_times_cmd,
      "[no$no] <interval|timeout>$what ![(10-60000)$value]",
      NO_STR "Time between two probes to one target\n"
      "Time after which a probe without an answer is lost\n"
      "Milliseconds (default 200, timeout 400)\n") {
    return set_profile_knob(vty, strmatch(what, "interval") ? MH_INTERVAL : MH_TIMEOUT, no ? MH_DEFAULT : value);
}

DEFPY(profile_fail_after, profile_fail_after_cmd,
      "[no$no] fail-after ![(1-100)$value]",
      NO_STR "Lost probes in a row after which a target is dead\n"
      "Number of probes (default 3)\n") {
    return set_profile_knob(vty, MH_FAIL_AFTER, no ? MH_DEFAULT : value);
}

DEFPY(profile_stable_for, profile_stable_for_cmd,
      "[no$no] stable-for ![(0-3600000)$value]",
      NO_STR "Time of answered probes before a line that was left is used again\n"
      "Milliseconds (default 5000)\n") {
    return set_profile_knob(vty, MH_STABLE_FOR, no ? MH_DEFAULT : value);
}

DEFPY(profile_window, profile_window_cmd,
      "[no$no] window ![(1000-3600000)$value]",
      NO_STR "Time over which loss, latency and jitter are computed\n"
      "Milliseconds (default 15000)\n") {
    return set_profile_knob(vty, MH_WINDOW, no ? MH_DEFAULT : value);
}

DEFPY(profile_loss, profile_loss_cmd,
      "[no$no] loss <low|high>$what ![(1-100)$value]",
      NO_STR "Share of lost probes\n"
      "From here on the line is degraded: behind its healthy equals\n"
      "From here on the line is down\n"
      "Percent (default 10, high 50)\n") {
    return set_profile_knob(vty, strmatch(what, "low") ? MH_LOSS_LOW : MH_LOSS_HIGH, no ? MH_DEFAULT : value);
}

DEFPY(profile_latency, profile_latency_cmd,
      "[no$no] latency <low|high>$what ![(0-60000)$value]",
      NO_STR "Mean round-trip time\n"
      "From here on the line is degraded: behind its healthy equals\n"
      "From here on the line is down\n"
      "Milliseconds (default 0: not looked at)\n") {
    return set_profile_knob(vty, strmatch(what, "low") ? MH_LATENCY_LOW : MH_LATENCY_HIGH, no ? MH_DEFAULT : value);
}

DEFPY(profile_jitter, profile_jitter_cmd,
      "[no$no] jitter high ![(0-60000)$value]",
      NO_STR "Deviation of the round-trip time\n"
      "From here on the line is degraded: behind its healthy equals\n"
      "Milliseconds (default 0: not looked at)\n") {
    return set_profile_knob(vty, MH_JITTER_HIGH, no ? MH_DEFAULT : value);
}

DEFPY(profile_half_life, profile_half_life_cmd,
      "[no$no] dampening half-life ![(0-86400)$value]",
      NO_STR "Penalty of a line that comes and goes: a failure costs 1000\n"
      "Time in which the penalty halves\n"
      "Seconds (default 900; 0: no dampening)\n") {
    return set_profile_knob(vty, MH_HALF_LIFE, no ? MH_DEFAULT : value);
}

DEFPY(profile_penalty, profile_penalty_cmd,
      "[no$no] dampening <suppress|reuse>$what ![(1-20000)$value]",
      NO_STR "Penalty of a line that comes and goes: a failure costs 1000\n"
      "From here on the line is not taken back\n"
      "Below this it is taken back\n"
      "Penalty (default 2000, reuse 750)\n") {
    return set_profile_knob(vty, strmatch(what, "suppress") ? MH_SUPPRESS : MH_REUSE, no ? MH_DEFAULT : value);
}

DEFPY(profile_max_suppress, profile_max_suppress_cmd,
      "[no$no] dampening max-suppress ![(1-86400)$value]",
      NO_STR "Penalty of a line that comes and goes: a failure costs 1000\n"
      "Time after its last failure in which a line is taken back in any case\n"
      "Seconds (default 3600)\n") {
    return set_profile_knob(vty, MH_MAX_SUPPRESS, no ? MH_DEFAULT : value);
}

DEFPY(profile_quorum, profile_quorum_cmd,
      "[no$no] quorum ![<any$any|all$all|(1-32)$value>]",
      NO_STR "Targets that have to answer\n"
      "One of them (default)\n"
      "Every one\n"
      "Number of targets\n") {
    return set_profile_knob(vty, MH_QUORUM, no ? MH_DEFAULT : quorum_of(any, all, value));
}

DEFPY(profile_spare, profile_spare_cmd, "[no$no] spare-probes",
      NO_STR "Send no probes while traffic comes back by the line\n") {
    return set_profile_knob(vty, MH_SPARE_PROBES, no ? 0 : 1);
}

static struct cmd_node multihome_profile_node = {MH_PROFILE_NODE_FIELDS};

void mh_vty_probe_init(void) {
    install_node(&multihome_profile_node);
    install_default(MULTIHOME_PROFILE_NODE);
    install_element(MULTIHOME_NODE, &multihome_profile_cmd);
    install_element(MULTIHOME_NODE, &no_multihome_profile_cmd);

    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_icmp_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_tcp_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_dns_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_web_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_neighbour_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_profile_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_bfd_cmd);

    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_times_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_fail_after_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_stable_for_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_window_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_loss_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_latency_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_jitter_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_half_life_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_penalty_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_max_suppress_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_quorum_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_probe_spare_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_times_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_fail_after_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_stable_for_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_window_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_loss_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_latency_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_jitter_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_half_life_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_penalty_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_max_suppress_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_quorum_cmd);
    install_element(MULTIHOME_PROFILE_NODE, &profile_spare_cmd);
}
