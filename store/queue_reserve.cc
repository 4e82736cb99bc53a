// Sends that must ask first (dedupe keys, explicit ids, bounded queues, rendezvous), and senders
// that wait for what becomes of their message.
#include <algorithm>
#include <unordered_map>

#include "core/log.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr Milliseconds kLongestSleep{250};

bool same_body(const Message& one, const Message& other) {
  if (one.large_body.has_value() != other.large_body.has_value()) return false;
  if (one.large_body) {
    const LargeBody& a = *one.large_body;
    const LargeBody& b = *other.large_body;
    const bool comparable = a.checksum != 0 && b.checksum != 0;
    return a.length == b.length && (!comparable || a.checksum == b.checksum);
  }
  return one.body == other.body;
}

}  // namespace

bool QueueImpl::same_content(const MessageId& id, const Message& message) {
  const std::optional<Message> known = load(id);
  return !known || same_body(*known, message);  // gone: nothing to compare with
}

// Under byte 0. kUnderWay: an earlier send of the same key has not settled yet. kOldBytes: the id
// was deleted or moved away, and its bytes have to go before it may come back.
QueueImpl::Place QueueImpl::try_reserve(std::span<Outgoing> outgoing, const Settings& settings) {
  Place place = Place::kFull;
  transact(layout::Purpose::kSend, [&](Session& session) {
    place = Place::kFull;
    harvest(session);
    probe_slots(session);
    session.index.drop_old_keys(session.now);
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;
    std::vector<Index::Reservation> wanted;
    std::vector<MessageId> remembered;
    std::unordered_map<std::string, MessageId> keys;  // of `wanted`
    for (Outgoing& one : outgoing) {
      one.result = {one.message.id, false};
      const std::string id_key = one.explicit_id ? Index::key_of_id(one.message.id) : std::string();
      const std::string key =
          one.message.dedupe_key.empty() ? id_key : Index::key_of(one.message.dedupe_key);
      if (!key.empty()) {
        std::optional<MessageId> known = session.index.known_key(key, session.now);
        if (!known && !id_key.empty()) known = session.index.known_key(id_key, session.now);
        const std::optional<Row> row =
            !known && one.explicit_id ? session.index.find(one.message.id) : std::nullopt;
        if (row && row->state >= RowState::kAcked && (row->flags & kRowRemoved) != 0) {
          if (row->state == RowState::kAcked) {
            place = Place::kOldBytes;
            return;
          }
          session.index.drop(*row);
        } else if (row) {
          known = one.message.id;
        }
        if (known) {
          // Its sender may not have been told "sent" yet; then neither may this one.
          if (!session.index.find(*known) && session.index.is_reserved(*known)) {
            place = Place::kUnderWay;
            return;
          }
          one.result = {*known, true};
          continue;
        }
      }
      if (!key.empty()) {
        const auto [twin, is_first] = keys.try_emplace(key, one.message.id);
        if (!is_first) {
          one.result = {twin->second, true};
          continue;
        }
      }
      bytes += one.message.body_size();
      ++count;
      const std::int64_t window =
          (one.message.dedupe_key.empty() ? settings.id_window : settings.dedupe_window).count();
      wanted.push_back({one.message.id, handles_.incarnation(), one.message.body_size(), key,
                        session.now.wall_ms + window, settings.capacity != 0,
                        settings.capacity == 0});
      // A key's window may end long before the same id comes again.
      if (!id_key.empty() && id_key != key) remembered.push_back(one.message.id);
    }
    if (!session.index.has_room(count, bytes, settings)) return;
    for (const Index::Reservation& one : wanted) session.index.reserve(one);
    for (const MessageId& id : remembered) {
      session.index.remember_id(id, session.now.wall_ms + settings.id_window.count());
    }
    place = Place::kReserved;
  });
  return place;
}

