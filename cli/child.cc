#include "cli/child.h"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "cli/streams.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

void require(int error_number, const std::string& command) {
  if (error_number != 0) throw Error::from_errno(error_number, "start", command);
}

class SpawnActions {
 public:
  explicit SpawnActions(const Child::Start& start) {
    const std::string& command = start.command.front();
    require(::posix_spawn_file_actions_init(&actions_), command);
    require(::posix_spawn_file_actions_adddup2(&actions_, start.standard_input, STDIN_FILENO),
            command);
    if (start.standard_output >= 0) {
      require(::posix_spawn_file_actions_adddup2(&actions_, start.standard_output, STDOUT_FILENO),
              command);
    }
    // Onto itself: glibc ≥ 2.29 clears close-on-exec then.
    if (start.inherited >= 0) {
      require(::posix_spawn_file_actions_adddup2(&actions_, start.inherited, start.inherited),
              command);
    }
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  explicit SpawnAttributes(const Child::Start& start) {
    const std::string& command = start.command.front();
    require(::posix_spawnattr_init(&attributes_), command);
    require(::posix_spawnattr_setpgroup(&attributes_, 0), command);
    require(::posix_spawnattr_setsigmask(&attributes_, &start.signal_mask), command);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);  // we ignore it; commands expect it
    require(::posix_spawnattr_setsigdefault(&attributes_, &defaults), command);
    require(
        ::posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
        command);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

Child::Child(const Start& start) {
  SPOOLMQ_CHECK(!start.command.empty() && start.standard_input >= 0);
  const std::string& command = start.command.front();
  const SpawnActions actions(start);
  const SpawnAttributes attributes(start);
  const std::vector<char*> arguments = pointers(start.command);
  const std::vector<char*> environment = pointers(start.environment);
  require(::posix_spawnp(&pid_, command.c_str(), actions.get(), attributes.get(), arguments.data(),
                         environment.data()),
          command);
  // Not pidfd_open(): glibc 2.36 declares it without C linkage for C++.
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U));
  if (pidfd_ < 0) {
    const int error_number = errno;
    signal_group(SIGKILL);
    static_cast<void>(::waitpid(pid_, nullptr, 0));
    throw Error(ErrorCode::kOsResource, "watch", command,
                Error::from_errno(error_number, "watch", command).why());
  }
}

Child::~Child() {
  if (pid_ >= 0) {
    try {
      signal_group(SIGKILL);
      reap(Rest::kKill);
    } catch (const std::exception& error) {
      complain(error.what());
    }
  }
  if (pidfd_ >= 0) ::close(pidfd_);
}

// Until it is reaped its process id, and so its group's, cannot be anybody else's.
void Child::signal_group(int signal) const { static_cast<void>(::kill(-pid_, signal)); }

CommandEnd Child::reap(Rest rest) {
  siginfo_t ended{};
  const auto id = static_cast<id_t>(pidfd_);
  while (::waitid(P_PIDFD, id, &ended, WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) throw Error::from_errno(errno, "wait", std::to_string(pid_));
  }
  if (rest == Rest::kKill) signal_group(SIGKILL);
  while (::waitid(P_PIDFD, id, &ended, WEXITED) != 0) {
    if (errno != EINTR) throw Error::from_errno(errno, "wait", std::to_string(pid_));
  }
  pid_ = -1;
  return {ended.si_code == CLD_EXITED ? Ending::kExited : Ending::kSignalled, ended.si_status};
}

}  // namespace spoolmq::cli
