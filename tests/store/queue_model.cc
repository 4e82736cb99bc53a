#include "tests/store/queue_model.h"

#include <algorithm>
#include <utility>

namespace spoolmq::test {

void Model::add(Modelled one) {
  one.order = next_++;
  ++totals.sent;
  messages.push_back(std::move(one));
}

Modelled* Model::find(const MessageId& id) {
  const auto found =
      std::find_if(messages.begin(), messages.end(), [&](const auto& one) { return one.id == id; });
  return found == messages.end() ? nullptr : &*found;
}

void Model::erase(const MessageId& id) {
  std::erase_if(messages, [&](const Modelled& one) { return one.id == id; });
}

bool Model::is_behind(const Modelled& one) const {
  if (one.key.empty()) return false;
  return std::any_of(messages.begin(), messages.end(), [&](const Modelled& other) {
    return other.key == one.key && other.is_live() && other.order < one.order;
  });
}

std::vector<Modelled*> Model::ready() {
  std::vector<Modelled*> all;
  for (Modelled& one : messages) {
    if (one.state == State::kReady && !is_behind(one)) all.push_back(&one);
  }
  std::sort(all.begin(), all.end(), [](const Modelled* a, const Modelled* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->order < b->order;
  });
  return all;
}

std::optional<MessageId> Model::known_key(const std::string& key, std::int64_t wall) const {
  const auto found = keys_.find(key);
  if (found == keys_.end() || found->second.until <= wall) return std::nullopt;
  return found->second.id;
}

void Model::remember_key(const std::string& key, const MessageId& id, std::int64_t wall) {
  keys_[key] = {id, wall + limits_.dedupe_ms};
}

void Model::forget_key(const Modelled& one) {
  const auto found = keys_.find(one.dedupe_key);
  if (found != keys_.end() && found->second.id == one.id) keys_.erase(found);
}

void Model::forget_keys_of_the_gone() {
  std::erase_if(keys_, [&](const auto& key) { return find(key.second.id) == nullptr; });
}

void Model::move_due(std::int64_t wall, std::int64_t boot) {
  for (Modelled& one : messages) {
    if (one.state == State::kDelayed && one.due <= wall) one.state = State::kReady;
    if (one.state == State::kLeased && one.due <= boot) fail(one, 0, wall);
  }
  for (Modelled& one : messages) {
    const bool waits = one.state == State::kReady || one.state == State::kDelayed;
    if (waits && one.expires != 0 && one.expires <= wall) die(one);
  }
}

void Model::fail(Modelled& one, std::int64_t delay, std::int64_t wall) {
  one.receipt.reset();
  one.counters.failures += 1;
  totals.failures += 1;
  if (one.counters.failures >= limits_.max_failures) return die(one);
  one.state = delay > 0 ? State::kDelayed : State::kReady;
  one.due = wall + delay;
}

void Model::die(Modelled& one) {
  one.receipt.reset();
  one.state = State::kDead;
  totals.dead += 1;
}

void Model::hold(Modelled& one) {
  if (!one.is_live()) one.order = next_++;
  one.state = State::kHeld;
}

void Model::requeue(Modelled& one) {
  one.order = next_++;
  one.state = State::kReady;
  one.counters.failures = 0;
  one.counters.redrives += 1;
  one.expires = 0;
}

void Model::start_new_boot(std::int64_t wall, std::int64_t boot) {
  for (Modelled& one : messages) {
    if (one.state != State::kLeased) continue;
    const std::int64_t left = std::clamp<std::int64_t>(one.lease_wall - wall, 0, limits_.lease_ms);
    if (left == 0) {
      fail(one, 0, wall);
    } else {
      one.due = boot + left;
    }
  }
}

}  // namespace spoolmq::test
