// Logins that are checked on a thread of their own, and the limits of what goes wrong.

#include "adapters/passcode_checks.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <atomic>
#include <map>

#include "adapters/passcode_hash.h"
#include "adapters/password_edit.h"
#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters {
namespace {

using Outcome = LoginOutcome;

class StillClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return 1'800'000'000'000 + passed_ms; }
  [[nodiscard]] std::int64_t boot_ms() const override { return 1'000'000 + passed_ms; }
  [[nodiscard]] std::string boot_id() const override { return std::string(36, '0'); }
  std::atomic<std::int64_t> passed_ms{0};
};

class Checks : public testing::Test {
 protected:
  Checks() {
    set_passcode_hash(path, "alice", hash_passcode(Secret("right")));
    set_passcode_hash(path, "bob", hash_passcode(Secret("right")));
    checks.emplace(path, clock);
  }
  std::uint64_t ask(const std::string& name, const std::string& passcode,
                    const std::string& address = "192.0.2.7") {
    return checks->ask({name, Secret(passcode), address});
  }
  // The answers to all that was asked, by ticket.
  std::map<std::uint64_t, LoginAnswer> answers(std::size_t count) {
    std::map<std::uint64_t, LoginAnswer> all;
    while (all.size() < count) {
      pollfd waited{checks->descriptor(), POLLIN, 0};
      if (::poll(&waited, 1, 60'000) != 1) {
        ADD_FAILURE() << all.size() << " answers of " << count;
        break;
      }
      for (const LoginAnswer& one : checks->take_answers()) {
        EXPECT_TRUE(all.emplace(one.ticket, one).second) << "answered twice";
      }
    }
    return all;
  }
  Outcome outcome(const std::string& name, const std::string& passcode,
                  const std::string& address = "192.0.2.7") {
    const std::uint64_t ticket = ask(name, passcode, address);
    return answers(1).at(ticket).outcome;
  }

  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("passwords");
  StillClock clock;
  std::optional<PasscodeChecks> checks;
};

TEST_F(Checks, TellRightFromWrong) {
  EXPECT_EQ(outcome("alice", "right"), Outcome::kProved);
  EXPECT_EQ(outcome("alice", "wrong"), Outcome::kWrong);
  EXPECT_EQ(outcome("alice", "right "), Outcome::kWrong);
  EXPECT_EQ(outcome("alice", ""), Outcome::kWrong);
  EXPECT_EQ(outcome("bob", "right"), Outcome::kProved);
  EXPECT_EQ(outcome("carol", "right"), Outcome::kWrong);
  EXPECT_EQ(outcome("", "right"), Outcome::kWrong);
}

TEST_F(Checks, HashForANameThatNobodyHasToo) {
  EXPECT_EQ(outcome("carol", "right"), Outcome::kWrong);
  EXPECT_EQ(checks->hashes(), 1U);
}

TEST_F(Checks, HashOnceForAThousandReconnects) {
  for (int i = 0; i < 1000; ++i) ask("alice", "right");
  for (const auto& [ticket, answer] : answers(1000)) EXPECT_EQ(answer.outcome, Outcome::kProved);
  EXPECT_EQ(checks->hashes(), 1U);
  clock.passed_ms += ProvedPasscodes::kKeptMs;
  EXPECT_EQ(outcome("alice", "right"), Outcome::kProved);
  EXPECT_EQ(checks->hashes(), 2U);
}

TEST_F(Checks, KnowAChangedPasscodeAtOnce) {
  EXPECT_EQ(outcome("alice", "right"), Outcome::kProved);
  set_passcode_hash(path, "alice", hash_passcode(Secret("newer")));
  EXPECT_EQ(outcome("alice", "right"), Outcome::kWrong);
  EXPECT_EQ(outcome("alice", "newer"), Outcome::kProved);
  remove_login(path, "alice");
  EXPECT_EQ(outcome("alice", "newer"), Outcome::kWrong);
}

TEST_F(Checks, RefuseAfterTenFailuresOfANameFromOneAddress) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(outcome("alice", "wrong"), Outcome::kWrong);
  const std::uint64_t hashed = checks->hashes();
  const std::uint64_t ticket = ask("alice", "right");
  const LoginAnswer answer = answers(1).at(ticket);
  EXPECT_EQ(answer.outcome, Outcome::kLimited);
  EXPECT_EQ(answer.left_ms, 6000);
  EXPECT_EQ(checks->hashes(), hashed);
  EXPECT_EQ(outcome("bob", "right"), Outcome::kProved);  // a neighbour
  EXPECT_EQ(outcome("alice", "right", "192.0.2.8"), Outcome::kProved);
  clock.passed_ms += 6000;
  EXPECT_EQ(outcome("alice", "right"), Outcome::kProved);
}

