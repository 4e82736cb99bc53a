#include "cli/notify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "tests/cli/notify_listener.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::cli {
namespace {

class Environment {
 public:
  ~Environment() {
    for (const char* const name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      ::unsetenv(name);
    }
  }
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
};

TEST(Notifier, SaysEachThingInOneDatagram) {
  const test::TemporaryDirectory directory;
  NotifyListener manager(directory.path() + "/notify");
  Notifier notifier(directory.path() + "/notify");
  notifier.ready("2 adapters");
  EXPECT_EQ(manager.hear(), "READY=1\nSTATUS=2 adapters");
  notifier.status("1 paused\nREADY=1");
  EXPECT_EQ(manager.hear(), "STATUS=1 paused READY=1") << "one assignment, whatever the text";
  notifier.watchdog();
  EXPECT_EQ(manager.hear(), "WATCHDOG=1");
  notifier.stopping("ending");
  EXPECT_EQ(manager.hear(), "STOPPING=1\nSTATUS=ending");
}

TEST(Notifier, SaysWhenItBeganToReload) {
  const test::TemporaryDirectory directory;
  NotifyListener manager(directory.path() + "/notify");
  Notifier notifier(directory.path() + "/notify");
  const auto usec = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
  };
  const auto before = usec();
  notifier.reloading();
  const std::string heard = manager.hear();
  constexpr std::string_view kStart = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(heard.starts_with(kStart)) << heard;
  const long long told = std::stoll(heard.substr(kStart.size()));
  EXPECT_GE(told, before);
  EXPECT_LE(told, usec());
}

TEST(Notifier, ReachesAnAbstractSocket) {
  const std::string name = "@spoolmq-notify-test-" + std::to_string(::getpid());
  NotifyListener manager(name);
  Notifier notifier(name);
  notifier.watchdog();
  EXPECT_EQ(manager.hear(), "WATCHDOG=1");
}

TEST(Notifier, TakesItsSettingsOutOfTheEnvironment) {
  const test::TemporaryDirectory directory;
  NotifyListener manager(directory.path() + "/notify");
  const Environment environment;
  Environment::set("NOTIFY_SOCKET", directory.path() + "/notify");
  Environment::set("WATCHDOG_USEC", "30000000");
  Environment::set("WATCHDOG_PID", std::to_string(::getpid()));
  Notifier notifier = Notifier::from_environment();
  notifier.ready("");
  EXPECT_EQ(manager.hear(), "READY=1\nSTATUS=");
  EXPECT_EQ(notifier.watchdog_limit(), std::chrono::seconds{30});
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr) << "a child must not speak for us";
  EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
}

TEST(Notifier, IsNotWatchedForAnotherProcess) {
  const Environment environment;
  Environment::set("WATCHDOG_USEC", "30000000");
  Environment::set("WATCHDOG_PID", "1");
  EXPECT_FALSE(Notifier::from_environment().watchdog_limit());
  for (const char* const limit : {"", "0", "-5", "soon", "99999999999999999999999"}) {
    Environment::set("WATCHDOG_USEC", limit);
    EXPECT_FALSE(Notifier::from_environment().watchdog_limit()) << limit;
  }
}

TEST(Notifier, IsSilentWithoutAManager) {
  for (const std::string& socket : {std::string(), std::string("/nowhere/notify"),
                                    std::string("relative"), "/" + std::string(200, 'a')}) {
    Notifier notifier(socket);
    notifier.ready("nobody hears it");
    notifier.watchdog();
  }
}

}  // namespace
}  // namespace spoolmq::cli
