// why FILE: what the service says, and the look without one.

#include "cli/why_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/clock.h"

namespace spoolmq::cli {
namespace {

namespace fs = std::filesystem;
using adapters::FileReason;

constexpr std::string_view kId = "0192f0c4-8d2e-7a11-b5c3-9f1e2d3c4b5a";

class WhyFile : public testing::Test {
 protected:
  WhyFile() {
    std::string pattern = testing::TempDir() + "why_file_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    place_ = fs::canonical(pattern);
    fs::create_directories(place_ / "in/below");
    root_.emplace(Root::open((place_ / "root").string(), Force::kYes));
    static_cast<void>(root_->create_queue("orders"));
  }
  ~WhyFile() override {
    root_.reset();
    fs::remove_all(place_);
  }

  std::string put(const std::string& name) {
    std::ofstream(place_ / name) << "x";
    return (place_ / name).string();
  }
  // The look of the imports in `toml`, "IN" standing for the directory.
  std::vector<FileAnswer> look(std::string toml, const std::string& path) {
    const std::string in = (place_ / "in").string();
    for (std::size_t at = 0; (at = toml.find("IN", at)) != std::string::npos;) {
      toml.replace(at, 2, in);
    }
    const ConfigResult result = parse_service_config(toml, "spoolmq.toml");
    for (const ConfigProblem& problem : result.problems) ADD_FAILURE() << problem.why;
    return look_at_file(*root_, SystemClock(), result.config, path);
  }

  fs::path place_;
  std::optional<Root> root_;
};

constexpr const char* kImport =
    "[[adapter]]\ntype = 'import'\nqueue = 'orders'\ndirectory = 'IN'\nquiet-for = '0s'\n";

TEST_F(WhyFile, AFileThatIsReadyMoves) {
  const auto answers = look(kImport, put("in/a.xml"));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].adapter, "import-orders");
  EXPECT_EQ(answers[0].queue, "orders");
  EXPECT_TRUE(is_moving(answers[0]))
      << answers[0].reasons.front().rule << ": " << answers[0].reasons.front().why;
}

TEST_F(WhyFile, TheRuleThatHoldsItBackIsNamed) {
  const auto by_name = look(kImport, put("in/a.tmp"));
  ASSERT_EQ(by_name.size(), 1U);
  EXPECT_FALSE(is_moving(by_name[0]));
  const auto excluded = look(std::string(kImport) + "include = '*.csv'\n", put("in/a.xml"));
  ASSERT_EQ(excluded.size(), 1U);
  EXPECT_EQ(excluded[0].reasons.at(0).rule, "name");
  EXPECT_FALSE(is_moving(excluded[0]));
}

TEST_F(WhyFile, OtherDirectoriesHaveNoAnswer) {
  EXPECT_TRUE(look(kImport, put("a.xml")).empty());
  EXPECT_TRUE(look(kImport, put("in/below/a.xml")).empty());
  EXPECT_EQ(look(std::string(kImport) + "depth = 1\n", put("in/below/a.xml")).size(), 1U);
  EXPECT_TRUE(look("", put("in/a.xml")).empty());
  EXPECT_TRUE(
      look("[[adapter]]\ntype = 'export'\nqueue = 'orders'\ndirectory = 'IN'\n", put("in/a.xml"))
          .empty());
}

TEST_F(WhyFile, WhatKeepsAnImportFromLookingIsItsReason) {
  const auto answers =
      look("[[adapter]]\ntype = 'import'\nqueue = 'nowhere'\ndirectory = 'IN'\n", put("in/a.xml"));
  ASSERT_EQ(answers.size(), 1U);
  ASSERT_EQ(answers[0].reasons.size(), 1U);
  EXPECT_NE(answers[0].reasons[0].why.find("no such queue"), std::string::npos);
  EXPECT_FALSE(is_moving(answers[0]));
}

TEST_F(WhyFile, SeveralImportsAnswer) {
  static_cast<void>(root_->create_queue("copies"));
  const std::string second =
      "[[adapter]]\ntype = 'import'\nqueue = 'copies'\ndirectory = 'IN'\nkeep = true\n";
  EXPECT_EQ(look(kImport + second, put("in/a.xml")).size(), 2U);
}

