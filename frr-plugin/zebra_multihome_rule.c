/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Policy rules to and from rtnetlink's messages; see zebra_multihome_rule.h.
 */
#include "zebra_multihome_rule.h"

#include "rule_descriptor.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* --- values ----------------------------------------------------------------------------------- */

bool mh_rule_equal(const struct mh_rule* a, const struct mh_rule* b) {
    return a->family == b->family && a->priority == b->priority && a->table == b->table &&
           a->target == b->target && a->mark == b->mark && a->mask == b->mask &&
           a->suppress == b->suppress && a->src_len == b->src_len && a->dst_len == b->dst_len &&
           memcmp(a->src, b->src, sizeof(a->src)) == 0 &&
           memcmp(a->dst, b->dst, sizeof(a->dst)) == 0 &&
           strncmp(a->iif, b->iif, sizeof(a->iif)) == 0;
}

void mh_mask_address(uint8_t address[16], uint8_t length) {
    for (unsigned int i = 0; i < 16; i++) {
        unsigned int bits = length > i * 8 ? length - i * 8 : 0;

        if (bits < 8)
            address[i] &= (uint8_t)(0xff00U >> bits);
    }
}

static size_t put_prefix(char* out, size_t size, const char* word, uint8_t family,
                         const uint8_t* address, uint8_t length) {
    char text[INET6_ADDRSTRLEN] = "?";

    inet_ntop(family, address, text, sizeof(text));
    return (size_t)snprintf(out, size, "%s %s/%u ", word, text, length);
}

const char* mh_rule_to_text(const struct mh_rule* rule, char* out, size_t size) {
    char text[320];
    size_t n = 0;

    if (rule->src_len)
        n += put_prefix(text + n, sizeof(text) - n, "from", rule->family, rule->src, rule->src_len);
    if (rule->dst_len)
        n += put_prefix(text + n, sizeof(text) - n, "to", rule->family, rule->dst, rule->dst_len);
    if (rule->iif[0])
        n += (size_t)snprintf(text + n, sizeof(text) - n, "iif %s ", rule->iif);
    if (rule->mask)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "fwmark 0x%x/0x%x ", rule->mark,
                              rule->mask);
    if (rule->target)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "goto %u ", rule->target);
    else
        n += (size_t)snprintf(text + n, sizeof(text) - n, "lookup %u ", rule->table);
    if (rule->suppress >= 0)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "suppress_prefixlength %d ",
                              rule->suppress);
    snprintf(text + n, sizeof(text) - n, "pref %u%s", rule->priority,
             rule->family == AF_INET6 ? " (IPv6)" : "");
    snprintf(out, size, "%s", text);
    return out;
}

/* --- encoding --------------------------------------------------------------------------------- */

