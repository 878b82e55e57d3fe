// SPDX-License-Identifier: GPL-2.0-or-later
#include "route_ledger.hpp"

#include <gtest/gtest.h>

using multihomed::core::Prefix;
using multihomed::core::Route;
using multihomed::frr::RouteLedger;

namespace {

const Prefix kDefault = *Prefix::parse("0.0.0.0/0");

Route::Key key(std::uint8_t distance, std::uint32_t table = 1001) {
    return {table, kDefault, distance};
}

TEST(RouteLedger, AnswersAreForTheRouteOfLeastDistance) {
    RouteLedger ledger;
    ledger.added(key(254));
    ledger.added(key(1));
    EXPECT_EQ(ledger.installed(1001, kDefault), key(1));
    EXPECT_EQ(ledger.outranked(1001, kDefault), key(1));
}

TEST(RouteLedger, WhatFollowsARefusalIsForTheNext) {
    RouteLedger ledger;
    ledger.added(key(1));
    ledger.added(key(254));
    EXPECT_EQ(ledger.failed(1001, kDefault), key(1));
    EXPECT_EQ(ledger.installed(1001, kDefault), key(254));
    ledger.added(key(1));
    EXPECT_EQ(ledger.installed(1001, kDefault), key(1));
}

TEST(RouteLedger, RefusedAlone) {
    RouteLedger ledger;
    ledger.added(key(1));
    EXPECT_EQ(ledger.failed(1001, kDefault), key(1));
    EXPECT_EQ(ledger.installed(1001, kDefault), key(1));
}

TEST(RouteLedger, RemovalIsForWhatIsBeingRemoved) {
    RouteLedger ledger;
    ledger.added(key(1));
    ledger.added(key(254));
    EXPECT_FALSE(ledger.removed(1001, kDefault));
    ledger.removing(key(1));
    ledger.removing(key(254));
    EXPECT_EQ(ledger.removed(1001, kDefault), key(1));
    EXPECT_FALSE(ledger.removed(1001, kDefault));
}

TEST(RouteLedger, TheNextInLineTakesThePlaceOfWhatIsRemoved) {
    RouteLedger ledger;
    ledger.added(key(1));
    ledger.added(key(254));
    ledger.removing(key(1));
    EXPECT_EQ(ledger.installed(1001, kDefault), key(254));
    EXPECT_FALSE(ledger.removed(1001, kDefault));
}

TEST(RouteLedger, TheFirstOfADestinationIsKnown) {
    RouteLedger ledger;
    EXPECT_TRUE(ledger.added(key(1)));
    EXPECT_FALSE(ledger.added(key(1)));
    EXPECT_FALSE(ledger.added(key(254)));
    EXPECT_TRUE(ledger.added(key(1, 1002)));
    ledger.clear();
    EXPECT_TRUE(ledger.added(key(1)));
}

TEST(RouteLedger, TablesAreApart) {
    RouteLedger ledger;
    ledger.added(key(1, 1001));
    EXPECT_FALSE(ledger.installed(1002, kDefault));
    EXPECT_FALSE(ledger.failed(1001, *Prefix::parse("::/0")));
    ledger.clear();
    EXPECT_FALSE(ledger.installed(1001, kDefault));
}

} // namespace
