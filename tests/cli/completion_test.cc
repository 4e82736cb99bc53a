#include "cli/completion.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace spoolmq::cli {
namespace {

constexpr std::array kGlobal = {OptionSpec{"--root", "DIR", ""}, OptionSpec{"--json", "", ""}};
constexpr std::array kListOptions = {OptionSpec{"--state", "S", "", Times::kMany},
                                     OptionSpec{"-n,--limit", "N", ""}};
constexpr std::array kMoveOptions = {OptionSpec{"--to", "Q2", ""},
                                     OptionSpec{"--format", "binary|xml", ""}};

constexpr std::array kImportOptions = {OptionSpec{"--split", "lines|xml:PATH|csv", ""},
                                       OptionSpec{"--header", "NAME=TEMPLATE", ""}};

int never_run(Context&, const Arguments&) { return kDone; }

constexpr std::array kCommands = {
    Command{"look", "list", "Q", 1, 1, false, "", "", kListOptions, never_run},
    Command{"fix", "move", "Q SEL", 1, 9, false, "", "", kMoveOptions, never_run},
    Command{"queues", "queues", "", 0, 0, false, "", "", {}, never_run},
    Command{"directories", "import", "Q DIR", 2, 2, false, "", "", kImportOptions, never_run},
    Command{"look", "why", "Q|FILE [ID]", 1, 2, false, "", "", {}, never_run},
    Command{"health", "completion", "bash", 1, 1, false, "", "", {}, never_run},
};

std::string script() {
  std::vector<const Command*> commands;
  for (const Command& command : kCommands) commands.push_back(&command);
  return bash_completion(commands, kGlobal);
}

// What bash offers for the last of these words, on one line. `spoolmq queues --quiet` is answered
// by a function, which shows the root it was asked for.
std::string offered(const std::string& words) {
  const std::string path =
      testing::TempDir() + "completion_test_" + std::to_string(::getpid()) + ".bash";
  std::ofstream(path) << "set -u\n"
                      << script() << "compopt() { :; }\n"
                      << "spoolmq() { [[ $* == '--root /r queues --quiet' ]] && echo in-r;"
                         " echo orders; echo process/press-4; }\n"
                      << "COMP_WORDS=(" << words << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                      << "COMPREPLY=()\n_spoolmq\necho \"${COMPREPLY[*]-}\"\n";
  std::FILE* const pipe = ::popen(("bash '" + path + "' 2>&1").c_str(), "r");
  if (pipe == nullptr) return "bash did not start";
  std::string output;
  std::array<char, 256> piece{};
  while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) output += piece.data();
  EXPECT_EQ(::pclose(pipe), 0) << output;
  std::remove(path.c_str());
  if (output.ends_with('\n')) output.pop_back();
  return output;
}

TEST(BashCompletion, OffersCommandsFirst) {
  EXPECT_EQ(offered("spoolmq ''"), "list move queues import why completion");
  EXPECT_EQ(offered("spoolmq m"), "move");
  EXPECT_EQ(offered("spoolmq --json q"), "queues");
}

TEST(BashCompletion, OffersTheQueuesOfTheRoot) {
  EXPECT_EQ(offered("spoolmq list ''"), "orders process/press-4");
  EXPECT_EQ(offered("spoolmq list p"), "process/press-4");
  EXPECT_EQ(offered("spoolmq --root /r list i"), "in-r");
  EXPECT_EQ(offered("spoolmq --root = /r list i"), "in-r");
}

TEST(BashCompletion, OffersOptionsOfTheCommandAndGlobalOnes) {
  EXPECT_EQ(offered("spoolmq list -"), "--state -n --limit --root --json");
  EXPECT_EQ(offered("spoolmq queues ''"), "--root --json");
  EXPECT_EQ(offered("spoolmq --r"), "--root");
}

TEST(BashCompletion, OffersValuesOfOptions) {
  EXPECT_EQ(offered("spoolmq list --state d"), "delayed dead");
  EXPECT_EQ(offered("spoolmq list --state = h"), "held");
  EXPECT_EQ(offered("spoolmq list orders --state ="),
            "ready delayed leased held dead corrupt archived");
  EXPECT_EQ(offered("spoolmq move orders --to o"), "orders");
  EXPECT_EQ(offered("spoolmq move orders --format x"), "xml");
  EXPECT_EQ(offered("spoolmq list --limit ''"), "");
  EXPECT_EQ(offered("spoolmq --root /et"), "/etc");
  EXPECT_EQ(offered("spoolmq list --root /et"), "/etc");
}

TEST(BashCompletion, DoesNotTakeAnOptionsValueForAnOperand) {
  EXPECT_EQ(offered("spoolmq list -n 5 o"), "orders");
  EXPECT_EQ(offered("spoolmq move --to other o"), "orders");
}

TEST(BashCompletion, OffersALLBehindTheQueue) {
  EXPECT_EQ(offered("spoolmq move orders ''"), "ALL");
  EXPECT_EQ(offered("spoolmq move orders 3f9ac1 A"), "ALL");
  EXPECT_EQ(offered("spoolmq completion ''"), "bash");
}

TEST(BashCompletion, OffersTheWordsAmongWhatAValueMayBe) {
  EXPECT_EQ(offered("spoolmq import q /in --split ''"), "lines csv");
  EXPECT_EQ(offered("spoolmq import q /in --header ''"), "");
}

TEST(BashCompletion, OffersQueuesAndFilesWhereBothMayStand) {
  EXPECT_EQ(offered("spoolmq why or"), "orders");
  EXPECT_NE(offered("spoolmq why /etc/pass").find("/etc/passwd"), std::string::npos);
}

TEST(BashCompletion, SurvivesAnUnknownCommand) { EXPECT_EQ(offered("spoolmq nonsense ''"), ""); }

}  // namespace
}  // namespace spoolmq::cli
