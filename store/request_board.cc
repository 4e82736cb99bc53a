#include "store/request_board.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>

#include "core/futex.h"
#include "core/record_codec.h"

namespace spoolmq {
namespace {

// The futex of a place: whose it is, and where it stands.
enum Phase : std::uint32_t {
  kFree,
  kFilling,
  kPosted,
  kTaken,
  kAnswered,
  kDeclined,
  kLeft,
};
constexpr std::uint32_t kPhaseBits = 3;

constexpr std::uint32_t state_of(std::uint32_t slot, Phase phase) {
  return slot << kPhaseBits | phase;
}
constexpr Phase phase_of(std::uint32_t state) {
  return static_cast<Phase>(state & ((1U << kPhaseBits) - 1));
}
constexpr std::uint32_t slot_of(std::uint32_t state) { return state >> kPhaseBits; }
bool is_open(std::uint32_t state) {
  return phase_of(state) == kPosted || phase_of(state) == kTaken;
}

// Against a holder of byte 0 that was killed, or is of a version that knows of no board.
constexpr std::chrono::milliseconds kLongestSleep{2};

// Words of a place, of 8 bytes each. Behind the state: the request, then the answer, whose id and
// generation stand where the request's id and its last word do.
constexpr std::size_t kKindAt = 1;
constexpr std::size_t kIncarnationAt = 2;
constexpr std::size_t kTokenAt = 3;
constexpr std::size_t kIdAt = 4;
constexpr std::size_t kLeaseAt = 6;
constexpr std::size_t kGenerationAt = 7;
constexpr std::size_t kNextTokenAt = kGenerationAt;
constexpr std::size_t kOutcomeAt = 8;  // with the kind of file from bit 8 on, and flags from bit 32
constexpr std::size_t kCountersAt = 9;
constexpr std::size_t kFileAt = 12;
constexpr std::size_t kOffsetAt = 14;
constexpr std::size_t kLengthAt = 15;
static_assert((kLengthAt + 1) * sizeof(std::uint64_t) == RequestBoard::kPlaceBytes);

constexpr std::int64_t kLongestLeaseMs = std::int64_t{366} * 24 * 3600 * 1000;
constexpr std::int64_t kMostCounted = std::int64_t{1} << 62;

std::uint64_t load(std::uint64_t& word) {
  return std::atomic_ref(word).load(std::memory_order_relaxed);
}
void store(std::uint64_t& word, std::uint64_t value) {
  std::atomic_ref(word).store(value, std::memory_order_relaxed);
}

MessageId load_id(std::uint64_t& first, std::uint64_t& second) {
  const std::array<std::uint64_t, 2> words{load(first), load(second)};
  std::array<std::uint8_t, MessageId::kBytes> bytes;
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return MessageId(bytes);
}
void store_id(std::uint64_t& first, std::uint64_t& second, const MessageId& id) {
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), id.bytes().data(), sizeof words);
  store(first, words[0]);
  store(second, words[1]);
}

std::int64_t counted(std::uint64_t word) {
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(word), 0, kMostCounted);
}

}  // namespace

// ---- What stands in a place

void RequestBoard::write(std::size_t place, const Request& request) {
  store(word(place, kKindAt), static_cast<std::uint64_t>(request.kind));
  store(word(place, kIncarnationAt), request.incarnation);
  store(word(place, kTokenAt), request.token);
  store_id(word(place, kIdAt), word(place, kIdAt + 1), request.id);
  store(word(place, kLeaseAt), static_cast<std::uint64_t>(request.lease_ms));
  store(word(place, kNextTokenAt), request.next_token);
}

// nullopt: no request there is.
std::optional<RequestBoard::Request> RequestBoard::read_request(std::size_t place) {
  const std::uint64_t kind = load(word(place, kKindAt));
  if (kind < static_cast<std::uint64_t>(Kind::kClaim) ||
      kind > static_cast<std::uint64_t>(Kind::kBoth)) {
    return std::nullopt;
  }
  Request request;
  request.kind = static_cast<Kind>(kind);
  request.incarnation = load(word(place, kIncarnationAt));
  request.token = load(word(place, kTokenAt));
  request.id = load_id(word(place, kIdAt), word(place, kIdAt + 1));
  request.lease_ms = std::min(counted(load(word(place, kLeaseAt))), kLongestLeaseMs);
  request.next_token = load(word(place, kNextTokenAt));
  return request;
}

void RequestBoard::write(std::size_t place, const Answer& answer) {
  store(word(place, kGenerationAt), answer.generation);
  store(word(place, kOutcomeAt), static_cast<std::uint64_t>(answer.outcome) |
                                     static_cast<std::uint64_t>(answer.at.kind) << 8 |
                                     std::uint64_t{answer.flags} << 32);
  store_id(word(place, kIdAt), word(place, kIdAt + 1), answer.id);
  store(word(place, kCountersAt), static_cast<std::uint64_t>(answer.counters.deliveries));
  store(word(place, kCountersAt + 1), static_cast<std::uint64_t>(answer.counters.failures));
  store(word(place, kCountersAt + 2), static_cast<std::uint64_t>(answer.counters.redrives));
  store_id(word(place, kFileAt), word(place, kFileAt + 1), answer.at.file);
  store(word(place, kOffsetAt), answer.at.offset);
  store(word(place, kLengthAt), answer.at.length);
}

