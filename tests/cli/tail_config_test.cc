// A tail in spoolmq.toml: what it gives, and every mistake at its line.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/service_config.h"

namespace spoolmq::cli {
namespace {

using adapters::CommandPlace;
using adapters::FifoPlace;
using adapters::Framing;
using adapters::TailSettings;

constexpr std::string_view kHead = "[[adapter]]\ntype = \"tail\"\nqueue = \"q\"\n";

// "LINE: WHY" of each problem.
std::vector<std::string> problems(const std::string& keys) {
  std::vector<std::string> lines;
  for (const ConfigProblem& one :
       parse_service_config(std::string(kHead) + keys, "/r/spoolmq.toml").problems) {
    lines.push_back(std::to_string(one.line) + ": " + one.why);
  }
  return lines;
}

TailSettings settings(const std::string& keys) {
  const ConfigResult result = parse_service_config(std::string(kHead) + keys, "/r/spoolmq.toml");
  EXPECT_TRUE(result.problems.empty());
  return std::get<TailSettings>(result.config.adapters.at(0).settings);
}

using Lines = std::vector<std::string>;

TEST(TailConfig, NeedsNoDirectory) {
  const ConfigResult result =
      parse_service_config(std::string(kHead) + "fifo = \"/run/x\"\n", "/r/spoolmq.toml");
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().why;
  const AdapterConfig& adapter = result.config.adapters.at(0);
  EXPECT_EQ(adapter.name, "tail-q");
  EXPECT_EQ(directory_of(adapter.settings), "/run/x");
  EXPECT_EQ(queue_of(adapter.settings), "q");
}

TEST(TailConfig, TakesACommandAsAnArrayOfWords) {
  const TailSettings tail = settings("command = [\"tee\", \"-a\", \"/log\"]\nframing = \"json\"\n");
  EXPECT_EQ(std::get<CommandPlace>(tail.place).words, (Lines{"tee", "-a", "/log"}));
  EXPECT_EQ(tail.framing, Framing::kJson);
  EXPECT_EQ(std::get<CommandPlace>(settings("command = \"cat\"\n").place).words, Lines{"cat"});
}

TEST(TailConfig, AFingerprintChangesWithTheWords) {
  const auto fingerprint = [](const std::string& keys) {
    return parse_service_config(std::string(kHead) + keys, "/r").config.adapters.at(0).fingerprint;
  };
  EXPECT_NE(fingerprint("command = [\"a\", \"b\"]\n"), fingerprint("command = [\"ab\"]\n"));
  EXPECT_NE(fingerprint("fifo = \"/x\"\n"), fingerprint("socket = \"/x\"\n"));
}

TEST(TailConfig, NamesEveryMistakeWithItsLine) {
  EXPECT_EQ(problems(""), Lines{"1: command, fifo or socket: a tail needs one of them"});
  EXPECT_EQ(problems("fifo = \"x\"\n"),
            Lines{"4: fifo = \"x\": it must be the absolute path of a file"});
  EXPECT_EQ(problems("fifo = \"/x\"\nsocket = \"/y\"\n"),
            Lines{"4: fifo = \"/x\": it excludes socket"});
  EXPECT_EQ(problems("fifo = \"/x\"\nframing = \"xml\"\nfrom = \"then\"\n"),
            (Lines{"5: framing = \"xml\": not one of line null json",
                   "6: from = \"then\": not one of now oldest"}));
  EXPECT_EQ(problems("command = []\n").size(), 1U);
  EXPECT_EQ(problems("command = [1]\n"),
            (Lines{"1: command, fifo or socket: a tail needs one of them",
                   "4: command[0]: it must be a string, or an array of them"}));
}

TEST(TailConfig, KnowsNoKeysOfDirectories) {
  const Lines found = problems("fifo = \"/x\"\ndirectory = \"/y\"\nrecursive = true\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0],
            "5: there is no key 'directory'; there are name type queue enabled command fifo socket "
            "framing from");
  EXPECT_TRUE(found[1].starts_with("6: there is no key 'recursive'"));
}

}  // namespace
}  // namespace spoolmq::cli