void QueueImpl::reserve(std::span<Outgoing> outgoing, const SendOptions& options,
                        const Settings& settings) {
  const bool bounded = settings.capacity != kUnbounded || settings.max_bytes != kUnbounded;
  const bool keyed = std::any_of(outgoing.begin(), outgoing.end(), [](const Outgoing& one) {
    return one.explicit_id || !one.message.dedupe_key.empty();
  });
  if (!bounded && !keyed) return;
  handles_.set_flag(layout::kOwnsReservations);
  const auto started = clock_->boot_ms();
  bool cleaned = false;
  while (true) {
    const std::uint32_t bell = bell_.prepare();
    Place place = Place::kFull;
    try {
      place = try_reserve(outgoing, settings);
    } catch (...) {
      // It may have been committed all the same.
      std::vector<Outgoing*> all;
      for (Outgoing& one : outgoing) {
        one.reserved = true;
        all.push_back(&one);
      }
      return_reservations(all);
      throw;
    }
    if (place == Place::kReserved) break;
    const std::int64_t waited = clock_->boot_ms() - started;
    const bool must_wait = place != Place::kFull;
    if (place == Place::kOldBytes) {
      maintain();
      if (!cleaned) {
        cleaned = true;
        continue;
      }
    }
    const bool may_block = must_wait || settings.overflow == Overflow::kBlock;
    const std::int64_t longest = must_wait ? options_.lock_wait.count()
                                           : options.timeout.value_or(Milliseconds::max()).count();
    if (!may_block || waited >= longest) {
      throw Error(
          ErrorCode::kTryAgain, "send", name(),
          must_wait ? "an earlier send of the same key has not finished" : "the queue is full");
    }
    bell_.wait(bell, std::min(kLongestSleep, Milliseconds{longest - waited}));
  }
  std::vector<Outgoing*> fresh;
  for (Outgoing& one : outgoing) {
    one.reserved = !one.result.duplicate;
    if (one.reserved) fresh.push_back(&one);
  }
  try {
    refuse_other_bytes(outgoing, fresh);
    const bool remembers = options.id_memory == IdMemory::kDurable &&
                           std::ranges::any_of(fresh, &Outgoing::explicit_id);
    if (remembers) sync_log();
  } catch (...) {
    return_reservations(fresh);
    throw;
  }
}

// An id stands for one message: whoever repeats it says the same again.
void QueueImpl::refuse_other_bytes(std::span<const Outgoing> outgoing,
                                   std::span<Outgoing* const> fresh) {
  for (const Outgoing& one : outgoing) {
    if (one.reserved || !one.explicit_id) continue;
    const auto first = std::find_if(fresh.begin(), fresh.end(), [&](const Outgoing* other) {
      return other->message.id == one.result.id;
    });
    if (first != fresh.end() ? same_body((*first)->message, one.message)
                             : same_content(one.result.id, one.message)) {
      continue;
    }
    throw Error(ErrorCode::kCannotCreate, "send", name(),
                "another message has the id " + one.result.id.text());
  }
}

void QueueImpl::return_reservations(std::span<Outgoing*> fresh) {
  const bool any =
      std::any_of(fresh.begin(), fresh.end(), [](const Outgoing* one) { return one->reserved; });
  if (!any) return;
  try {
    transact(layout::Purpose::kSend, [&](Session& session) {
      for (const Outgoing* one : fresh) {
        if (one->reserved && !session.index.find(one->message.id)) {
          session.index.return_reservation(one->message.id);
        }
      }
    });
  } catch (const Error& error) {
    // Whoever reaps this handle returns it.
    log::warn("reservation not returned", {{"queue", name()}, {"why", error.what()}});
  }
}