static void put_attribute(struct mh_rule_message* message, uint16_t type, const void* data,
                          size_t size) {
    struct rtattr* attribute =
        (struct rtattr*)(message->bytes + NLMSG_ALIGN(message->header.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), data, size);
    message->header.nlmsg_len =
        (uint32_t)(NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static void put_u32(struct mh_rule_message* message, uint16_t type, uint32_t value) {
    put_attribute(message, type, &value, sizeof(value));
}

void mh_rule_encode(struct mh_rule_message* message, uint16_t type, uint16_t flags,
                    const struct mh_rule* rule) {
    const uint8_t protocol = MH_RULE_PROTOCOL;
    const size_t address_size = rule->family == AF_INET ? 4 : 16;
    struct fib_rule_hdr* header = NLMSG_DATA(&message->header);

    memset(message, 0, sizeof(*message));
    message->header.nlmsg_len = NLMSG_LENGTH(sizeof(*header));
    message->header.nlmsg_type = type;
    message->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    header->family = rule->family;
    header->src_len = rule->src_len;
    header->dst_len = rule->dst_len;
    header->action = rule->target ? FR_ACT_GOTO : FR_ACT_TO_TBL;
    put_attribute(message, FRA_PROTOCOL, &protocol, sizeof(protocol));
    put_u32(message, FRA_PRIORITY, rule->priority);
    if (rule->src_len)
        put_attribute(message, FRA_SRC, rule->src, address_size);
    if (rule->dst_len)
        put_attribute(message, FRA_DST, rule->dst, address_size);
    if (rule->iif[0])
        put_attribute(message, FRA_IIFNAME, rule->iif, strnlen(rule->iif, IFNAMSIZ - 1) + 1);
    if (rule->mask) {
        put_u32(message, FRA_FWMARK, rule->mark);
        put_u32(message, FRA_FWMASK, rule->mask);
    }
    if (rule->target)
        put_u32(message, FRA_GOTO, rule->target);
    else
        put_u32(message, FRA_TABLE, rule->table);
    if (rule->suppress >= 0)
        put_u32(message, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress);
}

/* --- decoding --------------------------------------------------------------------------------- */

static bool get_u32(const struct rtattr* attribute, uint32_t* out) {
    if (RTA_PAYLOAD(attribute) < sizeof(*out))
        return false;
    memcpy(out, RTA_DATA(attribute), sizeof(*out));
    return true;
}

static bool get_address(const struct rtattr* attribute, uint8_t family, uint8_t length,
                        uint8_t out[16]) {
    const size_t size = family == AF_INET ? 4 : 16;

    if (RTA_PAYLOAD(attribute) < size || length > size * 8)
        return false;
    memcpy(out, RTA_DATA(attribute), size);
    mh_mask_address(out, length);
    return true;
}

static bool get_name(const struct rtattr* attribute, char out[IFNAMSIZ]) {
    const size_t size = RTA_PAYLOAD(attribute);

    if (size == 0 || size > IFNAMSIZ)
        return false;
    memcpy(out, RTA_DATA(attribute), size);
    out[IFNAMSIZ - 1] = 0;
    return true;
}

/* One attribute into the rule; false when it makes the rule one that mh_rule cannot express. */
static bool take_attribute(const struct rtattr* attribute, struct mh_found_rule* found) {
    struct mh_rule* rule = &found->rule;
    uint32_t value;

    switch (attribute->rta_type) {
    case FRA_SRC:
        return get_address(attribute, rule->family, rule->src_len, rule->src);
    case FRA_DST:
        return get_address(attribute, rule->family, rule->dst_len, rule->dst);
    case FRA_IIFNAME:
        return get_name(attribute, rule->iif);
    case FRA_GOTO:
        return get_u32(attribute, &rule->target);
    case FRA_PRIORITY:
        return get_u32(attribute, &rule->priority);
    case FRA_FWMARK:
        return get_u32(attribute, &rule->mark);
    case FRA_FWMASK:
        return get_u32(attribute, &rule->mask);
    case FRA_TABLE:
        return get_u32(attribute, &rule->table);
    case FRA_SUPPRESS_PREFIXLEN: /* all ones: none */
        if (!get_u32(attribute, &value))
            return false;
        rule->suppress = value <= MH_MAX_SUPPRESS ? (int16_t)value : -1;
        return value <= MH_MAX_SUPPRESS || value == UINT32_MAX;
    case FRA_SUPPRESS_IFGROUP:
        return get_u32(attribute, &value) && value == UINT32_MAX;
    case FRA_PROTOCOL:
        if (RTA_PAYLOAD(attribute) < 1)
            return false;
        found->protocol = *(const uint8_t*)RTA_DATA(attribute);
        return true;
    case FRA_PAD:
        return true;
    default:
        return false;
    }
}

bool mh_rule_parse(const struct nlmsghdr* message, size_t size, struct mh_found_rule* out) {
    const struct fib_rule_hdr* header = NLMSG_DATA(message);
    const struct rtattr* attribute;
    int left; /* the macros of rtnetlink go below zero */

    if (size < NLMSG_LENGTH(sizeof(*header)) || message->nlmsg_len > size ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
        return false;
    if (message->nlmsg_type != RTM_NEWRULE && message->nlmsg_type != RTM_DELRULE)
        return false;
    if (header->family != AF_INET && header->family != AF_INET6)
        return false;
    memset(out, 0, sizeof(*out));
    out->rule.family = header->family;
    out->rule.src_len = header->src_len;
    out->rule.dst_len = header->dst_len;
    out->rule.table = header->table;
    out->rule.suppress = -1;
    out->exotic = header->tos != 0 || (header->flags & FIB_RULE_INVERT) ||
                  (header->action != FR_ACT_TO_TBL && header->action != FR_ACT_GOTO);
    attribute = (const struct rtattr*)(header + 1);
    left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof(*header)));
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
        if (!take_attribute(attribute, out))
            out->exotic = true;
    /* a prefix length without a prefix, a goto without a target: nothing the kernel sends */
    if (header->action == FR_ACT_GOTO)
        out->rule.table = 0;
    if ((header->action == FR_ACT_GOTO) != (out->rule.target != 0))
        out->exotic = true;
    return true;
}
