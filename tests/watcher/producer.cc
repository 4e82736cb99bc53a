#include "tests/watcher/producer.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace spoolmq::watcher::test {

Producer::Producer(std::vector<Step> steps) {
  std::array<int, 2> down{};
  std::array<int, 2> up{};
  if (::pipe2(down.data(), O_CLOEXEC) != 0 || ::pipe2(up.data(), O_CLOEXEC) != 0) std::abort();
  child_ = ::fork();
  if (child_ < 0) std::abort();
  if (child_ == 0) {
    ::close(down[1]);
    ::close(up[0]);
    char order = 0;
    for (const Step& step : steps) {
      if (::read(down[0], &order, 1) != 1) break;
      const char result = static_cast<char>(step());
      if (::write(up[1], &result, 1) != 1) break;
    }
    while (::read(down[0], &order, 1) == 1) {
    }
    ::_exit(0);
  }
  ::close(down[0]);
  ::close(up[1]);
  to_child_ = down[1];
  from_child_ = up[0];
}

// A child that was made later has this one's pipe too, so that closing it may end nothing.
Producer::~Producer() {
  ::kill(child_, SIGKILL);
  ::close(to_child_);
  ::close(from_child_);
  ::waitpid(child_, nullptr, 0);
}

int Producer::step() {
  begin();
  return finish();
}

void Producer::begin() { ASSERT_EQ(::write(to_child_, "g", 1), 1); }

int Producer::finish() {
  char result = 0;
  return ::read(from_child_, &result, 1) == 1 ? result : kDied;
}

int become_nobody() {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                 ::setresuid(kNobody, kNobody, kNobody) == 0
             ? 0
             : 1;
}

SharedDirectory::SharedDirectory() {
  std::string path = testing::TempDir() + "spoolmq-ready-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), 0755) != 0) std::abort();
  dir_ = open_posix_dir(path);
}

SharedDirectory::~SharedDirectory() { std::filesystem::remove_all(dir_->path()); }

void SharedDirectory::put(const std::string& name, const std::string& content) {
  dir_->create(name, 0644, IfExists::kFail)->write_at(as_bytes(content), 0);
}

}  // namespace spoolmq::watcher::test
