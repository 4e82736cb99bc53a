#include "adapters/socket_in_adapter.h"

#include <algorithm>
#include <utility>

#include "adapters/answer_line.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::int64_t kRetryMs = 100;
constexpr std::int64_t kStuckMs = 5000;
constexpr Intake::Limits kLimits{1024, 8 << 20};

// Nothing was accepted, and the same may be tried again.
bool may_be_repeated(ErrorCode code) {
  return code == ErrorCode::kTryAgain || code == ErrorCode::kOsResource;
}

}  // namespace

SocketInAdapter::SocketInAdapter(const std::string& queue, SocketInSettings settings,
                                 AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(place_.root->open_queue(queue, {.name = place_.name})),
      intake_(queue_, place_, kLimits),
      reception_(settings_.reception, place_, poll_set_, place_.clock->boot_ms()),
      next_token_(Reception::kFirstFreeToken),
      buffer_(kReadBytes, '\0') {}

SocketInAdapter::~SocketInAdapter() {
  try {
    now_ms_ = clock().boot_ms();
    for (auto& [token, connection] : connections_) {
      // Whole messages that were read already: without answers nobody else knows of them.
      if (!intake_.is_full() && connection.has_frames()) connection.advance(taking(token));
    }
    flush();
    for (auto& [token, connection] : connections_) connection.write_answers(now_ms_);
    if (!intake_.is_empty()) {
      log::warn("some of what had come was not sent", {{"adapter", place_.name}});
    }
  } catch (const std::exception& error) {
    log::warn("could not send what had come", {{"adapter", place_.name}, {"why", error.what()}});
  }
}

PolledAdapter::Step SocketInAdapter::step() {
  now_ms_ = clock().boot_ms();
  reception_.prepare(connections_.size(), now_ms_);
  collect_ready();
  serve_ready();
  flush();
  settle_served();
  expire_due();
  const bool more = !ready_.empty() && !is_stuck();
  const bool over = place_.once && served_any_ && connections_.empty() && intake_.is_empty();
  return {more ? 0 : next_due(), over};
}

void SocketInAdapter::gather(std::vector<pollfd>& waited) {
  if (!is_stuck()) waited.push_back({poll_set_.descriptor(), POLLIN, 0});
}

// ---- Who comes

void SocketInAdapter::collect_ready() {
  for (const epoll_event& event : poll_set_.ready()) {
    const Token token = event.data.u64;
    if (token < Reception::kFirstFreeToken) {
      reception_.accept(token, [this](std::unique_ptr<Stream> stream, Peer peer) {
        welcome(std::move(stream), std::move(peer));
      });
    } else if (const auto found = connections_.find(token); found != connections_.end()) {
      note_ready(token, found->second);
    }
  }
}

void SocketInAdapter::welcome(std::unique_ptr<Stream> stream, Peer peer) {
  const Token token = next_token_++;
  InConnection& made =
      connections_.try_emplace(token, std::move(stream), std::move(peer), settings_, now_ms_)
          .first->second;
  made.place.token = token;
  served_any_ = true;
  note_ready(token, made);
}

void SocketInAdapter::note_ready(Token token, InConnection& connection) {
  if (!std::exchange(connection.is_ready, true)) ready_.push_back(token);
}

// ---- What they bring

InConnection::Taking SocketInAdapter::taking(Token token) {
  const InConnection& connection = connections_.at(token);
  return {.has_room = [this] { return !intake_.is_full() && !is_stuck(); },
          .put = [this, token](Message message) { intake_.add(std::move(message), token); },
          .refused =
              [this, &connection](const std::string& why) {
                reception_.tell_refused(
                    connection.peer().is_local ? connection.peer().name : connection.peer().address,
                    why);
              },
          .buffer = buffer_,
          .now_boot_ms = now_ms_};
}

// One piece of each; those behind it wait for the next step where the intake has become full.
void SocketInAdapter::serve_ready() {
  served_.clear();
  if (is_stuck()) return;
  std::vector<Token> later;
  for (const Token token : std::exchange(ready_, {})) {
    const auto found = connections_.find(token);
    if (found == connections_.end()) continue;
    if (intake_.is_full()) {
      later.push_back(token);
      continue;
    }
    InConnection& connection = found->second;
    connection.is_ready = false;
    unfinished_bytes_ -= connection.buffered_bytes();
    connection.advance(taking(token));
    unfinished_bytes_ += connection.buffered_bytes();
    if (unfinished_bytes_ > settings_.most_unfinished_bytes) limit_memory(connection, token);
    served_.push_back(token);
  }
  ready_.insert(ready_.end(), later.begin(), later.end());
}

// Whoever brings more is sent away: were it kept waiting, nobody's message might ever become whole.
void SocketInAdapter::limit_memory(InConnection& connection, Token token) {
  unfinished_bytes_ -= connection.buffered_bytes();
  connection.refuse_for_memory(taking(token));
  unfinished_bytes_ += connection.buffered_bytes();
}

// ---- What becomes of it

void SocketInAdapter::flush() {
  if (is_stuck() && now_ms_ < retry_ms_) return;
  try {
    if (!intake_.is_empty()) deliver(intake_.flush());
  } catch (const Error& error) {
    if (!may_be_repeated(error.code())) throw;
    deliver(intake_.take_settled());
    now_ms_ = clock().boot_ms();
    if (!is_stuck()) stuck_since_boot_ms_ = now_ms_;
    retry_ms_ = now_ms_ + kRetryMs;
    if (now_ms_ - stuck_since_boot_ms_ < kStuckMs) return;
    settle_served();
    throw Error(ErrorCode::kTryAgain, error.operation(), error.subject(), error.why());
  }
  if (is_stuck()) end_stuck();
}

void SocketInAdapter::deliver(const std::vector<Intake::Taken>& taken) {
  for (const Intake::Taken& one : taken) {
    const auto found = connections_.find(one.token);
    if (found == connections_.end()) continue;
    found->second.answer(one.is_sent ? answer_line(Verdict::kAck, one.id.text())
                                     : answer_line(Verdict::kReject, one.why));
    served_.push_back(one.token);
  }
}

// Nobody was read meanwhile: that they were silent is not their doing.
void SocketInAdapter::end_stuck() {
  stuck_since_boot_ms_ = 0;
  for (auto& [token, connection] : connections_) connection.restart_times(now_ms_);
}

void SocketInAdapter::settle_served() {
  std::ranges::sort(served_);
  const auto rest = std::ranges::unique(served_);
  served_.erase(rest.begin(), rest.end());
  for (const Token token : served_) {
    const auto found = connections_.find(token);
    if (found == connections_.end()) continue;
    found->second.write_answers(now_ms_);
    settle(token, found->second);
  }
  served_.clear();
}

void SocketInAdapter::settle(Token token, InConnection& connection) {
  if (connection.is_over()) {
    unfinished_bytes_ -= connection.buffered_bytes();
    connections_.erase(token);
    return;
  }
  deadline_ms_ = std::min(deadline_ms_, connection.deadline_boot_ms());
  poll_set_.change(connection.stream().descriptor(), connection.place, connection.events());
  if (connection.has_more()) note_ready(token, connection);
}

// Deadlines that moved away are found out when the earliest has come.
void SocketInAdapter::expire_due() {
  if (is_stuck() || now_ms_ < deadline_ms_) return;
  deadline_ms_ = INT64_MAX;
  std::vector<Token> due;
  for (const auto& [token, connection] : connections_) {
    if (connection.deadline_boot_ms() <= now_ms_) {
      due.push_back(token);
    } else {
      deadline_ms_ = std::min(deadline_ms_, connection.deadline_boot_ms());
    }
  }
  for (const Token token : due) {
    InConnection& connection = connections_.at(token);
    connection.expire(taking(token));
    settle(token, connection);
  }
}

std::int64_t SocketInAdapter::next_due() const {
  std::int64_t next_ms = std::min(reception_.next_due_boot_ms(), deadline_ms_);
  if (is_stuck()) next_ms = retry_ms_;
  return next_ms;
}

}  // namespace spoolmq::adapters
