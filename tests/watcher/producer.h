#pragma once
// Another program, one step at a time: a child process that runs what it is given whenever it is
// told to, and says what came of it. What it holds, it holds until a step gives it up or it ends,
// with this object at the latest. To be made while the test has no other threads.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/file_system.h"

namespace spoolmq::watcher::test {

class Producer {
 public:
  // A step returns 0 for success, or what it wants to tell, up to 100.
  using Step = std::function<int()>;
  static constexpr int kDied = -1;

  explicit Producer(std::vector<Step> steps);
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer();

  int step();    // begin() and finish()
  void begin();  // the next step runs from now on
  int finish();  // waits until it has ended

 private:
  pid_t child_ = -1;
  int to_child_ = -1;
  int from_child_ = -1;
};

// A step: from then on the process is an unprivileged other user.
int become_nobody();
inline constexpr std::uint32_t kNobody = 65'534;

// A directory that other users may enter and read, removed with this object.
class SharedDirectory {
 public:
  SharedDirectory();
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;
  ~SharedDirectory();

  [[nodiscard]] std::string path(const std::string& name) const {
    return dir_->path() + "/" + name;
  }
  Dir& dir() { return *dir_; }
  void put(const std::string& name, const std::string& content);  // new, mode 0644
  std::unique_ptr<File> open(const std::string& name) { return dir_->open(name, Access::kRead); }

 private:
  std::unique_ptr<Dir> dir_;
};

}  // namespace spoolmq::watcher::test
