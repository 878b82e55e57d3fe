/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How multihomed and its zebra module speak through zebra.
 *
 * ZAPI's rule messages have no field for a mark mask, suppress_prefixlength or goto, and zebra's
 * answers none for an errno. What is missing travels in the rule's interface name, as a
 * *descriptor* of at most 15 characters. It begins with '/', which no interface name may contain
 * (dev_valid_name() in net/core/dev.c), so zebra without the module can do no harm with it.
 *
 *   /r00AAAA_wAAAF   a rule (/g...: with goto): kind, suppress_prefixlength in hex or "--", mark
 *                    mask (6 digits) and ifindex of the ingress interface (4 digits), base 64
 *   /?               hello; the module answers "/=<dialect> <version>", stock zebra "/?"
 *   /.               the client's rules are complete: rules held back for it may go
 *   /!<errno>        answer only: why an operation failed
 *
 * Everything else of a rule is in ZAPI's own fields; a goto's target is in that of the table.
 */
#ifndef MULTIHOMED_RULE_DESCRIPTOR_H
#define MULTIHOMED_RULE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FRA_PROTOCOL of our rules */
#define MH_RULE_PROTOCOL 97
/* Both sides must agree on it; it changes when the meaning of a descriptor does. */
#define MH_DIALECT 1
/* With the final NUL: IFNAMSIZ, the shorter of the sizes that ZAPI had. */
#define MH_DESCRIPTOR_SIZE 16
#define MH_DESCRIPTOR_HELLO "/?"
#define MH_DESCRIPTOR_COMPLETE "/."
#define MH_MAX_INGRESS 0xffffffU
#define MH_MAX_SUPPRESS 128

enum mh_descriptor_kind {
    MH_KIND_INTERFACE, /* a name, or nothing: none of ours */
    MH_KIND_INVALID,   /* begins as ours do, but says nothing we understand */
    MH_KIND_RULE,
    MH_KIND_HELLO,
    MH_KIND_COMPLETE,
    MH_KIND_MODULE,
    MH_KIND_FAILURE,
};

struct mh_descriptor {
    enum mh_descriptor_kind kind;
    /* MH_KIND_RULE */
    bool is_goto;
    bool has_suppress;
    uint8_t suppress; /* prefix length */
    uint32_t mask;    /* of the mark; 0: no mark is looked at */
    uint32_t ingress; /* ifindex; 0: any */
    /* MH_KIND_FAILURE: errno */
    int error;
    /* MH_KIND_MODULE */
    unsigned int dialect;
    char version[MH_DESCRIPTOR_SIZE];
};

static inline char mh_base64_digit(uint32_t value) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return digits[value & 63];
}

static inline int mh_base64_value(char digit) {
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '-' ? 62 : digit == '_' ? 63 : -1;
}

static inline void mh_base64_put(char* out, unsigned int digits, uint64_t value) {
    while (digits--) {
        out[digits] = mh_base64_digit((uint32_t)(value & 63));
        value >>= 6;
    }
}

/* -1 when a character is no digit */
static inline int64_t mh_base64_get(const char* in, unsigned int digits) {
    int64_t value = 0;

    for (unsigned int i = 0; i < digits; i++) {
        int digit = mh_base64_value(in[i]);

        if (digit < 0)
            return -1;
        value = value << 6 | digit;
    }
    return value;
}

static inline int mh_hex_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Only the MH_KIND_RULE fields are read. False when a value does not fit; out is then empty. */
static inline bool mh_descriptor_put_rule(char out[MH_DESCRIPTOR_SIZE],
                                          const struct mh_descriptor* rule) {
    static const char hex[] = "0123456789abcdef";

    memset(out, 0, MH_DESCRIPTOR_SIZE);
    if (rule->ingress > MH_MAX_INGRESS)
        return false;
    if (rule->has_suppress && rule->suppress > MH_MAX_SUPPRESS)
        return false;
    out[0] = '/';
    out[1] = rule->is_goto ? 'g' : 'r';
    out[2] = rule->has_suppress ? hex[rule->suppress >> 4] : '-';
    out[3] = rule->has_suppress ? hex[rule->suppress & 15] : '-';
    mh_base64_put(out + 4, 6, rule->mask);
    mh_base64_put(out + 10, 4, rule->ingress);
    return true;
}

