// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/table_names_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace multihomed::apply {
namespace {

namespace fs = std::filesystem;

/// A tree of iproute2's directories of its own.
class TableNames : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "multihome-names-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        fs::create_directories(root_ / "etc/iproute2/rt_tables.d");
        fs::create_directories(root_ / "usr/share/iproute2");
        path_ = root_ / "etc/iproute2/rt_tables.d/multihome.conf";
    }
    void TearDown() override { fs::remove_all(root_); }

    void put(const std::string& path, const std::string& text) const {
        std::ofstream(root_ / path) << text;
    }
    std::string content() const {
        std::stringstream text;
        text << std::ifstream(path_).rdbuf();
        return text.str();
    }
    TableNamesFile file() const { return TableNamesFile(path_.string(), root_.string()); }

    const std::string header_ = "# Routing tables of multihomed, which rewrites this file.\n";
    fs::path root_;
    fs::path path_;
};

TEST_F(TableNames, AreWrittenAsIproute2ReadsThem) {
    const auto applied = file().apply({{1001, "charter"}, {1002, "att"}});
    ASSERT_TRUE(applied) << applied.error().what;
    EXPECT_EQ(content(), header_ + "1001\tcharter\n1002\tatt\n");
}

TEST_F(TableNames, AreRewrittenInPlaceWhenTheDirectoryIsNotOurs) {
    ASSERT_TRUE(TableNamesFile::prepare(path_.string(), geteuid() == 0 ? 65534 : geteuid(),
                                        geteuid() == 0 ? 65534 : getegid()));
    struct stat before {};
    ASSERT_EQ(stat(path_.c_str(), &before), 0);
    EXPECT_EQ(before.st_mode & 07777, 0644U);
    fs::permissions(root_ / "etc/iproute2/rt_tables.d", fs::perms(0555));
    const bool root = geteuid() == 0;
    if (root) {
        EXPECT_EQ(before.st_uid, 65534U);
        fs::permissions(root_, fs::perms(0755));
        ASSERT_EQ(seteuid(65534), 0);
    }
    auto names = file();
    const auto longer = names.apply({{1001, "charter"}, {1002, "att"}});
    const auto shorter = names.apply({{1001, "charter"}});
    const std::string left = content();
    const auto removed = names.remove();
    ASSERT_TRUE(!root || seteuid(0) == 0);
    fs::permissions(root_ / "etc/iproute2/rt_tables.d", fs::perms(0755));
    EXPECT_TRUE(longer);
    EXPECT_TRUE(shorter);
    EXPECT_EQ(left, header_ + "1001\tcharter\n");
    EXPECT_TRUE(removed);
    EXPECT_EQ(content(), "");
    struct stat after {};
    ASSERT_EQ(stat(path_.c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(TableNames, PrepareMakesTheDirectoryAndKeepsAnOldFile) {
    const std::string path = (root_ / "new/rt_tables.d/multihome.conf").string();
    ASSERT_TRUE(TableNamesFile::prepare(path, geteuid(), getegid()));
    std::ofstream(path) << "1001\tcharter\n";
    ASSERT_TRUE(TableNamesFile::prepare(path, geteuid(), getegid()));
    EXPECT_EQ(fs::file_size(path), 13U);
}

TEST_F(TableNames, NameOrNumberTakenElsewhereIsLeftOutAndReported) {
    put("etc/iproute2/rt_tables", "#\n255\tlocal\n254\tmain # here\n200\tatt\n");
    put("etc/iproute2/rt_tables.d/other.conf", "0x3e9 theirs\n1005 same\n");
    put("etc/iproute2/rt_tables.d/README", "1003 not_read\n");
    put("usr/share/iproute2/rt_tables", "  1004   distribution\n");
    const auto applied = file().apply({{1001, "charter"},
                                       {1002, "att"},
                                       {1003, "free"},
                                       {1004, "fourth"},
                                       {1005, "same"},
                                       {1006, "main"}});
    ASSERT_FALSE(applied);
    const std::string& what = applied.error().what;
    EXPECT_NE(what.find("charter for 1001: the table is already called theirs"), std::string::npos)
        << what;
    EXPECT_NE(what.find("att for 1002: the name is taken by table 200"), std::string::npos) << what;
    EXPECT_NE(what.find("already called distribution"), std::string::npos) << what;
    EXPECT_NE(what.find("main for 1006"), std::string::npos) << what;
    EXPECT_EQ(content(), header_ + "1003\tfree\n1005\tsame\n");
}

TEST_F(TableNames, OurOwnOldContentIsNoConflict) {
    ASSERT_TRUE(file().apply({{1001, "charter"}, {1002, "att"}}));
    EXPECT_TRUE(file().apply({{1001, "att"}, {1002, "charter"}}));
    EXPECT_EQ(content(), header_ + "1001\tatt\n1002\tcharter\n");
}

TEST_F(TableNames, NamesThatReadAsNumbersOrAreReservedAreLeftOut) {
    for (const std::string name : {"200", "0x10", "007", "all", "cache", "local", "default"}) {
        EXPECT_FALSE(file().apply({{1001, name}, {1002, "att"}})) << name;
        EXPECT_EQ(content(), header_ + "1002\tatt\n") << name;
    }
    EXPECT_TRUE(file().apply({{1001, "200a"}, {1002, "0-x"}}));
    EXPECT_FALSE(file().apply({{1001, "twice"}, {1002, "twice"}}));
    EXPECT_FALSE(file().apply({{254, "charter"}}));
}

TEST_F(TableNames, MissingDirectoryIsAnErrorWithTheKernelsWords) {
    TableNamesFile lost((root_ / "nowhere/multihome.conf").string(), root_.string());
    const auto applied = lost.apply({{1001, "charter"}});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ENOENT);
    EXPECT_NE(applied.error().what.find("nowhere/multihome.conf: No such file"), std::string::npos);
}

TEST_F(TableNames, ReadersWithTheFileOpenSeeTheNewContent) {

    auto names = file();
    ASSERT_TRUE(names.apply({{1001, "charter"}, {1002, "att"}}));
    const int reader = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    ASSERT_TRUE(names.apply({{1001, "charter"}}));
    char text[512];
    const ssize_t got = pread(reader, text, sizeof text, 0);
    close(reader);
    EXPECT_EQ(std::string(text, static_cast<std::size_t>(got)), content())
        << "the same file, not another one under its name";
}

} // namespace
} // namespace multihomed::apply
