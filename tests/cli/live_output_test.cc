// Output for a reader who may go away, or never read.

#include "cli/live_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

class Pipe {
 public:
  Pipe() {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  [[nodiscard]] int writer() const { return ends_[1]; }
  [[nodiscard]] std::string read(std::size_t bytes) const {
    std::string all;
    while (all.size() < bytes) {
      char piece[4096];
      const ssize_t got = ::read(ends_[0], piece, std::min(sizeof piece, bytes - all.size()));
      if (got <= 0) break;
      all.append(piece, static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(LiveOutput, KeepsBytesUntilItIsFlushed) {
  const Pipe pipe;
  LiveOutput out(pipe.writer());
  out.put("one ");
  out.put("two");
  out.flush();
  EXPECT_EQ(pipe.read(7), "one two");
  EXPECT_FALSE(out.ask_reader());
}

TEST(LiveOutput, WritesMoreThanAPipeHolds) {
  const Pipe pipe;
  LiveOutput out(pipe.writer());
  std::string large(1 << 20, 'x');
  large.back() = 'y';
  std::string got;
  {
    const std::jthread reading([&] { got = pipe.read(large.size() + 1); });
    out.put("<");
    out.put(large);
    out.flush();
  }
  EXPECT_EQ(got, "<" + large);
}

TEST(LiveOutput, IsOverWhenTheReaderWentAway) {
  Pipe pipe;
  LiveOutput asked(pipe.writer());
  LiveOutput written(pipe.writer());
  pipe.close_reader();
  EXPECT_TRUE(asked.ask_reader());
  written.put("x");
  EXPECT_FALSE(written.is_over());
  written.flush();
  EXPECT_TRUE(written.is_over());
  written.put(std::string(1 << 20, 'x'));
  written.flush();
}

TEST(LiveOutput, StopsAWriteThatNobodyTakes) {
  const Pipe pipe;
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  LiveOutput out(pipe.writer(), stop);
  {
    const std::jthread stopping([stop] { ::eventfd_write(stop, 1); });
    out.put(std::string(1 << 20, 'x'));
  }
  EXPECT_TRUE(out.is_over());
  ::close(stop);
}

TEST(LiveOutput, RefusesWhatCannotBeWritten) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  LiveOutput out(full);
  out.put("x");
  try {
    out.flush();
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
  ::close(full);
}

}  // namespace
}  // namespace spoolmq::cli
