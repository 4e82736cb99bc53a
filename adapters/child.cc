#include "adapters/child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/check.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

void require(int error_number, const std::string& command) {
  if (error_number != 0) throw Error::from_errno(error_number, "start", command);
}

class SpawnActions {
 public:
  explicit SpawnActions(const Child::Start& start) : command_(start.command.front()) {
    require(::posix_spawn_file_actions_init(&actions_), command_);
    if (start.terminal.empty()) {
      // The output first: it may be our own stderr, which the third line hides.
      duplicate(start.standard_input, STDIN_FILENO);
      duplicate(start.standard_output, STDOUT_FILENO);
      duplicate(start.standard_error, STDERR_FILENO);
    } else {
      // The first terminal that the leader of a session opens becomes its own (open(2), O_NOCTTY).
      require(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, start.terminal.c_str(),
                                                 O_RDWR, 0),
              command_);
      duplicate(STDIN_FILENO, STDOUT_FILENO);
      duplicate(STDIN_FILENO, STDERR_FILENO);
    }
    if (start.inherited >= 0) {
      duplicate(start.inherited, start.inherited);  // glibc >= 2.29 clears close-on-exec then
    } else {
      // What libraries of the service open (accepted sockets, say) is not always close-on-exec.
      require(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1), command_);
    }
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void duplicate(int from, int to) {
    if (from < 0) return;
    require(::posix_spawn_file_actions_adddup2(&actions_, from, to), command_);
  }

  const std::string& command_;
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
    ::sigfillset(&defaults);
    ::sigdelset(&defaults, SIGKILL);
    ::sigdelset(&defaults, SIGSTOP);
    require(::posix_spawnattr_setsigdefault(&attributes_, &defaults), command);
    // The leader of a session leads its group as well.
    const int group = start.terminal.empty() ? POSIX_SPAWN_SETPGROUP : POSIX_SPAWN_SETSID;
    require(::posix_spawnattr_setflags(
                &attributes_,
                static_cast<short>(group | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)),
            command);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Ambient capabilities are the calling thread's, and what its children begin with; what the thread
// itself may do is not touched by them.
void leave_to_child(Privileges privileges, const std::string& command) {
  if (privileges == Privileges::kOurs) return;
  const auto change = [](int what, unsigned long capability) {
    return ::prctl(PR_CAP_AMBIENT, what, capability, 0, 0);
  };
  // Kernels without them (EINVAL) have none to leave.
  if (change(PR_CAP_AMBIENT_CLEAR_ALL, 0) != 0 && errno != EINVAL) {
    throw Error::from_errno(errno, "start", command);
  }
  if (privileges == Privileges::kNone || ::geteuid() == 0) return;
  for (const unsigned long capability : {0UL + CAP_SETUID, 0UL + CAP_SETGID}) {
    if (change(PR_CAP_AMBIENT_RAISE, capability) != 0) {
      throw Error::from_errno(errno, "start", command);
    }
  }
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

Child::Child(const Start& start) {
  SPOOLMQ_CHECK(!start.command.empty() && (start.standard_input >= 0) == start.terminal.empty());
  const std::string& command = start.command.front();
  leave_to_child(start.privileges, command);
  const SpawnActions actions(start);
  const SpawnAttributes attributes(start);
  const std::vector<char*> arguments = pointers(start.command);
  const std::vector<char*> environment = pointers(start.environment);
  require(::posix_spawnp(&pid_, command.c_str(), actions.get(), attributes.get(), arguments.data(),
                         environment.data()),
          command);
  // Not pidfd_open(): glibc 2.36 declares it without C linkage for C++.
  pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
  if (!pidfd_.is_open()) {
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
      log::warn("could not end a command", {{"why", error.what()}});
    }
  }
}

bool Child::ends_within(Milliseconds longest) const {
  pollfd waited{pidfd_.number(), POLLIN, 0};
  return ::poll(&waited, 1, static_cast<int>(longest.count())) > 0;
}

// Until it is reaped its process id, and so its group's, cannot be anybody else's.
void Child::signal_group(int signal) const { static_cast<void>(::kill(-pid_, signal)); }

void Child::end(std::int64_t now_boot_ms, Milliseconds grace) {
  if (stage_ != Stage::kRuns) return;
  stage_ = Stage::kGrace;
  due_boot_ms_ = now_boot_ms + grace.count();
  static_cast<void>(attend(now_boot_ms));
}

void Child::kill() {
  signal_group(SIGKILL);
  stage_ = Stage::kKill;
  due_boot_ms_ = INT64_MAX;
}

std::int64_t Child::attend(std::int64_t now_boot_ms) {
  if (now_boot_ms < due_boot_ms_) return due_boot_ms_;
  if (stage_ == Stage::kGrace) {
    signal_group(SIGTERM);
    stage_ = Stage::kTerm;
    due_boot_ms_ = now_boot_ms + kTermToKill.count();
  } else if (stage_ == Stage::kTerm) {
    kill();
  }
  return due_boot_ms_;
}

CommandEnd Child::reap(Rest rest) {
  siginfo_t ended{};
  const auto id = static_cast<id_t>(pidfd_.number());
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

std::optional<CommandEnd> end_of_failed_start(const Error& error) {
  switch (error.error_number()) {
    case ENOENT:
    case ENOTDIR:
      return CommandEnd{Ending::kExited, kNoCommand, error.what()};
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return CommandEnd{Ending::kExited, kCannotRun, error.what()};
    default:
      return std::nullopt;
  }
}

}  // namespace spoolmq::adapters
