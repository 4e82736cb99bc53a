// Signals for a queue that stops being empty, caught by this very process (blocked, and fetched
// with sigtimedwait(2), which shows the value).

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <thread>

#include "adapters/notify_adapter.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Given = std::vector<KeyValue>;

class NotifyRig {
 public:
  NotifyRig(DirectoryWorld& world, NotifySettings settings)
      : root_(Root::open(world.dir("root"), world.shared_clock())) {
    AdapterPlace place;
    place.root = &root_;
    place.clock = &world.clock();
    place.counters = &counters;
    place.name = "n";
    place.on_refused = [this](const std::string& subject, const std::string&) {
      ended.push_back(subject);
    };
    adapter.emplace("q", settings, place);
  }
  ~NotifyRig() { stop(); }
  void start() {
    turning_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) adapter->turn();
    });
  }
  void stop() {
    turning_.request_stop();
    adapter->interrupt();
    if (turning_.joinable()) turning_.join();
  }

  AdapterCounters counters;
  std::vector<std::string> ended;
  std::optional<NotifyAdapter> adapter;

 private:
  Root root_;
  std::jthread turning_;
};

class Notify : public ::testing::Test {
 protected:
  Notify() {
    ::sigemptyset(&caught_);
    ::sigaddset(&caught_, SIGRTMIN + 1);
    ::sigaddset(&caught_, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &caught_, &before_);
  }
  ~Notify() override {
    while (next(0)) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  std::optional<siginfo_t> next(int seconds) {
    const timespec longest{seconds, 0};
    siginfo_t details{};
    if (::sigtimedwait(&caught_, &details, &longest) < 0) return std::nullopt;
    return details;
  }
  static NotifySettings us(int signal) {
    NotifySettings settings;
    settings.processes = {std::make_shared<const NotifiedProcess>(::getpid(), signal)};
    return settings;
  }
  void send(const std::string& body) {
    Message message;
    message.body = body;
    world_.queue().send(message);
  }
  DirectoryWorld world_;

 private:
  sigset_t caught_{};
  sigset_t before_{};
};

TEST_F(Notify, SaysHowManyWaitOncePerTimeThatSomeCame) {
  NotifyRig rig(world_, us(SIGRTMIN + 1));
  rig.start();
  for (int round = 0; round < 20; ++round) {
    send("x");
    const auto came = next(20);
    ASSERT_TRUE(came) << round;
    EXPECT_EQ(came->si_signo, SIGRTMIN + 1);
    EXPECT_EQ(came->si_code, SI_QUEUE);
    EXPECT_EQ(came->si_pid, ::getpid());
    EXPECT_EQ(came->si_value.sival_int, 1);
    // Taken, and refilled before anybody can have looked.
    world_.queue().receive()->ack();
  }
  rig.stop();
  EXPECT_EQ(rig.counters.moved, 20U);
}

TEST_F(Notify, IsSilentWhileSomeWait) {
  send("1");
  send("2");
  NotifyRig rig(world_, us(SIGUSR1));
  rig.adapter->interrupt();
  rig.adapter->turn();
  const auto came = next(0);
  ASSERT_TRUE(came) << "what waits already counts as having come";
  EXPECT_EQ(came->si_value.sival_int, 2);
  for (int i = 0; i < 20; ++i) {
    send("x");
    world_.queue().receive()->ack();  // never empty
    rig.adapter->turn();
  }
  EXPECT_FALSE(next(0));
}

TEST_F(Notify, HearsOfWhatComesBackByItself) {
  send("x");
  NotifyRig rig(world_, us(SIGRTMIN + 1));
  rig.adapter->interrupt();
  rig.adapter->turn();
  ASSERT_TRUE(next(0));
  // Taken and given back between two looks: whoever waits for the signal has seen it empty.
  world_.queue().receive()->release();
  rig.adapter->turn();
  EXPECT_TRUE(next(0));
}

TEST_F(Notify, EndsTheRegistrationOfAProcessThatEnded) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  NotifySettings settings = us(SIGUSR1);
  settings.processes.push_back(std::make_shared<const NotifiedProcess>(child, SIGRTMIN + 1));
  NotifyRig rig(world_, settings);
  rig.adapter->interrupt();
  rig.adapter->turn();
  EXPECT_TRUE(rig.ended.empty());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  send("x");
  rig.adapter->turn();
  EXPECT_EQ(rig.ended, std::vector{std::to_string(child) + ":RTMIN+1"});
  rig.adapter->turn();
  EXPECT_EQ(rig.ended.size(), 1U) << "said once";
  EXPECT_TRUE(next(0)) << "the other one is still told";
  // Not there when the settings were read: the number is nobody's, whoever gets it.
  EXPECT_EQ(NotifiedProcess(child, SIGUSR1).send(1), NotifiedProcess::Sent::kOver);
}

TEST_F(Notify, ChangesNothing) {
  send("x");
  const QueueStats before = world_.queue().stats();
  NotifyRig rig(world_, us(SIGUSR1));
  rig.adapter->interrupt();
  rig.adapter->turn();
  const QueueStats after = world_.queue().stats();
  EXPECT_EQ(after.of(State::kReady).messages, before.of(State::kReady).messages);
  EXPECT_EQ(world_.queue().scan({}).at(0).counters.deliveries, 0);
  EXPECT_EQ(after.totals.failures, 0);
}

TEST(NotifySettings, TakeTheseSignalsAndNoOthers) {
  const std::vector<std::pair<std::string, int>> good{
      {"USR1", SIGUSR1},         {"SIGUSR1", SIGUSR1},   {"10", 10},
      {"HUP", SIGHUP},           {"RTMIN", SIGRTMIN},    {"SIGRTMIN+2", SIGRTMIN + 2},
      {"RTMAX-1", SIGRTMAX - 1}, {"SIGRTMAX", SIGRTMAX}, {std::to_string(SIGRTMIN), SIGRTMIN}};
  for (const auto& [text, signal] : good) EXPECT_EQ(parse_signal(text), signal) << text;
  for (const char* bad : {"", "0", "-1", "32", "33", "65", "1000000000000", "usr1", "USR", "SIG",
                          "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMIN+", "10x", " 10"}) {
    EXPECT_FALSE(parse_signal(bad)) << bad;
  }
}

TEST(NotifySettings, NameProcesses) {
  const std::string me = std::to_string(::getpid());
  EXPECT_EQ(parse_notify("q", Given{{"notify", me + ":SIGRTMIN+3", "w"}})->place, me + ":RTMIN+3");
  for (const Given& wrong :
       {Given{}, Given{{"notify", "", "w"}}, Given{{"notify", "1", "w"}},
        Given{{"notify", "0:USR1", "w"}}, Given{{"notify", "-1:USR1", "w"}},
        Given{{"notify", "x:USR1", "w"}}, Given{{"notify", "1:NO", "w"}},
        Given{{"notify", "99999999999:USR1", "w"}}, Given{{"signal", "1:USR1", "w"}}}) {
    EXPECT_THROW(parse_notify("q", wrong), Error);
  }
}

}  // namespace
}  // namespace spoolmq::adapters::test
