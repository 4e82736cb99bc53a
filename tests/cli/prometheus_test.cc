#include "cli/prometheus.h"

#include <gtest/gtest.h>
#include <regex.h>

#include <array>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace spoolmq::cli {
namespace {

std::vector<NamedStats> two_queues() {
  std::vector<NamedStats> queues(2);
  queues[0].queue = "orders";
  queues[0].stats.states[static_cast<std::size_t>(State::kReady)] = {.messages = 3, .bytes = 300};
  queues[0].stats.states[static_cast<std::size_t>(State::kDead)] = {.messages = 1, .bytes = 7};
  queues[0].stats.oldest_ready_sent_ms = 10'000;
  queues[0].receive_paused = true;
  queues[0].stats.totals = {.sent = 9,
                            .acked = 5,
                            .failures = 4,
                            .dead = 2,
                            .syncs = 11,
                            .sync_us = 12'000'034,
                            .longest_sync_us = 5};
  queues[1].queue = "process/press-4";
  return queues;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Prometheus, NamesQueueAndState) {
  const std::string text = prometheus_text(two_queues(), 75'900);
  EXPECT_TRUE(has_line(text, R"(spoolmq_messages{queue="orders",state="ready"} 3)")) << text;
  EXPECT_TRUE(has_line(text, R"(spoolmq_messages{queue="orders",state="dead"} 1)"));
  EXPECT_TRUE(has_line(text, R"(spoolmq_messages{queue="process/press-4",state="held"} 0)"));
  EXPECT_TRUE(has_line(text, R"(spoolmq_bytes{queue="orders",state="ready"} 300)"));
  EXPECT_TRUE(has_line(text, R"(spoolmq_oldest_ready_age_seconds{queue="orders"} 65)"));
  EXPECT_TRUE(has_line(text, R"(spoolmq_oldest_ready_age_seconds{queue="process/press-4"} 0)"));
  EXPECT_TRUE(has_line(text, R"(spoolmq_paused{queue="orders",act="receive"} 1)"));
  EXPECT_TRUE(has_line(text, R"(spoolmq_paused{queue="orders",act="send"} 0)"));
}

TEST(Prometheus, CountsWhatHappenedSinceTheIndexWasMade) {
  const std::string text = prometheus_text(two_queues(), 75'900);
  for (const std::string_view line : {
           R"(spoolmq_queue_sent_total{queue="orders"} 9)",
           R"(spoolmq_queue_sent_total{queue="process/press-4"} 0)",
           R"(spoolmq_queue_acked_total{queue="orders"} 5)",
           R"(spoolmq_queue_failures_total{queue="orders"} 4)",
           R"(spoolmq_queue_dead_total{queue="orders"} 2)",
           R"(spoolmq_queue_syncs_total{queue="orders"} 11)",
           R"(spoolmq_queue_sync_seconds_total{queue="orders"} 12.000034)",
           R"(spoolmq_queue_sync_seconds_total{queue="process/press-4"} 0.000000)",
       }) {
    EXPECT_TRUE(has_line(text, std::string(line))) << line << "\n" << text;
  }
}

TEST(Prometheus, NeverShowsANegativeAge) {
  EXPECT_TRUE(has_line(prometheus_text(two_queues(), 9'000),
                       R"(spoolmq_oldest_ready_age_seconds{queue="orders"} 0)"));
}

// An extended regular expression of a whole line (regex(7)).
class Pattern {
 public:
  explicit Pattern(const std::string& text) {
    EXPECT_EQ(::regcomp(&compiled_, ("^(" + text + ")$").c_str(), REG_EXTENDED), 0) << text;
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() { ::regfree(&compiled_); }

  // `name`: what the first group of `text` matched.
  bool matches(const std::string& line, std::string* name) const {
    std::array<regmatch_t, 3> groups{};
    if (::regexec(&compiled_, line.c_str(), groups.size(), groups.data(), 0) != 0) return false;
    const auto begin = static_cast<std::size_t>(groups[2].rm_so);
    *name = line.substr(begin, static_cast<std::size_t>(groups[2].rm_eo) - begin);
    return true;
  }

 private:
  regex_t compiled_{};
};

// The text format 0.0.4, as far as it is used here; group 1 is the name.
const Pattern kHelp(R"re(# HELP ([a-z_]+) [^\\]+)re");
const Pattern kType(R"re(# TYPE ([a-z_]+) (gauge|counter))re");
const Pattern kSample(
    R"re(([a-z_]+)\{[a-z]+="([^"\\]|\\[\\n"])*"(,[a-z]+="[a-z]+")?\} [0-9]+(\.[0-9]+)?)re");

TEST(Prometheus, KeepsEachFamilyTogetherBehindItsHelpAndType) {
  std::istringstream lines(prometheus_text(two_queues(), 75'900));
  std::set<std::string> families;
  std::string current;
  std::size_t samples = 0;
  for (std::string line; std::getline(lines, line);) {
    std::string name;
    if (kHelp.matches(line, &name)) {
      current = name;
      EXPECT_TRUE(families.insert(current).second) << current << " comes twice";
      ASSERT_TRUE(std::getline(lines, line));
      ASSERT_TRUE(kType.matches(line, &name)) << line;
      EXPECT_EQ(name, current);
      EXPECT_EQ(line.ends_with(" counter"), current.ends_with("_total")) << line;
    } else {
      ASSERT_TRUE(kSample.matches(line, &name)) << line;
      EXPECT_EQ(name, current);
      ++samples;
    }
  }
  EXPECT_EQ(families.size(), 14U);
  EXPECT_EQ(samples, 2 * (2 * kStateCount + 5 + 6 + 2));
}

TEST(Prometheus, EscapesLabels) {
  EXPECT_EQ(prometheus_label("a\\b\"c\nd"), R"(a\\b\"c\nd)");
  std::vector<NamedStats> queues(1);
  queues[0].queue = "a\"b";
  EXPECT_TRUE(has_line(prometheus_text(queues, 0), R"(spoolmq_reserved{queue="a\"b"} 0)"));
}

}  // namespace
}  // namespace spoolmq::cli
