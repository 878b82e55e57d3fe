// SPDX-License-Identifier: GPL-2.0-or-later
//
// Result<T>: a value or an Error, with the member names of C++23's std::expected so that an alias
// can replace it once the compilers of our distributions have it.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace multihomed::core {

/// What was tried, on which object, and the kernel's own words.
struct Error {
    int code = 0; ///< errno, or 0 when there is none
    std::string what;

    bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::move(error)) {}

    bool has_value() const { return std::holds_alternative<T>(state_); }
    explicit operator bool() const { return has_value(); }
    const T& value() const { return std::get<T>(state_); }
    T& value() { return std::get<T>(state_); }
    const T& operator*() const { return value(); }
    const T* operator->() const { return &value(); }
    const Error& error() const { return std::get<Error>(state_); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    bool has_value() const { return !failed_; }
    explicit operator bool() const { return has_value(); }
    const Error& error() const { return error_; }

private:
    Error error_;
    bool failed_ = false;
};

} // namespace multihomed::core
