#include "cli/service_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::cli {
namespace {

TEST(ServiceLock, RefusesASecondServiceNamingTheFirst) {
  const test::TemporaryDirectory directory;
  const auto root = open_posix_dir(directory.path());
  const SystemClock clock;
  {
    ServiceLock first(*root, clock);
    EXPECT_EQ(first.run_directory().path(), directory.path() + "/run");
    EXPECT_EQ(first.run_directory().status().mode, 0700U);
    try {
      const ServiceLock second(*root, clock);
      FAIL() << "it got the lock";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kTryAgain);
      EXPECT_NE(error.why().find("pid " + std::to_string(::getpid()) + " since 20"),
                std::string::npos)
          << error.what();
    }
  }
  const ServiceLock next(*root, clock);
}

TEST(ServiceLock, AsksForADirectory) {
  const test::TemporaryDirectory directory;
  const auto root = open_posix_dir(directory.path());
  root->create("run", 0600, IfExists::kFail);
  EXPECT_THROW(ServiceLock(*root, SystemClock()), Error);
}

}  // namespace
}  // namespace spoolmq::cli