TEST_F(WhyFile, PathsAreKnownAsGivenAndWithLinksFollowed) {
  fs::create_directory_symlink(place_ / "in", place_ / "link");
  const std::string in = (place_ / "in").string();
  EXPECT_EQ(absolute_paths(in + "/./below/../a"), std::vector<std::string>{in + "/a"});
  EXPECT_EQ(absolute_paths((place_ / "link/a").string()),
            (std::vector<std::string>{(place_ / "link/a").string(), in + "/a"}));
  // The file itself may be a link: an import looks at it, not at what it points to.
  fs::create_symlink("a", place_ / "in/b");
  EXPECT_EQ(absolute_paths(in + "/b"), std::vector<std::string>{in + "/b"});
  EXPECT_EQ(absolute_paths("relative/x").front(), (fs::current_path() / "relative/x").string());
}

TEST_F(WhyFile, AQueueIsNoFile) {
  Context context;
  context.root_path = (place_ / "root").string();
  static_cast<void>(root_->create_queue("a/b"));
  EXPECT_FALSE(means_file(context, "orders"));
  EXPECT_FALSE(means_file(context, "a/b"));
  EXPECT_FALSE(means_file(context, "nowhere-at-all"));
  EXPECT_FALSE(means_file(context, ""));
  EXPECT_TRUE(means_file(context, "nowhere/at-all"));
  EXPECT_TRUE(means_file(context, "./orders"));
  EXPECT_TRUE(means_file(context, put("in/a.xml")));
}

TEST(WhyFileAnswer, ReadsWhatTheServiceSays) {
  const auto answers = file_answers(nlohmann::json::parse(R"({"answers": [
    {"adapter": "in", "queue": "q", "reasons": [
      {"rule": "closed", "why": "open for writing", "left_ms": 1500},
      {"rule": "imported", "why": "kept", "id": "0192f0c4-8d2e-7a11-b5c3-9f1e2d3c4b5a"}]},
    {"adapter": "other", "queue": "r", "reasons": []}]})"));
  ASSERT_EQ(answers.size(), 2U);
  ASSERT_EQ(answers[0].reasons.size(), 2U);
  EXPECT_EQ(answers[0].adapter, "in");
  EXPECT_EQ(answers[0].queue, "q");
  EXPECT_EQ(answers[0].reasons[0].rule, "closed");
  EXPECT_EQ(answers[0].reasons[0].why, "open for writing");
  EXPECT_EQ(answers[0].reasons[0].left_ms, 1'500);
  EXPECT_FALSE(answers[0].reasons[0].id);
  EXPECT_EQ(answers[0].reasons[1].id, MessageId::parse(kId));
  EXPECT_FALSE(is_moving(answers[0]));
  EXPECT_TRUE(is_moving(answers[1]));
}

TEST(WhyFileAnswer, StrangeAnswersThrowNothing) {
  for (const char* text :
       {"{}", "[]", "null", "3", R"({"answers": 3})", R"({"answers": [3, null, []]})",
        R"({"answers": [{"reasons": {}}]})", R"({"answers": [{"adapter": 3, "reasons": [7]}]})",
        R"({"answers": [{"reasons": [{"rule": 1, "left_ms": "x", "id": "no"}]}]})"}) {
    const auto answers = file_answers(nlohmann::json::parse(text));
    for (const FileAnswer& answer : answers) {
      EXPECT_EQ(answer.adapter, "");
      for (const FileReason& reason : answer.reasons) {
        EXPECT_EQ(reason.rule, "");
        EXPECT_FALSE(reason.left_ms || reason.id);
      }
    }
  }
}

TEST(WhyFileAnswer, OnlyReadyAndImportedMove) {
  const auto with = [](const std::string& rule) {
    return FileAnswer{"a", "q", {FileReason{rule, "", {}, {}}}};
  };
  EXPECT_TRUE(is_moving(with("ready")));
  EXPECT_TRUE(is_moving(with("imported")));
  for (const char* rule : {"closed", "stable", "name", "service", "busy", ""}) {
    EXPECT_FALSE(is_moving(with(rule))) << rule;
  }
}

}  // namespace
}  // namespace spoolmq::cli
