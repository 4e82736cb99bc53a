#include "adapters/datagram_in.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adapters/datagram_socket.h"
#include "adapters/keyed_datagram.h"
#include "adapters/user_key.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kLookAtPathEveryMs = 1000;
constexpr std::int64_t kTellEveryMs = 1000;  // of refusals, that anybody may cause
constexpr int kMostBatches = 32;             // in one step

Queue open_queue(const AdapterPlace& place, const std::string& queue) {
  OpenOptions options;
  options.name = place.name;
  return place.root->open_queue(queue, options);
}

// Who sent it, for people and for `receive --from`.
std::string sender_of(const Datagram& datagram) {
  std::string text = datagram.from.text();
  if (!text.empty()) return text;
  return datagram.sender ? "user:" + shown_user(datagram.sender->uid) : "unix";
}

// Keys of different senders do not meet. The port of UDP is another after each start of a program.
std::string dedupe_key(const Datagram& datagram, std::string_view key) {
  std::string scope;
  if (datagram.sender) {
    scope = "user:" + std::to_string(datagram.sender->uid);
  } else {
    scope = datagram.from.text();
    scope.resize(scope.rfind(':'));
  }
  return scope + " " + std::string(key);
}

}  // namespace

DatagramIn::DatagramIn(const std::string& queue, DatagramSettings settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(open_queue(place_, queue)),
      intake_(queue_, place_),
      batch_(settings_.most_bytes) {}

DatagramIn::~DatagramIn() {
  if (socket_.is_open() && !settings_.unix_path.empty() && is_at_path()) {
    ::unlink(settings_.unix_path.c_str());
  }
}

PolledAdapter::Step DatagramIn::step() {
  send_on();  // what a full queue did not take the last time
  look_at_path();
  if (!socket_.is_open()) open();
  bool more = true;
  for (int i = 0; i < kMostBatches && more && !intake_.is_full(); ++i) more = receive();
  send_on();
  if (more) return {0, false};
  return {look_boot_ms_, place_.once && any_};
}

void DatagramIn::gather(std::vector<pollfd>& waited) {
  waited.push_back({socket_.number(), POLLIN, 0});
}

// ---- The socket

void DatagramIn::open() {
  if (settings_.unix_path.empty()) {
    socket_ = bind_udp(resolve(settings_, AddressUse::kListen));
  } else {
    socket_ = bind_unix_datagram(settings_.unix_path, settings_.mode);
    struct stat status {};
    if (::lstat(settings_.unix_path.c_str(), &status) == 0) inode_ = status.st_ino;
  }
  dropped_ = 0;
  if (settings_.receive_buffer == 0) return;
  const std::size_t got = set_receive_buffer(socket_, settings_.receive_buffer);
  if (got >= settings_.receive_buffer) return;
  log::warn("the receive buffer is smaller than asked for (net.core.rmem_max)",
            {{"adapter", place_.name}, {"bytes", std::to_string(got)}});
}

void DatagramIn::look_at_path() {
  const std::int64_t now_ms = clock().boot_ms();
  if (now_ms < look_boot_ms_) return;
  look_boot_ms_ = now_ms + kLookAtPathEveryMs;
  if (!socket_.is_open() || settings_.unix_path.empty() || is_at_path()) return;
  log::warn("another file has its path now, or none",
            {{"adapter", place_.name}, {"socket", settings_.unix_path}});
  while (!intake_.is_full() && receive()) {
  }
  send_on();
  socket_.close();
}

bool DatagramIn::is_at_path() const {
  struct stat status {};
  return ::lstat(settings_.unix_path.c_str(), &status) == 0 && status.st_ino == inode_;
}

// ---- Datagrams

bool DatagramIn::receive() {
  const std::vector<Datagram>& received = batch_.receive(socket_.number());
  for (const Datagram& datagram : received) take(datagram);
  return !received.empty();
}

void DatagramIn::take(const Datagram& datagram) {
  any_ = true;
  note_dropped(datagram.dropped);
  const std::optional<std::vector<std::uint32_t>>& allowed = settings_.allowed_users;
  if (allowed &&
      (!datagram.sender || std::ranges::find(*allowed, datagram.sender->uid) == allowed->end())) {
    return refuse(datagram, {}, "its sender is not one of allow-users");
  }
  KeyedDatagram keyed{{}, datagram.bytes};
  if (settings_.answered == Answered::kYes) {
    const std::optional<KeyedDatagram> parsed = parse_keyed(datagram.bytes);
    if (!parsed) return refuse(datagram, {}, "there is no key at its front");
    keyed = *parsed;
  }
  if (datagram.is_cut_off()) {
    return refuse(datagram, keyed.key,
                  "it has " + std::to_string(datagram.whole_size) + " bytes, at most " +
                      std::to_string(settings_.most_bytes) + " are taken");
  }
  // Some libraries (perl's Sys::Syslog) look with an empty one whether somebody is there.
  if (settings_.format == ReceivedFormat::kSyslog && datagram.whole_size == 0) return;
  Message message =
      received_message(settings_.format, std::string(keyed.body), std::string(settings_.place));
  message.from.name = sender_of(datagram);
  message.headers.emplace_back("sender", message.from.name);
  if (datagram.sender) {
    message.headers.emplace_back("sender-user", shown_user(datagram.sender->uid));
    if (datagram.sender->pid > 0) {  // 0: of another namespace of processes
      message.from.uid = datagram.sender->uid;
      message.from.pid = static_cast<std::uint32_t>(datagram.sender->pid);
    }
  }
  if (settings_.answered == Answered::kYes) {
    message.dedupe_key = dedupe_key(datagram, keyed.key);
    waiting_.push_back({datagram.from, std::string(keyed.key)});
  }
  intake_.add(std::move(message));
}

void DatagramIn::refuse(const Datagram& datagram, std::string_view key, const std::string& why) {
  tell_refused(sender_of(datagram), why, 1);
  if (!key.empty()) answer(datagram.from, keyed_answer_line(Verdict::kReject, key, why));
}

// The kernel counts them by 32 bits, and says so with each datagram that it did not drop.
void DatagramIn::note_dropped(std::uint32_t dropped) {
  const auto news = static_cast<std::int32_t>(dropped - dropped_);
  if (news <= 0) return;
  dropped_ = dropped;
  tell_refused(settings_.place,
               std::to_string(news) + " datagrams were lost: the receive buffer was full",
               static_cast<std::uint64_t>(news));
}

void DatagramIn::tell_refused(const std::string& who, const std::string& why, std::uint64_t count) {
  if (place_.counters != nullptr) {
    place_.counters->refused.fetch_add(count, std::memory_order_relaxed);
  }
  const std::int64_t now_ms = clock().boot_ms();
  if (now_ms < tell_boot_ms_) {
    untold_ += count;
    return;
  }
  tell_boot_ms_ = now_ms + kTellEveryMs;
  const std::uint64_t untold = std::exchange(untold_, 0);
  if (!place_.on_refused) return;
  place_.on_refused(who,
                    untold == 0 ? why : why + "; " + std::to_string(untold) + " others before");
}

void DatagramIn::send_on() {
  for (const Intake::Taken& taken : intake_.flush()) {
    if (settings_.answered == Answered::kNo) continue;
    const Waiting& waiting = waiting_.front();
    answer(waiting.to, taken.is_sent
                           ? keyed_answer_line(Verdict::kAck, waiting.key, taken.id.text())
                           : keyed_answer_line(Verdict::kReject, waiting.key, taken.why));
    waiting_.pop_front();
  }
}

// Whoever does not take it asks again. Who has no address wants no answer.
void DatagramIn::answer(const DatagramAddress& to, const std::string& line) const {
  if (to.text().empty()) return;
  static_cast<void>(::sendto(socket_.number(), line.data(), line.size(),
                             MSG_DONTWAIT | MSG_NOSIGNAL, to.get(), to.length));
}

}  // namespace spoolmq::adapters