static inline void mh_descriptor_put_failure(char out[MH_DESCRIPTOR_SIZE], int error) {
    snprintf(out, MH_DESCRIPTOR_SIZE, "/!%d", error);
}

static inline void mh_descriptor_put_module(char out[MH_DESCRIPTOR_SIZE], const char* version) {
    snprintf(out, MH_DESCRIPTOR_SIZE, "/=%u %.9s", MH_DIALECT, version);
}

static inline void mh_descriptor_get_rule(const char* name, size_t length,
                                          struct mh_descriptor* result) {
    int high, low;
    int64_t mask, ingress;

    if (length != 14)
        return;
    mask = mh_base64_get(name + 4, 6);
    ingress = mh_base64_get(name + 10, 4);
    if (mask < 0 || mask > UINT32_MAX || ingress < 0)
        return;
    if (name[2] != '-' || name[3] != '-') {
        high = mh_hex_value(name[2]);
        low = mh_hex_value(name[3]);
        if (high < 0 || low < 0 || high * 16 + low > MH_MAX_SUPPRESS)
            return;
        result->has_suppress = true;
        result->suppress = (uint8_t)(high * 16 + low);
    }
    result->kind = MH_KIND_RULE;
    result->is_goto = name[1] == 'g';
    result->mask = (uint32_t)mask;
    result->ingress = (uint32_t)ingress;
}

/* A decimal number of at most 9 digits; returns the characters read, 0 when there is none. */
static inline size_t mh_decimal_get(const char* in, size_t length, unsigned int* value) {
    size_t i;

    *value = 0;
    for (i = 0; i < length && i < 9 && in[i] >= '0' && in[i] <= '9'; i++)
        *value = *value * 10 + (unsigned int)(in[i] - '0');
    return i;
}

static inline void mh_descriptor_get_answer(const char* name, size_t length,
                                            struct mh_descriptor* result) {
    unsigned int number;
    size_t digits = mh_decimal_get(name + 2, length - 2, &number);

    if (digits == 0)
        return;
    if (name[1] == '!' && length == 2 + digits) {
        result->kind = MH_KIND_FAILURE;
        result->error = (int)number;
    } else if (name[1] == '=' && length > 3 + digits && name[2 + digits] == ' ') {
        result->kind = MH_KIND_MODULE;
        result->dialect = number;
        memcpy(result->version, name + 3 + digits, length - 3 - digits);
    }
}

/* Reads an interface name as zebra carries it: arbitrary bytes, NUL-terminated or not. */
static inline struct mh_descriptor mh_descriptor_get(const char* name, size_t size) {
    struct mh_descriptor result;
    const char* end = (const char*)memchr(name, 0, size);
    size_t length = end ? (size_t)(end - name) : size;

    memset(&result, 0, sizeof(result));
    result.kind = MH_KIND_INTERFACE;
    if (length == 0 || name[0] != '/')
        return result;
    result.kind = MH_KIND_INVALID;
    if (length < 2 || length >= MH_DESCRIPTOR_SIZE)
        return result;
    if (name[1] == 'r' || name[1] == 'g')
        mh_descriptor_get_rule(name, length, &result);
    else if (name[1] == '!' || name[1] == '=')
        mh_descriptor_get_answer(name, length, &result);
    else if (length == 2 && name[1] == '?')
        result.kind = MH_KIND_HELLO;
    else if (length == 2 && name[1] == '.')
        result.kind = MH_KIND_COMPLETE;
    return result;
}

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_RULE_DESCRIPTOR_H */