TEST_F(Checks, DoNotTellARightPasscodeToWhoIsBeyondTheLimit) {
  EXPECT_EQ(outcome("alice", "right", "192.0.2.8"), Outcome::kProved);  // known for a while
  for (int i = 0; i < 10; ++i) ask("alice", "wrong");
  answers(10);
  EXPECT_EQ(outcome("alice", "right"), Outcome::kLimited);
}

TEST_F(Checks, CountManyNamesFromOneAddress) {
  for (int i = 0; i < 60; ++i) ask("user" + std::to_string(i), "wrong");
  answers(60);
  EXPECT_EQ(outcome("bob", "right"), Outcome::kLimited);
  EXPECT_EQ(outcome("bob", "right", "192.0.2.8"), Outcome::kProved);
}

TEST_F(Checks, CountOneNameFromManyAddresses) {
  EXPECT_EQ(outcome("alice", "right", "192.0.2.1"), Outcome::kProved);
  for (int i = 0; i < 30; ++i) ask("alice", "wrong", "198.51.100." + std::to_string(i));
  answers(30);
  EXPECT_EQ(outcome("alice", "wrong", "203.0.113.1"), Outcome::kLimited);
  // Who was right a short time ago gets in all the same.
  EXPECT_EQ(outcome("alice", "right", "203.0.113.2"), Outcome::kProved);
}

TEST_F(Checks, RefuseEverybodyWhereTheFileCannotBeUsed) {
  EXPECT_EQ(outcome("alice", "right"), Outcome::kProved);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(outcome("alice", "right"), Outcome::kUnavailable);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(outcome("alice", "right"), Outcome::kProved);
}

TEST_F(Checks, AnswerBusyWhereTooManyWait) {
  constexpr std::size_t kMore = 100;
  // Failures beyond a limit cost nothing, so each one waits behind a hash.
  for (std::size_t i = 0; i < PasscodeChecks::kMostWaiting + kMore; ++i) ask("alice", "wrong");
  std::size_t busy = 0;
  for (const auto& [ticket, answer] : answers(PasscodeChecks::kMostWaiting + kMore)) {
    busy += answer.outcome == Outcome::kBusy ? 1 : 0;
  }
  EXPECT_GT(busy, 0U);
  EXPECT_LE(busy, kMore);
}

TEST_F(Checks, EndWhileManyWait) {
  for (int i = 0; i < 1000; ++i) ask("user" + std::to_string(i), "wrong", std::to_string(i));
  checks.reset();  // returns after one hash at most
}

TEST(PasswordsAtStart, MustBeThere) {
  const SystemClock clock;
  EXPECT_THROW(PasscodeChecks("/nonexistent/passwords", clock), Error);
}

TEST(FailureLimit, BearsABurstAndThenOnePerInterval) {
  FailureLimit limit({.burst = 3, .refill_ms = 100, .most_entries = 4});
  std::int64_t now = 5000;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limit.left_ms("a", now), 0);
    limit.note_failure("a", now);
  }
  EXPECT_EQ(limit.left_ms("a", now), 100);
  EXPECT_EQ(limit.left_ms("a", now + 99), 1);
  EXPECT_EQ(limit.left_ms("a", now + 100), 0);
  limit.note_failure("a", now + 100);
  EXPECT_EQ(limit.left_ms("a", now + 100), 100);
  EXPECT_EQ(limit.left_ms("b", now), 0);
  now += 10'000;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limit.left_ms("a", now), 0);
    limit.note_failure("a", now);
  }
  EXPECT_EQ(limit.left_ms("a", now), 100);
}

TEST(FailureLimit, ForgetsWhoHasTheMostLeft) {
  FailureLimit limit({.burst = 3, .refill_ms = 100, .most_entries = 3});
  for (int i = 0; i < 3; ++i) limit.note_failure("worst", 0);
  limit.note_failure("a", 0);
  limit.note_failure("a", 0);
  limit.note_failure("b", 0);
  for (int i = 0; i < 100; ++i) limit.note_failure("n" + std::to_string(i), 0);
  EXPECT_EQ(limit.size(), 3U);
  EXPECT_GT(limit.left_ms("worst", 0), 0);
  limit.note_failure("late", 100'000);
  EXPECT_EQ(limit.size(), 1U);
}

}  // namespace
}  // namespace spoolmq::adapters
