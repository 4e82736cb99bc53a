
#include "adapters/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters {
namespace {

ErrorCode refusal(const std::string& path) {
  try {
    ::close(listen_at(path, 0600));
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST(UnixSocket, WorksUnderAPathOfAnyLength) {
  const spoolmq::test::TemporaryDirectory directory;
  for (const std::size_t length : {1U, 120U, 250U}) {
    const std::string place = directory.path() + "/" + std::string(length, 'd');
    std::filesystem::create_directory(place);
    const int listening = listen_at(place + "/control", 0600);
    const auto connected = connect_to(place + "/control");
    ASSERT_TRUE(connected);
    const int accepted = ::accept(listening, nullptr, nullptr);
    EXPECT_GE(accepted, 0);
    for (const int one : {listening, *connected, accepted}) ::close(one);
  }
}

TEST(UnixSocket, HasExactlyTheModeAskedFor) {
  const spoolmq::test::TemporaryDirectory directory;
  const mode_t mask = ::umask(0077);
  const int listening = listen_at(directory.path() + "/s", 0660);
  ::umask(mask);
  struct stat status {};
  ASSERT_EQ(::stat((directory.path() + "/s").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660U);
  ::close(listening);
}

TEST(UnixSocket, FindsNobodyWhereNobodyListens) {
  const spoolmq::test::TemporaryDirectory directory;
  EXPECT_FALSE(connect_to(directory.path() + "/s"));
  EXPECT_FALSE(connect_to(directory.path() + "/missing/s"));
  ::close(listen_at(directory.path() + "/s", 0600));  // its name stays, as after a kill
  EXPECT_FALSE(connect_to(directory.path() + "/s"));
}

TEST(UnixSocket, ReplacesWhatADeadProcessLeftAndNothingElse) {
  const spoolmq::test::TemporaryDirectory directory;
  ::close(listen_at(directory.path() + "/s", 0600));
  const int listening = listen_at(directory.path() + "/s", 0600);
  EXPECT_EQ(refusal(directory.path() + "/s"), ErrorCode::kUnavailable);
  ::close(listening);
  std::ofstream(directory.path() + "/file") << "precious";
  EXPECT_EQ(refusal(directory.path() + "/file"), ErrorCode::kCannotCreate);
  EXPECT_EQ(std::filesystem::file_size(directory.path() + "/file"), 8U);
  EXPECT_EQ(refusal(directory.path() + "/missing/s"), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace spoolmq::adapters
