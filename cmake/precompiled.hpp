// SPDX-License-Identifier: GPL-2.0-or-later
//
// What nearly every file includes; see multihome_precompile() in compile_options.cmake.
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>
#ifdef MULTIHOME_PRECOMPILE_GTEST
#include <gtest/gtest.h>
#endif
