#include "adapters/sysv_box.h"

#include <sys/ipc.h>
#include <sys/msg.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "adapters/kernel_limit.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint32_t kMode = 0600;
constexpr std::size_t kTypeBytes = sizeof(long);
constexpr std::size_t kSmallestBufferBytes = 8192;

std::optional<long> parse_type(std::string_view text) {
  long type = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, type);
  if (error != std::errc() || stop != end || type <= 0) return std::nullopt;
  return type;
}

std::string framed(std::string_view body, std::int64_t type) {
  std::string message(kTypeBytes + body.size(), '\0');
  const long raw = static_cast<long>(type);
  std::memcpy(message.data(), &raw, kTypeBytes);
  std::ranges::copy(body, message.data() + kTypeBytes);
  return message;
}

}  // namespace

SysvBox::SysvBox(SysvBoxSettings settings) : settings_(std::move(settings)) {
  const key_t key = resolve(settings_.key);
  const int mode = static_cast<int>(settings_.mode.value_or(kMode));  // no umask applies
  queue_ = ::msgget(key, 0);
  if (queue_ < 0 && errno == ENOENT && settings_.create) {
    queue_ = ::msgget(key, IPC_CREAT | IPC_EXCL | mode);
    if (queue_ < 0 && errno == EEXIST) queue_ = ::msgget(key, 0);
  }
  if (queue_ >= 0) return;
  switch (errno) {
    case ENOENT:
      throw Error(ErrorCode::kNotFound, "open", settings_.key.text,
                  "there is no such message queue (`create` makes it)");
    case ENOSPC:
      throw Error(ErrorCode::kOsResource, "make", settings_.key.text,
                  "too many queues: " + explain_limit("kernel.msgmni"));
    default:
      throw Error::from_errno(errno, "open", settings_.key.text);
  }
}

SysvBox::~SysvBox() {
  static_cast<void>(sending_.end());
  if (receiving_.end() == 0) {  // an empty message that nobody was given
    const std::string back = framed({}, empty_type_);
    static_cast<void>(::msgsnd(queue_, back.data(), 0, IPC_NOWAIT));
  }
  if (settings_.remove) ::msgctl(queue_, IPC_RMID, nullptr);
}

// ---- In

std::optional<BoxItem> SysvBox::take() {
  if (const auto result = receiving_.take_result()) {
    if (*result == 0) return BoxItem{{}, empty_type_, false};
    if (*result != E2BIG) throw refused(*result, "receive from");
  }
  if (!receiving_.is_idle()) return std::nullopt;  // it waits: nothing was there a moment ago
  if (auto item = take_now()) return item;
  receiving_.start([this] { return wait_for_one(); });
  return std::nullopt;
}

int SysvBox::wait_for_one() {
  long type = 0;  // msgrcv(2) writes it, and no body
  if (::msgrcv(queue_, &type, 0, settings_.type, 0) < 0) return errno;
  empty_type_ = type;
  return 0;
}

std::optional<BoxItem> SysvBox::take_now() {
  if (buffer_.empty()) fit_buffer(kSmallestBufferBytes);
  bool cut = false;
  while (true) {
    const std::size_t room = buffer_.size() - kTypeBytes;
    const ssize_t got = ::msgrcv(queue_, buffer_.data(), room, settings_.type,
                                 IPC_NOWAIT | (cut ? MSG_NOERROR : 0));
    if (got >= 0) {
      long type = 0;
      std::memcpy(&type, buffer_.data(), kTypeBytes);
      return BoxItem{buffer_.substr(kTypeBytes, static_cast<std::size_t>(got)), type, cut};
    }
    if (errno == ENOMSG || errno == EINTR) return std::nullopt;
    if (errno != E2BIG || cut) throw refused(errno, "receive from");
    cut = room >= settings_.most_taken_bytes;
    if (!cut) fit_buffer(std::min(room * 2, settings_.most_taken_bytes));
  }
}

void SysvBox::fit_buffer(std::size_t body_bytes) {
  buffer_.resize(kTypeBytes + std::min(body_bytes, settings_.most_taken_bytes));
}

// ---- Out

MessageBox::Put SysvBox::put(std::string_view body, std::int64_t rank) {
  if (const auto result = sending_.take_result()) {
    waiting_.clear();
    if (*result == 0) return Put::kDone;
    throw refused(*result, "send to");
  }
  if (!sending_.is_idle()) return Put::kLater;
  waiting_ = framed(body, rank);
  if (::msgsnd(queue_, waiting_.data(), body.size(), IPC_NOWAIT) == 0) return Put::kDone;
  if (errno != EAGAIN && errno != EINTR) throw refused(errno, "send to");
  sending_.start([this] {
    const std::size_t size = waiting_.size() - kTypeBytes;
    return ::msgsnd(queue_, waiting_.data(), size, 0) == 0 ? 0 : errno;
  });
  return Put::kLater;
}

bool SysvBox::give_up() { return sending_.end() == 0; }

std::size_t SysvBox::most_bytes() {
  const std::uint64_t most =
      kernel_limit("/proc/sys/kernel/msgmax").value_or(std::numeric_limits<std::uint64_t>::max());
  msqid_ds status{};  // msg_qbytes is told to whom may read the queue only
  if (::msgctl(queue_, IPC_STAT, &status) != 0) return most;
  return std::min<std::uint64_t>(most, status.msg_qbytes);
}

void SysvBox::gather(Want want, std::vector<pollfd>& waited) {
  const BlockedCall& call = want == Want::kMessage ? receiving_ : sending_;
  waited.push_back({call.descriptor(), POLLIN, 0});
}

// ---- Types

void SysvBox::set_rank(Message& message, std::int64_t rank) const {
  message.headers.emplace_back(kSysvTypeHeader, std::to_string(rank));
}

std::optional<std::int64_t> SysvBox::rank_of(const Message& message, std::string& why) const {
  if (settings_.type > 0) return settings_.type;
  const std::string* const given = message.header(kSysvTypeHeader);
  if (given == nullptr) return 1;
  if (const auto type = parse_type(*given)) return *type;
  why = "its header sysv-type is no whole number above 0";
  return std::nullopt;
}

// Who asks under a number finds its answers under it.
std::int64_t SysvBox::answer_rank(std::string_view tag) const {
  return parse_type(tag).value_or(1);
}

Error SysvBox::refused(int error, std::string_view operation) const {
  switch (error) {
    case EIDRM:
    case EINVAL:  // it was removed before the call began; or, sending, longer than kernel.msgmax
      return {ErrorCode::kNotFound, operation, settings_.key.text,
              "the message queue was removed while in use"};
    default:
      return Error::from_errno(error, operation, settings_.key.text);
  }
}

}  // namespace spoolmq::adapters
