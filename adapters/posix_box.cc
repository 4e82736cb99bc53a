#include "adapters/posix_box.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "adapters/kernel_limit.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr mode_t kMode = 0600;
constexpr std::int64_t kLookEveryMs = 500;

std::string limit_of_bytes() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MSGQUEUE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "none";
  return std::to_string(limit.rlim_cur);
}

// mq_open(3), and ipc/mqueue.c for what EMFILE can mean.
Error explain(int error, const PosixBoxSettings& settings) {
  const std::string asked =
      "max-messages = " + (settings.max_messages ? std::to_string(*settings.max_messages) : "?") +
      ", message-bytes = " +
      (settings.message_bytes ? std::to_string(*settings.message_bytes) : "?");
  switch (error) {
    case EMFILE:
      return {ErrorCode::kOsResource, "open", settings.object,
              "too many descriptors (ulimit -n), or all queues of this user together are larger "
              "than RLIMIT_MSGQUEUE, " +
                  limit_of_bytes() + " bytes (ulimit -q, LimitMSGQUEUE= of systemd raise it)"};
    case ENOSPC:
      return {ErrorCode::kOsResource, "open", settings.object,
              "too many queues: " + explain_limit("fs.mqueue.queues_max")};
    case EINVAL:
      if (!settings.create) break;
      return {ErrorCode::kConfiguration, "make", settings.object,
              asked + ": " + explain_limit("fs.mqueue.msg_max") + ", " +
                  explain_limit("fs.mqueue.msgsize_max")};
    case ENOENT:
      return {ErrorCode::kNotFound, "open", settings.object,
              "there is no such message queue (`create` makes it)"};
    default:
      break;
  }
  return Error::from_errno(error, "open", settings.object);
}

long given_or(const std::optional<long>& given, const char* default_path, long otherwise) {
  if (given) return *given;
  return static_cast<long>(
      kernel_limit(default_path).value_or(static_cast<std::uint64_t>(otherwise)));
}

Descriptor make(const PosixBoxSettings& settings, int flags) {
  PosixBoxSettings full = settings;
  full.max_messages = given_or(settings.max_messages, "/proc/sys/fs/mqueue/msg_default", 10);
  full.message_bytes =
      given_or(settings.message_bytes, "/proc/sys/fs/mqueue/msgsize_default", 8192);
  mq_attr attributes{};
  attributes.mq_maxmsg = *full.max_messages;
  attributes.mq_msgsize = *full.message_bytes;
  const mode_t mode = settings.mode.value_or(kMode);
  Descriptor made(::mq_open(settings.object.c_str(), flags | O_CREAT | O_EXCL, mode, &attributes));
  if (!made.is_open()) {
    if (errno == EEXIST) return made;
    throw explain(errno, full);
  }
  if (::fchmod(made.number(), mode) != 0) {
    const int error = errno;
    ::mq_unlink(settings.object.c_str());
    throw Error::from_errno(error, "set the mode of", settings.object);
  }
  return made;
}

Descriptor open_queue(const PosixBoxSettings& settings, PosixBox::Way way) {
  // What was taken and is refused here goes back, where that is allowed.
  int flags = (way == PosixBox::Way::kIn ? O_RDWR : O_WRONLY) | O_NONBLOCK | O_CLOEXEC;
  Descriptor opened(::mq_open(settings.object.c_str(), flags));
  if (!opened.is_open() && errno == EACCES && way == PosixBox::Way::kIn) {
    flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    opened = Descriptor(::mq_open(settings.object.c_str(), flags));
  }
  if (opened.is_open()) return opened;
  if (errno != ENOENT || !settings.create) throw explain(errno, settings);
  opened = make(settings, flags);
  if (opened.is_open()) return opened;
  opened = Descriptor(::mq_open(settings.object.c_str(), flags));  // somebody was faster
  if (!opened.is_open()) throw explain(errno, settings);
  return opened;
}

}  // namespace

PosixBox::PosixBox(PosixBoxSettings settings, Way way, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock), queue_(open_queue(settings_, way)) {
  mq_attr attributes{};
  if (::mq_getattr(queue_.number(), &attributes) != 0) {
    throw Error::from_errno(errno, "open", settings_.object);
  }
  most_bytes_ = static_cast<std::size_t>(attributes.mq_msgsize);
  if (way == Way::kIn) buffer_.resize(most_bytes_);
}

PosixBox::~PosixBox() {
  if (settings_.remove) ::mq_unlink(settings_.object.c_str());
}

std::optional<BoxItem> PosixBox::take() {
  unsigned priority = 0;
  const ssize_t got = ::mq_receive(queue_.number(), buffer_.data(), buffer_.size(), &priority);
  if (got >= 0) {
    return BoxItem{buffer_.substr(0, static_cast<std::size_t>(got)), priority, false};
  }
  if (errno != EAGAIN && errno != EINTR) {
    throw Error::from_errno(errno, "receive from", settings_.object);
  }
  look_whether_removed();
  return std::nullopt;
}

MessageBox::Put PosixBox::put(std::string_view body, std::int64_t rank) {
  look_whether_removed();
  const auto priority = static_cast<unsigned>(rank);
  if (::mq_send(queue_.number(), body.data(), body.size(), priority) == 0) return Put::kDone;
  if (errno == EAGAIN || errno == EINTR) return Put::kLater;
  throw Error::from_errno(errno, "send to", settings_.object);
}

// An open queue outlives its name; who opens the name then opens another.
void PosixBox::look_whether_removed() {
  const std::int64_t now_ms = clock_.boot_ms();
  if (now_ms < look_boot_ms_) return;
  look_boot_ms_ = now_ms + kLookEveryMs;
  struct stat status {};
  if (::fstat(queue_.number(), &status) == 0 && status.st_nlink == 0) {
    throw Error(ErrorCode::kNotFound, "use", settings_.object,
                "the message queue was removed while in use");
  }
}

void PosixBox::gather(Want want, std::vector<pollfd>& waited) {
  const auto events = static_cast<short>(want == Want::kMessage ? POLLIN : POLLOUT);
  waited.push_back({queue_.number(), events, 0});
}

void PosixBox::set_rank(Message& message, std::int64_t rank) const {
  message.priority = static_cast<std::uint16_t>(rank);
}

std::optional<std::int64_t> PosixBox::rank_of(const Message& message, std::string& /*why*/) const {
  return message.priority;
}

}  // namespace spoolmq::adapters