// nullopt: no answer there is.
std::optional<RequestBoard::Answer> RequestBoard::read_answer(std::size_t place) {
  const std::uint64_t packed = load(word(place, kOutcomeAt));
  const auto outcome = static_cast<std::uint8_t>(packed);
  const auto kind = static_cast<std::uint8_t>(packed >> 8);
  if (outcome > static_cast<std::uint8_t>(LeaseOutcome::kLost) ||
      kind > static_cast<std::uint8_t>(names::SpoolKind::kBinary) ||
      load(word(place, kLengthAt)) > record::kMaxRecordBytes) {
    return std::nullopt;
  }
  Answer answer;
  answer.generation = load(word(place, kGenerationAt));
  answer.outcome = static_cast<LeaseOutcome>(outcome);
  answer.flags = static_cast<std::uint32_t>(packed >> 32);
  answer.id = load_id(word(place, kIdAt), word(place, kIdAt + 1));
  answer.counters = {counted(load(word(place, kCountersAt))),
                     counted(load(word(place, kCountersAt + 1))),
                     counted(load(word(place, kCountersAt + 2)))};
  answer.at = {load_id(word(place, kFileAt), word(place, kFileAt + 1)),
               static_cast<names::SpoolKind>(kind), load(word(place, kOffsetAt)),
               load(word(place, kLengthAt))};
  return answer;
}

// ---- Asking

bool RequestBoard::Post::put_up() {
  const std::size_t places = board_.places();
  for (std::size_t i = 0; i < places; ++i) {
    const std::size_t place = (request_.slot + i) % places;
    const std::atomic_ref<std::uint32_t> state(board_.state(place));
    std::uint32_t free = kFree;
    if (!state.compare_exchange_strong(free, state_of(request_.slot, kFilling))) continue;
    board_.write(place, request_);
    state.store(state_of(request_.slot, kPosted));
    place_ = place;
    return true;
  }
  return false;
}

bool RequestBoard::Post::wait(std::chrono::microseconds pause) {
  // Put up, it is not slept on at once: byte 0 may have become free before anybody saw it.
  if (!place_ && !declined_ && put_up()) return false;
  if (!place_) {
    std::this_thread::sleep_for(pause);
    return false;
  }
  const std::atomic_ref<std::uint32_t> state(board_.state(*place_));
  if (const std::uint32_t now = state.load(); is_open(now)) {
    wait_futex(board_.state(*place_), now, kLongestSleep);
  }
  if (!is_open(state.load())) take_back();
  return answer_.has_value();
}

bool RequestBoard::Post::end() {
  take_back();
  return answer_.has_value();
}

void RequestBoard::Post::take_back() {
  if (!place_) return;
  const std::size_t place = *std::exchange(place_, std::nullopt);
  const std::atomic_ref<std::uint32_t> state(board_.state(place));
  std::uint32_t now = state.load();
  while (slot_of(now) == request_.slot) {
    switch (phase_of(now)) {
      case kPosted:
        if (state.compare_exchange_weak(now, kFree)) return;
        continue;
      case kTaken:
        if (!state.compare_exchange_weak(now, state_of(request_.slot, kLeft))) continue;
        unknown_ = true;
        return;
      case kAnswered:
        answer_ = board_.read_answer(place);
        state.store(kFree);
        unknown_ = !answer_;
        return;
      case kDeclined:
        state.store(kFree);
        declined_ = true;
        return;
      case kFree:
      case kFilling:
      case kLeft:
        break;
    }
    break;
  }
  unknown_ = true;  // not what we left there
  return;
}

// ---- Answering

std::span<RequestBoard::Batch::Taken> RequestBoard::Batch::take() {
  for (std::size_t place = 0; place < board_.places(); ++place) {
    const std::atomic_ref<std::uint32_t> state(board_.state(place));
    std::uint32_t now = state.load();
    if (phase_of(now) == kLeft) {  // by one whose taker was killed
      state.compare_exchange_strong(now, kFree);
      continue;
    }
    const std::uint32_t slot = slot_of(now);
    if (phase_of(now) != kPosted || !state.compare_exchange_strong(now, state_of(slot, kTaken))) {
      continue;
    }
    std::optional<Request> request = board_.read_request(place);
    if (request) {
      request->slot = slot;
      taken_.push_back({place, *request, {}});
    } else {
      state.store(kFree);
    }
  }
  return taken_;
}

void RequestBoard::Batch::tell(std::uint64_t generation) {
  for (Taken& one : taken_) {
    if (one.answer) {
      one.answer->generation = generation;
      board_.write(one.place, *one.answer);
    }
    const std::atomic_ref<std::uint32_t> state(board_.state(one.place));
    std::uint32_t now = state_of(one.request.slot, kTaken);
    if (state.compare_exchange_strong(
            now, state_of(one.request.slot, one.answer ? kAnswered : kDeclined))) {
      board_.told_.push_back(one.place);
    } else if (phase_of(now) == kLeft) {
      state.store(kFree);
    }
  }
  taken_.clear();
}

RequestBoard::Batch::~Batch() {
  for (const Taken& one : taken_) {
    const std::atomic_ref<std::uint32_t> state(board_.state(one.place));
    std::uint32_t now = state_of(one.request.slot, kTaken);
    if (state.compare_exchange_strong(now, state_of(one.request.slot, kPosted))) continue;
    if (phase_of(now) == kLeft) state.store(kFree);
  }
}

void RequestBoard::wake() {
  for (const std::size_t place : told_) wake_futex(state(place), 1);
  told_.clear();
  for (std::size_t place = 0; place < places(); ++place) {
    if (phase_of(std::atomic_ref(state(place)).load()) != kPosted) continue;
    if (wake_futex(state(place), 1) > 0)
      return;  // else it does not sleep yet, or its owner is dead
  }
}

void RequestBoard::forget(std::uint32_t slot) {
  for (std::size_t place = 0; place < places(); ++place) {
    const std::atomic_ref<std::uint32_t> state(this->state(place));
    std::uint32_t now = state.load();
    if (phase_of(now) != kFree && slot_of(now) == slot) state.compare_exchange_strong(now, kFree);
  }
}

}  // namespace spoolmq
