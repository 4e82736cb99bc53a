#include "adapters/reading_child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr Milliseconds kPatience{2000};

void require(int error_number, const std::string& program) {
  if (error_number != 0) throw Error::from_errno(error_number, "start", program);
}

class Spawning {
 public:
  Spawning(int input, const std::string& program) {
    require(::posix_spawn_file_actions_init(&actions_), program);
    require(::posix_spawnattr_init(&attributes_), program);
    require(::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO), program);
    // What libraries of the service open (accepted sockets, say) is not always close-on-exec.
    require(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1), program);
    sigset_t signals;
    ::sigemptyset(&signals);
    require(::posix_spawnattr_setsigmask(&attributes_, &signals), program);
    ::sigaddset(&signals, SIGPIPE);  // we ignore it; programs expect it
    require(::posix_spawnattr_setsigdefault(&attributes_, &signals), program);
    require(::posix_spawnattr_setpgroup(&attributes_, 0), program);
    require(
        ::posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
        program);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
  ~Spawning() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  void start(const std::vector<std::string>& words, pid_t& pid) const {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    require(::posix_spawnp(&pid, arguments.front(), &actions_, &attributes_, arguments.data(),
                           ::environ),
            words.front());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

ReadingChild::ReadingChild(const std::vector<std::string>& words) {
  const std::string& program = words.front();
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::from_errno(errno, "start", program);
  const Descriptor output(ends[0]);
  input_ = Descriptor(ends[1]);
  if (::fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) throw Error::from_errno(errno, "start", program);
  Spawning(output.number(), program).start(words, pid_);
  // Not pidfd_open(): glibc 2.36 declares it without C linkage for C++.
  pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
  if (pidfd_.is_open()) return;
  const Error refused = Error::from_errno(errno, "watch", program);
  signal_group(SIGKILL);
  static_cast<void>(::waitpid(pid_, nullptr, 0));
  throw Error(refused);
}

ReadingChild::~ReadingChild() {
  input_.close();
  if (pid_ < 0) return;
  if (!ends_within(kPatience)) signal_group(SIGTERM);
  static_cast<void>(ends_within(kPatience));
  signal_group(SIGKILL);  // and whatever its group still has
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<std::string> ReadingChild::ended() {
  if (pid_ >= 0 && !ends_within(Milliseconds{0})) return std::nullopt;
  int status = 0;
  while (pid_ >= 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status)) + " ended it";
  return "it exited with " + std::to_string(WEXITSTATUS(status));
}

bool ReadingChild::ends_within(Milliseconds longest) const {
  pollfd waited{pidfd_.number(), POLLIN, 0};
  return ::poll(&waited, 1, static_cast<int>(longest.count())) > 0;
}

// Until it is reaped its process id, and so its group's, cannot be anybody else's.
void ReadingChild::signal_group(int signal) const { static_cast<void>(::kill(-pid_, signal)); }

}  // namespace spoolmq::adapters
