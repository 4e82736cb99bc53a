#include "adapters/datagram_out.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/datagram_socket.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kMostTimes = 5;              // a message is sent before its receiver counts as down
constexpr std::int64_t kRoomAgainMs = 10;  // a device's queue is full (ENOBUFS): nothing tells
constexpr std::int64_t kLookIntoQueueMs = 50;

Queue open_queue(const AdapterPlace& place, const std::string& queue) {
  OpenOptions options;
  options.name = place.name;
  return place.root->open_queue(queue, options);
}

}  // namespace

DatagramOut::DatagramOut(const std::string& queue, DatagramSettings settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(open_queue(place_, queue)) {}

PolledAdapter::Step DatagramOut::step() {
  if (!socket_.is_open()) {
    if (place_.once && is_drained(queue_)) return {0, true};
    open();
  }
  take_answers();
  has_room_ = send_due();
  while (has_room_ && fetch()) has_room_ = send_due();
  outflow_->flush();
  std::int64_t next_ms = std::min(outflow_->extend_due(), next_due());
  const std::int64_t now_ms = clock().boot_ms();
  if (!has_room_) next_ms = std::min(next_ms, now_ms + kRoomAgainMs);
  if (place_.once && outflow_->unsettled() == 0) {
    if (outflow_->is_queue_empty()) return {0, true};
    next_ms = std::min(next_ms, now_ms + kLookIntoQueueMs);
  }
  return {next_ms, false};
}

void DatagramOut::gather(std::vector<pollfd>& waited) {
  if (!socket_.is_open()) return;
  const int events =
      (settings_.answered == Answered::kYes ? POLLIN : 0) | (has_room_ ? 0 : POLLOUT);
  waited.push_back({socket_.number(), static_cast<short>(events), 0});
  if (has_room_) waited.push_back({outflow_->descriptor(), POLLIN, 0});
}

// Nothing is leased before somebody is there, as far as that can be known.
void DatagramOut::open() {
  socket_ = settings_.unix_path.empty() ? connect_udp(resolve(settings_, AddressUse::kConnect))
                                        : connect_unix_datagram(settings_.unix_path);
  outflow_.emplace(queue_, place_, settings_.window);
}

bool DatagramOut::fetch() {
  const Delivery* const delivery = outflow_->next();
  if (delivery == nullptr) return false;
  const MessageId id = delivery->message().id;
  std::optional<std::string> body = whole_body(*delivery, settings_.most_bytes);
  if (!body) {
    outflow_->settle(id, Verdict::kReject,
                     oversize(delivery->message().body_size(), settings_.most_bytes));
    return true;
  }
  if (settings_.answered == Answered::kYes) body->insert(0, id.text() + " ");
  on_its_way_.push_back({id, std::move(*body), 0, 0});
  return true;
}

// Those that have not been sent, and those whose answer is overdue.
bool DatagramOut::send_due() {
  const std::int64_t now_ms = clock().boot_ms();
  for (auto one = on_its_way_.begin(); one != on_its_way_.end();) {
    const auto here = one++;
    if (here->again_boot_ms > now_ms) continue;
    if (!send(here)) return false;
  }
  return true;
}

bool DatagramOut::send(std::list<OnItsWay>::iterator one) {
  if (one->times == kMostTimes) {
    throw Error(ErrorCode::kUnavailable, "send to", settings_.place,
                "no answer, " + std::to_string(kMostTimes) + " times");
  }
  switch (put(one->bytes)) {
    case Sent::kNoRoom:
      return false;
    case Sent::kTooLong:
      outflow_->settle(one->id, Verdict::kReject,
                       "oversize: the kernel takes no datagram of " +
                           std::to_string(one->bytes.size()) + " bytes");
      on_its_way_.erase(one);
      return true;
    case Sent::kYes:
      break;
  }
  if (settings_.answered == Answered::kYes) {
    one->again_boot_ms = clock().boot_ms() + settings_.answer_timeout_ms;
    ++one->times;
  } else {
    outflow_->settle(one->id, Verdict::kAck);
    on_its_way_.erase(one);
  }
  return true;
}

// That nobody receives there is told by the next call where an ICMP message said so (udp(7)); on
// this machine that is at once.
DatagramOut::Sent DatagramOut::put(const std::string& bytes) {
  while (true) {
    int error_number = 0;
    if (::send(socket_.number(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      socklen_t length = sizeof error_number;
      ::getsockopt(socket_.number(), SOL_SOCKET, SO_ERROR, &error_number, &length);
      if (error_number == 0) return Sent::kYes;
    } else {
      error_number = errno;
    }
    switch (error_number) {
      case EINTR:
        continue;
      case EAGAIN:
      case ENOBUFS:
        return Sent::kNoRoom;
      case EMSGSIZE:
        return Sent::kTooLong;
      default:
        // What went before is the receiver's, and what follows is tried again later.
        outflow_->flush();
        throw Error(ErrorCode::kUnavailable, "send to", settings_.place,
                    std::strerror(error_number));
    }
  }
}

// ---- Answers

void DatagramOut::take_answers() {
  if (settings_.answered == Answered::kNo) return;
  std::array<char, kMostAnswerBytes + 1> buffer;
  while (true) {
    const ssize_t got = ::recv(socket_.number(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) {
      outflow_->flush();
      throw Error(ErrorCode::kUnavailable, "send to", settings_.place, std::strerror(errno));
    }
    const std::optional<KeyedAnswer> answer =
        parse_keyed_answer({buffer.data(), static_cast<std::size_t>(got)});
    if (answer) {
      take_answer(*answer);
    } else {
      log::warn("an answer that is none", {{"adapter", place_.name}, {"to", settings_.place}});
    }
  }
}

// One that nothing waits for is that to a datagram that was sent twice.
void DatagramOut::take_answer(const KeyedAnswer& answer) {
  const std::optional<MessageId> id = MessageId::parse(answer.key);
  const auto one =
      std::ranges::find_if(on_its_way_, [&id](const OnItsWay& sent) { return sent.id == id; });
  if (one == on_its_way_.end()) return;
  outflow_->settle(one->id, answer.answer.verdict, answer.answer.text);
  on_its_way_.erase(one);
  const bool stops = answer.answer.verdict == Verdict::kStop;
  if (!stops && answer.answer.verdict != Verdict::kPause) return;
  outflow_->flush();
  throw Error(stops ? ErrorCode::kConfiguration : ErrorCode::kUnavailable, "send to",
              settings_.place, (stops ? "stop: " : "down: ") + answer.answer.text);
}

std::int64_t DatagramOut::next_due() const {
  std::int64_t next_ms = INT64_MAX;
  for (const OnItsWay& one : on_its_way_) {
    if (one.times > 0) next_ms = std::min(next_ms, one.again_boot_ms);
  }
  return next_ms;
}

}  // namespace spoolmq::adapters
