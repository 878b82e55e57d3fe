// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reading netlink attributes (struct nlattr of linux/netlink.h) without trusting lengths or
// alignment. Attributes walks a run of them; every getter checks the size and yields nothing when
// it is wrong. libnl's walker wants aligned, writable bytes; this one takes any, and the sanitizers
// see into it.
#pragma once

#include "core/address.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace multihomed::observe {

using Bytes = std::span<const std::uint8_t>;

/// A T out of bytes of any alignment, or nothing when there are too few.
template <class T>
std::optional<T> read_struct(Bytes bytes) {
    if (bytes.size() < sizeof(T))
        return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

/// What is left of bytes behind the first `size`, rounded up to netlink's alignment.
inline Bytes behind(Bytes bytes, std::size_t size) {
    return bytes.subspan(std::min<std::size_t>(NLMSG_ALIGN(size), bytes.size()));
}

class Attributes {
public:
    explicit Attributes(Bytes bytes) : bytes_(bytes) {}

    /// Calls visit(type, payload) for each attribute; stops where the lengths stop making sense.
    template <class Visit>
    void for_each(Visit visit) const {
        Bytes left = bytes_;
        while (const auto header = read_struct<nlattr>(left)) {
            if (header->nla_len < sizeof(nlattr) || header->nla_len > left.size())
                return;
            visit(header->nla_type & NLA_TYPE_MASK,
                  left.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr)));
            left = behind(left, header->nla_len);
        }
    }

    std::optional<Bytes> find(int type) const {
        std::optional<Bytes> found;
        for_each([&](int seen, Bytes payload) {
            if (seen == type)
                found = payload;
        });
        return found;
    }
    std::optional<std::uint32_t> u32(int type) const { return number<std::uint32_t>(type); }
    std::optional<std::uint8_t> u8(int type) const { return number<std::uint8_t>(type); }

    std::optional<core::Address> address(int type, core::Family family) const {
        const auto bytes = find(type);
        if (!bytes || bytes->size() != core::address_bits(family) / 8U)
            return std::nullopt;
        return core::address_from_bytes(family, bytes->data());
    }
    /// A C string, cut at its NUL.
    std::string text(int type) const {
        const auto bytes = find(type);
        if (!bytes)
            return {};
        const auto* begin = reinterpret_cast<const char*>(bytes->data());
        return {begin, strnlen(begin, bytes->size())};
    }

private:
    template <class T>
    std::optional<T> number(int type) const {
        const auto bytes = find(type);
        if (!bytes || bytes->size() != sizeof(T))
            return std::nullopt;
        return read_struct<T>(*bytes);
    }

    Bytes bytes_;
};

} // namespace multihomed::observe
