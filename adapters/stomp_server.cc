#include "adapters/stomp_server.h"

#include <algorithm>
#include <utility>

#include "adapters/stomp_rooms.h"
#include "core/log.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;

void tidy(std::vector<std::function<void()>> batch) {
  for (const std::function<void()>& one : batch) {
    try {
      one();
    } catch (const std::exception& error) {
      log::warn("what a STOMP client left is not removed yet", {{"why", error.what()}});
    }
  }
}

}  // namespace

StompServer::StompServer(const std::string& /*queue*/, StompServerSettings settings,
                         AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      access_(settings_.access, *place_.clock),
      tidying_(1, tidy),
      desks_(place_, settings_.desk_rules(), mailbox_),
      committer_(place_, desks_, settings_.desk_rules(), mailbox_),
      reception_(settings_.reception, place_, poll_set_, place_.clock->boot_ms()),
      next_token_(Reception::kFirstFreeToken),
      buffer_(kReadBytes, '\0') {
  tidy({[this] { remove_abandoned_rooms(*place_.root, clock().wall_ms()); }});
  abandoned_ms_ = clock().boot_ms();
}

// Connections end first: what they hold goes back through the desks, which do all that was asked.
StompServer::~StompServer() {
  hands_.reset();
  connections_.clear();
  begin_work(Left::kToTheDesks);
  for (auto& [name, one] : counters_) one.desk->want(0, 0);
  counters_.clear();
}

PolledAdapter::Step StompServer::step() {
  std::unique_lock lock(lock_);
  told_.silence();
  if (const std::exception_ptr failure = std::exchange(failure_, nullptr)) {
    lock.unlock();
    hands_.reset();
    std::rethrow_exception(failure);
  }
  const Step step = serve(Left::kToTheDesks);
  if (hands_ == nullptr && !connections_.empty()) {
    std::vector<int> readable{poll_set_.descriptor(), mailbox_.descriptor()};
    if (access_.checks() != nullptr) readable.push_back(access_.checks()->descriptor());
    hands_ = std::make_unique<LoopHands>(lock_, clock(), std::move(readable),
                                         [this] { return round(); });
  }
  if (hands_ == nullptr) return step;
  hands_->note_due(step.next_boot_ms);
  return {INT64_MAX, step.over};
}

LoopHands::Round StompServer::round() {
  if (failure_) return {.over = true};
  try {
    const bool may_claim = claimed_ == nullptr;
    const Step step = serve(may_claim ? Left::kToTheCaller : Left::kToTheDesks);
    if (step.over) told_.ring();
    LoopHands::Round round{.next_boot_ms = step.next_boot_ms};
    if (may_claim && claimed_ != nullptr) round.work = [this] { carry_out(); };
    return round;
  } catch (...) {
    failure_ = std::current_exception();
    told_.ring();
    return {.over = true};
  }
}

// Without the lock: what is claimed belongs to the hand that is in here, whose next round finds in
// the mailbox what came of it.
void StompServer::carry_out() {
  mailbox_.begin_quiet();
  claimed_->carry_out();
  mailbox_.end_quiet();
  const std::lock_guard lock(lock_);
  std::shared_ptr<StompDesk> desk = std::move(claimed_);
  // Its queue went meanwhile: its end may take a while.
  if (desk.use_count() == 1) tidying_.put([desk = std::move(desk)]() mutable { desk.reset(); });
}

void StompServer::note_asked(std::shared_ptr<StompDesk> desk) {
  if (asked_.empty() || asked_.back() != desk) asked_.push_back(std::move(desk));
}

void StompServer::begin_work(Left left) {
  if (left == Left::kToTheCaller && claimed_ == nullptr && asked_.size() == 1 &&
      asked_.front()->claim()) {
    claimed_ = std::move(asked_.front());
  } else {
    for (const auto& desk : asked_) desk->flush();
  }
  asked_.clear();
}

PolledAdapter::Step StompServer::serve(Left left) {
  now_ms_ = clock().boot_ms();
  reception_.prepare(connections_.size(), now_ms_);
  collect_ready();
  take_logins();
  take_mail();
  serve_ready();
  begin_work(left);
  expire_due();
  write_touched();
  begin_work(left);  // what was written is acknowledged, where that is what its client wants
  tell_room();
  extend_leases();
  const bool over = place_.once && served_any_ && connections_.empty();
  if (!ready_.empty()) return {0, over};
  return {std::min({reception_.next_due_boot_ms(), deadline_ms_, extend_ms_}), over};
}

void StompServer::gather(std::vector<pollfd>& waited) {
  waited.push_back({told_.descriptor(), POLLIN, 0});
  if (hands_ != nullptr) return;
  waited.push_back({poll_set_.descriptor(), POLLIN, 0});
  waited.push_back({mailbox_.descriptor(), POLLIN, 0});
  if (access_.checks() != nullptr) {
    waited.push_back({access_.checks()->descriptor(), POLLIN, 0});
  }
}

void StompServer::collect_ready() {
  for (const epoll_event& event : poll_set_.ready()) {
    const Token token = event.data.u64;
    if (token < Reception::kFirstFreeToken) {
      reception_.accept(token, [this](std::unique_ptr<Stream> stream, Peer peer) {
        welcome(std::move(stream), std::move(peer));
      });
    } else if (const auto found = connections_.find(token); found != connections_.end()) {
      note_ready(token, *found->second);
    }
  }
}

void StompServer::welcome(std::unique_ptr<Stream> stream, Peer peer) {
  const Token token = next_token_++;
  StompBackend& backend = *this;
  auto made = std::make_unique<StompConnection>(token, std::move(stream), std::move(peer),
                                                settings_, access_, clock(), backend);
  made->place.token = token;
  served_any_ = true;
  note_ready(token, *connections_.emplace(token, std::move(made)).first->second);
}

void StompServer::note_ready(Token token, StompConnection& connection) {
  if (!std::exchange(connection.is_ready, true)) ready_.push_back(token);
}

void StompServer::touch(Token token, StompConnection& connection) {
  if (!std::exchange(connection.is_touched, true)) touched_.push_back(token);
}

// One piece of each.
void StompServer::serve_ready() {
  for (const Token token : std::exchange(ready_, {})) {
    const auto found = connections_.find(token);
    if (found == connections_.end()) continue;
    StompConnection& connection = *found->second;
    connection.is_ready = false;
    unfinished_bytes_ -= connection.buffered_bytes();
    connection.advance(buffer_);
    // Whoever brings more than there is memory for is sent away: were it kept waiting, nobody's
    // frame might ever become whole.
    if (unfinished_bytes_ + connection.buffered_bytes() > settings_.most_unfinished_bytes) {
      connection.refuse_for_memory();
    }
    unfinished_bytes_ += connection.buffered_bytes();
    touch(token, connection);
  }
}

void StompServer::write_touched() {
  for (const Token token : std::exchange(touched_, {})) {
    const auto found = connections_.find(token);
    if (found == connections_.end()) continue;
    StompConnection& connection = *found->second;
    connection.is_touched = false;
    connection.write();
    if (connection.is_over()) {
      end(token);
      continue;
    }
    deadline_ms_ = std::min(deadline_ms_, connection.deadline_boot_ms());
    poll_set_.change(connection.descriptor(), connection.place, connection.events());
    if (connection.has_more()) note_ready(token, connection);
  }
}

void StompServer::end(Token token) {
  const auto found = connections_.find(token);
  const StompConnection& connection = *found->second;
  if (!connection.why().empty()) {
    const Peer& peer = connection.peer();
    reception_.tell_refused(peer.is_local ? peer.name : peer.address, connection.why());
  }
  unfinished_bytes_ -= connection.buffered_bytes();
  // Its end asks things of us that look for it: it is out of the table by then.
  const std::unique_ptr<StompConnection> ended = std::move(found->second);
  connections_.erase(found);
}

// Deadlines that moved away are found out when the earliest has come.
void StompServer::expire_due() {
  if (now_ms_ < deadline_ms_) return;
  deadline_ms_ = INT64_MAX;
  for (const auto& [token, connection] : connections_) {
    if (connection->deadline_boot_ms() <= now_ms_) {
      connection->expire();
      touch(token, *connection);
    } else {
      deadline_ms_ = std::min(deadline_ms_, connection->deadline_boot_ms());
    }
  }
}

}  // namespace spoolmq::adapters