void QueueImpl::wait_taken(const Outgoing& outgoing, std::optional<Milliseconds> timeout) {
  const std::int64_t started = clock_->boot_ms();
  while (true) {
    const std::uint32_t bell = bell_.prepare();
    const std::int64_t waited = clock_->boot_ms() - started;
    const bool give_up = timeout && waited >= timeout->count();
    bool taken = false;
    bool withdrawn = false;
    transact(layout::Purpose::kSend, [&](Session& session) {
      const std::optional<Row> row = session.index.find(outgoing.message.id);
      taken = !row || row->counters.deliveries > 0;
      withdrawn = !taken && give_up && session.index.withdraw(outgoing.message.id, session.now);
      if (taken) session.index.settle_reservation(outgoing.message.id);
      if (withdrawn) session.index.return_reservation(outgoing.message.id);
    });
    if (taken) return;
    if (withdrawn) {
      sync_log();
      ++settled_since_maintenance_;
      start_background();
      throw Error(ErrorCode::kTryAgain, "send", name(), "nobody took the message in time");
    }
    bell_.wait(bell, timeout ? std::min(kLongestSleep, Milliseconds{timeout->count() - waited})
                             : kLongestSleep);
  }
}

bool QueueImpl::withdraw(const MessageId& id) {
  bool withdrawn = false;
  const std::optional<Location> at = locate(id);
  if (!at) return false;
  // Whoever takes it back may send it again.
  const Loaded loaded = reader_.load(id, *at);
  const auto* const message = std::get_if<Message>(&loaded);
  const std::string key = message == nullptr ? std::string() : Index::key_of(message->dedupe_key);
  transact(layout::Purpose::kFix, [&](Session& session) {
    harvest(session);
    std::optional<Row> row = session.index.find(id);
    withdrawn = row && (row->state == RowState::kReady || row->state == RowState::kBehind ||
                        row->state == RowState::kDelayed);
    if (!withdrawn) return;
    session.index.remove(*row, session.now);
    session.index.forget_key(Index::key_of_id(id));
    session.index.forget_key_of(id, key, session.now);
  });
  if (!withdrawn) return false;
  sync_log();
  ++settled_since_maintenance_;
  start_background();
  return true;
}

// They have their rows, or get them now. One that is a duplicate was sent by somebody who may have
// been cut off before he came here.
void QueueImpl::bury(std::span<const Outgoing> outgoing, std::string_view reason) {
  transact(layout::Purpose::kSend, [&](Session& session) {
    harvest(session);
    for (const Outgoing& one : outgoing) {
      std::optional<Row> row = session.index.find(one.result.id);
      if (!row || row->expires_at_ms == 0 || row->expires_at_ms > session.now.wall_ms) continue;
      const bool waits = row->state == RowState::kReady || row->state == RowState::kBehind ||
                         row->state == RowState::kDelayed;
      if (!waits && (row->state != RowState::kDead || row->reason == reason)) continue;
      session.index.kill(*row, reason, session.now, session.settings.order_on_dead);
      session.deaths.push_back(std::move(*row));
    }
  });
  sync_log();
}

Settled QueueImpl::wait_settled(const MessageId& id, std::optional<Milliseconds> timeout) {
  const std::int64_t started = clock_->boot_ms();
  while (true) {
    const std::uint32_t bell = bell_.prepare();
    std::optional<Settled> settled;
    look([&](Session& session) {
      const std::optional<Row> row = session.index.find(id);
      if (!row || row->state == RowState::kArchived) {
        settled = Settled::kAcked;
      } else if (row->state == RowState::kAcked || row->state == RowState::kGone) {
        settled = (row->flags & kRowRemoved) != 0 ? Settled::kDead : Settled::kAcked;
      } else if (row->state == RowState::kDead || row->state == RowState::kCorrupt) {
        settled = Settled::kDead;
      }
    });
    if (settled) return *settled;
    const std::int64_t waited = clock_->boot_ms() - started;
    if (timeout && waited >= timeout->count()) return Settled::kTimeout;
    bell_.wait(bell, timeout ? std::min(kLongestSleep, Milliseconds{timeout->count() - waited})
                             : kLongestSleep);
  }
}

}  // namespace spoolmq
