#include "cli/prometheus.h"

#include <gtest/gtest.h>

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

TEST(Prometheus, NeverShowsANegativeAge) {
  EXPECT_TRUE(has_line(prometheus_text(two_queues(), 9'000),
                       R"(spoolmq_oldest_ready_age_seconds{queue="orders"} 0)"));
}

TEST(Prometheus, KeepsEachFamilyTogetherBehindItsHelpAndType) {
  std::istringstream lines(prometheus_text(two_queues(), 75'900));
  std::set<std::string> families;
  std::string current;
  std::size_t samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      current = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(current).second) << current << " comes twice";
      ASSERT_TRUE(std::getline(lines, line));
      EXPECT_EQ(line, "# TYPE " + current + " gauge");
    } else {
      EXPECT_EQ(line.substr(0, line.find('{')), current);
      ++samples;
    }
  }
  EXPECT_EQ(families.size(), 8U);
  EXPECT_EQ(samples, 2 * (2 * kStateCount + 5 + 2));
}

TEST(Prometheus, EscapesLabels) {
  EXPECT_EQ(prometheus_label("a\\b\"c\nd"), R"(a\\b\"c\nd)");
  std::vector<NamedStats> queues(1);
  queues[0].queue = "a\"b";
  EXPECT_TRUE(has_line(prometheus_text(queues, 0), R"(spoolmq_reserved{queue="a\"b"} 0)"));
}

}  // namespace
}  // namespace spoolmq::cli
