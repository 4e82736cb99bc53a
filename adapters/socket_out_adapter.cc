#include "adapters/socket_out_adapter.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "adapters/unix_socket.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kProvenMs = 2000;
constexpr std::int64_t kLookMs = 100;

}  // namespace

SocketOutAdapter::SocketOutAdapter(const std::string& queue, SocketOutSettings settings,
                                   AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(place_.root->open_queue(queue, {.name = place_.name})) {
  if (settings_.has_tls) tls_ = TlsContext::client(settings_.tls);
}

PolledAdapter::Step SocketOutAdapter::step() {
  now_ms_ = clock().boot_ms();
  if (!connection_ && !opening_ && !connect()) {
    return {.next_boot_ms = connecting_->deadline_boot_ms(), .undecided = true};
  }
  if (!connection_ && !shake_hands()) {
    return {.next_boot_ms = opening_until_ms_, .undecided = true};
  }
  return hand_on();
}

void SocketOutAdapter::gather(std::vector<pollfd>& waited) {
  if (connection_) {
    waited.push_back({connection_->descriptor(), connection_->events(), 0});
    if (connection_->has_room()) waited.push_back({outflow_->descriptor(), POLLIN, 0});
  } else if (opening_) {
    waited.push_back({opening_->descriptor(), opening_->events(Direction::kRead), 0});
  } else if (connecting_) {
    waited.push_back({connecting_->descriptor(), connecting_->events(), 0});
  }
}

// ---- On the way

// True: opening_ is there.
bool SocketOutAdapter::connect() {
  opening_until_ms_ = now_ms_ + settings_.connect_ms;
  if (!settings_.path.empty()) {
    connect_to_path();
    return true;
  }
  if (!connecting_) {
    const Unread unread = settings_.answers ? Unread::kGivenUp : Unread::kWaits;
    connecting_.emplace(settings_.addresses,
                        Connecting::Limits{settings_.connect_ms, settings_.silence_ms, unread});
  }
  std::optional<Connected> connected = connecting_->advance(now_ms_);
  if (!connected) return false;
  connecting_.reset();
  address_ = connected->address;
  const std::string& name = settings_.tls_name.empty() ? connected->place.host : settings_.tls_name;
  opening_ = tls_ ? tls_->connect(std::move(connected->socket), name)
                  : plain_stream(std::move(connected->socket));
  return true;
}

void SocketOutAdapter::connect_to_path() {
  Descriptor socket = connect_to_allowed(settings_.path, settings_.allowed);
  address_ = settings_.path;
  opening_ =
      tls_ ? tls_->connect(std::move(socket), settings_.tls_name) : plain_stream(std::move(socket));
}

// True: connection_ is there.
bool SocketOutAdapter::shake_hands() {
  switch (opening_->open()) {
    case Moved::kDone:
      break;
    case Moved::kLater:
      if (now_ms_ < opening_until_ms_) return false;
      lost("TLS: no handshake within " +
           format_duration(std::chrono::milliseconds{settings_.connect_ms}));
    default:
      lost("TLS: " + opening_->why());
  }
  connection_.emplace(std::move(opening_),
                      OutConnection::Rules{settings_.frames.kind, settings_.answers});
  outflow_.emplace(queue_, place_, settings_.window);
  connected_ms_ = progress_ms_ = now_ms_;
  log::info("connected", {{"adapter", place_.name}, {"address", address_}});
  return true;
}

// ---- Connected

PolledAdapter::Step SocketOutAdapter::hand_on() {
  fill();
  settle(connection_->move());
  outflow_->flush();
  proven_ = proven_ || now_ms_ - connected_ms_ >= kProvenMs;
  end_if_all_is_done();
  if (shut_ && connection_->under_way() == 0) return {.over = true};
  if (!connection_->failure().empty()) lost(connection_->failure());
  check_silence();
  std::int64_t next_ms = outflow_->extend_due();
  if (place_.once && !shut_) next_ms = std::min(next_ms, look_ms_);
  if (settings_.answers && connection_->under_way() > 0) {
    next_ms = std::min(next_ms, progress_ms_ + settings_.answer_ms);
  }
  return {.next_boot_ms = connection_->has_more() ? 0 : next_ms, .undecided = !proven_};
}

void SocketOutAdapter::fill() {
  while (connection_->has_room()) {
    Delivery* const delivery = outflow_->next();
    if (delivery == nullptr) return;
    if (connection_->under_way() == 0) progress_ms_ = now_ms_;
    put(*delivery);
  }
}

void SocketOutAdapter::put(Delivery& delivery) {
  const MessageId id = delivery.message().id;
  std::string why;
  try {
    if (delivery.message().body_size() > settings_.frames.most_bytes) {
      why = "longer than max-bytes = " + std::to_string(settings_.frames.most_bytes);
    } else if (!connection_->put(id, whole_body(delivery))) {
      why = "framing " + std::string(kFrameWords[static_cast<std::size_t>(settings_.frames.kind)]) +
            " has no frame for it";
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    why = error.why();
  }
  if (!why.empty()) outflow_->settle(id, Verdict::kReject, why);
}

void SocketOutAdapter::settle(const std::vector<OutConnection::Settled>& settled) {
  const Answer* halt = nullptr;  // what came behind it counts all the same
  for (const OutConnection::Settled& one : settled) {
    proven_ = true;
    outflow_->settle(one.id, one.answer.verdict, one.answer.text);
    const bool stops = one.answer.verdict == Verdict::kStop;
    if (stops || (one.answer.verdict == Verdict::kPause && halt == nullptr)) halt = &one.answer;
  }
  if (halt == nullptr) return;
  if (halt->verdict == Verdict::kPause) lost("the other side is down: " + halt->text);
  throw Error(ErrorCode::kConfiguration, "hand on", address_,
              "the other side says stop: " + halt->text);
}

void SocketOutAdapter::check_silence() {
  if (connection_->take_progress() || connection_->under_way() == 0) progress_ms_ = now_ms_;
  if (!settings_.answers || now_ms_ - progress_ms_ < settings_.answer_ms) return;
  lost("no answer within " + format_duration(std::chrono::milliseconds{settings_.answer_ms}));
}

void SocketOutAdapter::end_if_all_is_done() {
  if (!place_.once || shut_ || now_ms_ < look_ms_) return;
  look_ms_ = now_ms_ + kLookMs;
  if (is_all_under_way()) shut_ = connection_->finish();
}

// Nothing is left in the queue but what this connection has.
bool SocketOutAdapter::is_all_under_way() {
  const QueueStats stats = queue_.stats();
  return stats.of(State::kReady).messages + stats.of(State::kDelayed).messages == 0 &&
         stats.of(State::kLeased).messages == static_cast<std::int64_t>(outflow_->unsettled());
}

void SocketOutAdapter::lost(const std::string& why) const {
  throw Error(ErrorCode::kUnavailable, "hand on", address_, why);
}

}  // namespace spoolmq::adapters
