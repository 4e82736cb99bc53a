#include "adapters/stomp_dead_desk.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "adapters/stomp_told.h"
#include "core/log.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostJobs = 1024;
constexpr std::size_t kMostAtOnce = 32;      // messages, whose bodies are in memory
constexpr std::size_t kMostShown = 100'000;  // then nothing more is, until some are settled
constexpr std::size_t kPage = 1000;
constexpr std::chrono::milliseconds kLookPause{1000};  // nobody tells of new ones

}  // namespace

StompDeadDesk::StompDeadDesk(std::string name, std::string queue, const AdapterPlace& place,
                             StompDeskRules rules, StompMailbox& mailbox)
    : name_(std::move(name)),
      queue_name_(std::move(queue)),
      place_(place),
      rules_(rules),
      mailbox_(mailbox),
      working_(kMostJobs, [this](std::vector<Asked> batch) { work(std::move(batch)); }) {}

StompDeadDesk::~StompDeadDesk() {
  showing_.request_stop();
  if (showing_.joinable()) showing_.join();
}

std::shared_ptr<Queue> StompDeadDesk::queue() {
  const std::lock_guard lock(open_mutex_);
  if (queue_ == nullptr) {
    OpenOptions options;
    options.name = place_.name;
    options.observer = true;
    options.background = false;
    queue_ = std::make_shared<Queue>(place_.root->open_queue(queue_name_, options));
  }
  return queue_;
}

void StompDeadDesk::open(StompTicket ticket, StompOpening /*opening*/) {
  working_.put({ticket, std::nullopt, {}});
}

void StompDeadDesk::settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts) {
  Asked asked{ticket, verdict, {}};
  for (const Receipt& one : receipts) asked.ids.push_back(one.id);
  working_.put(std::move(asked));
}

void StompDeadDesk::want(std::size_t room, std::size_t collected) {
  {
    const std::lock_guard lock(mutex_);
    room_ = room;
    uncollected_ -= collected;
  }
  if (room == 0) return;
  if (!showing_.joinable()) {
    showing_ = std::jthread([this](const std::stop_token& stop) { show(stop); });
  }
  wanted_.notify_one();
}

bool StompDeadDesk::is_idle() const {
  if (!working_.is_idle()) return false;
  const std::lock_guard lock(mutex_);
  return room_ == 0 && uncollected_ == 0;
}

// ---- What is asked

void StompDeadDesk::work(std::vector<Asked> batch) {
  std::vector<StompOutcome> outcomes;
  outcomes.reserve(batch.size());
  for (const Asked& one : batch) outcomes.push_back(obey(one));
  mailbox_.put(std::move(outcomes));
}

StompOutcome StompDeadDesk::obey(const Asked& asked) {
  StompOutcome outcome{asked.ticket, std::nullopt};
  try {
    const std::shared_ptr<Queue> from = queue();
    if (asked.verdict == Verdict::kAck) static_cast<void>(from->remove(asked.ids));
  } catch (const std::exception& error) {
    outcome.failure = told(error);
    log::warn("could not settle dead letters", {{"queue", queue_name_}, {"why", told(error)}});
  }
  if (asked.verdict == Verdict::kAck || asked.verdict == Verdict::kRelease) {
    const std::lock_guard lock(mutex_);
    for (const MessageId& id : asked.ids) shown_.erase(id);
  }
  return outcome;
}

// ---- What is shown

void StompDeadDesk::show(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::size_t most = 0;
    {
      std::unique_lock lock(mutex_);
      const auto is_wanted = [this] { return room_ > uncollected_; };
      if (!wanted_.wait(lock, stop, is_wanted)) return;
      most = std::min(room_ - uncollected_, kMostAtOnce);
    }
    std::size_t shown = 0;
    try {
      shown = show_some(most);
    } catch (const std::exception& error) {
      log::warn("dead letters cannot be read", {{"queue", queue_name_}, {"why", told(error)}});
    }
    if (shown > 0) continue;
    std::unique_lock lock(mutex_);
    wanted_.wait_for(lock, stop, kLookPause, [] { return false; });
  }
}

std::size_t StompDeadDesk::show_some(std::size_t most) {
  const std::shared_ptr<Queue> from = queue();
  StompTaken taken{name_, {}};
  for (const MessageStatus& status : choose(*from, most)) {
    if (auto one = look_at(*from, status)) taken.messages.push_back(*std::move(one));
  }
  const std::size_t count = taken.messages.size();
  if (count == 0) return 0;
  {
    const std::lock_guard lock(mutex_);
    uncollected_ += count;
  }
  mailbox_.put(std::move(taken));
  return count;
}

// Those that nobody was shown, marked as shown; what is dead no more is forgotten.
std::vector<MessageStatus> StompDeadDesk::choose(Queue& queue, std::size_t most) {
  std::vector<MessageStatus> chosen;
  std::set<MessageId> dead;
  ScanOptions options;
  options.states = {State::kDead};
  options.limit = kPage;
  while (true) {
    std::vector<MessageStatus> page = queue.scan(options);
    const std::lock_guard lock(mutex_);
    for (MessageStatus& one : page) {
      dead.insert(one.id);
      if (shown_.size() >= kMostShown || !shown_.insert(one.id).second) continue;
      chosen.push_back(std::move(one));
      if (chosen.size() == most) return chosen;
    }
    if (page.size() < kPage) {
      std::erase_if(shown_, [&dead](const MessageId& id) { return !dead.contains(id); });
      return chosen;
    }
    options.after_sequence = page.back().sequence;
  }
}

// nullopt: it has gone meanwhile, or cannot be shown whole.
std::optional<StompTaken::One> StompDeadDesk::look_at(Queue& queue, const MessageStatus& status) {
  std::optional<Message> message;
  try {
    if (status.size <= rules_.most_body_bytes) message = queue.load(status.id);
    if (!message) return std::nullopt;
    std::string body = std::exchange(message->body, {});
    if (message->large_body) {
      const std::unique_ptr<BodyReader> reader = queue.open_body(*message);
      std::array<char, 64 << 10> piece{};
      while (const std::size_t got = reader->read(piece)) body.append(piece.data(), got);
    }
    message->headers.emplace_back("dead-reason", status.reason);
    return StompTaken::One{*std::move(message), std::move(body), Receipt{status.id, 0},
                           status.counters.deliveries, std::nullopt};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    return std::nullopt;
  }
}

}  // namespace spoolmq::adapters
