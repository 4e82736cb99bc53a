// verdicts.log: raw bytes are read within themselves, and only what can be a verdict is believed;
// a batch that was appended to whatever stood there is read as it was written, whole entries before
// a torn one stay, and compacting changes nothing of what is known.

#include <algorithm>

#include "core/checksum.h"
#include "store/verdicts.h"
#include "tests/fuzz/target.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::fuzz {
namespace {

bool is_verdict(RowState state) {
  return state == RowState::kReady || state == RowState::kHeld || state == RowState::kDead ||
         state == RowState::kArchived;
}

void check_believable(const Verdicts::Known& known, std::uint64_t size) {
  SPOOLMQ_CHECK(known.valid_bytes <= size);
  for (const auto& [file, ranges] : known.acked) {
    SPOOLMQ_CHECK(!ranges.empty());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      SPOOLMQ_CHECK(ranges[i].begin < ranges[i].end);
      if (i > 0) SPOOLMQ_CHECK(ranges[i - 1].end < ranges[i].begin);
      SPOOLMQ_CHECK(known.is_acked(file, ranges[i].begin));
      SPOOLMQ_CHECK(!known.is_acked(file, ranges[i].end));
    }
  }
  for (const auto& [id, verdict] : known.messages) SPOOLMQ_CHECK(is_verdict(verdict.state));
}

bool is_equal(const Verdicts::OfMessage& a, const Verdicts::OfMessage& b) {
  return a.state == b.state && a.due_ms == b.due_ms && a.reason == b.reason &&
         a.counters.deliveries == b.counters.deliveries &&
         a.counters.failures == b.counters.failures && a.counters.redrives == b.counters.redrives;
}

bool is_equal(const Verdicts::Known& a, const Verdicts::Known& b) {
  if (a.acked != b.acked || a.generation != b.generation || a.transaction != b.transaction ||
      a.messages.size() != b.messages.size()) {
    return false;
  }
  return std::ranges::all_of(a.messages, [&](const auto& one) {
    const auto other = b.messages.find(one.first);
    return other != b.messages.end() && is_equal(one.second, other->second);
  });
}

MessageId id_of(std::uint8_t number) {
  return MessageId(std::array<std::uint8_t, 16>{7, 7, 7, 7, 7, 7, 0x70, number, 0x80});
}

Verdicts::Batch batch_of(Choices& choices) {
  constexpr RowState kStates[] = {RowState::kReady, RowState::kHeld, RowState::kDead,
                                  RowState::kArchived};
  Verdicts::Batch batch;
  for (int i = 0; i < 4; ++i) {
    const MessageId id = id_of(choices.below(3));
    switch (choices.below(4)) {
      case 0: {
        const std::uint64_t begin = choices.below(255);
        batch.acked(id, {{begin, begin + 1 + choices.below(100)}, {1000, 1064}});
        break;
      }
      case 1:
        batch.message(id, {kStates[choices.below(4)], choices.below(255) - 100,
                           Counters{choices.below(255), 1, 2},
                           std::string(choices.rest().substr(0, choices.below(100)))});
        break;
      case 2:
        batch.mark(choices.below(255), choices.below(255));
        break;
      default:
        break;
    }
  }
  return batch;
}

// Entries that verify, of whatever payload.
std::string sealed_log(Choices& choices) {
  std::string log;
  for (int i = 0; i < 3; ++i) {
    const std::size_t begin = log.size();
    const std::string_view payload = choices.rest().substr(0, choices.below(80));
    const std::uint32_t head[] = {static_cast<std::uint32_t>(1 + choices.below(4)),
                                  static_cast<std::uint32_t>(payload.size())};
    log.append(reinterpret_cast<const char*>(head), sizeof head).append(payload);
    const std::uint64_t sum = checksum(as_bytes(log).subspan(begin), begin + 1);
    log.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  }
  return log;
}

void check_log(std::string_view before, Choices& choices) {
  test::MemoryFileSystem disk;
  QueueDir dir(disk.root(), Settings{});
  if (!before.empty()) {
    dir.dir().create(names::kVerdicts, 0600, IfExists::kFail)->write_at(as_bytes(before), 0);
  }
  Verdicts verdicts(dir);
  const Verdicts::Known raw = verdicts.load();
  check_believable(raw, before.size());

  const Verdicts::Batch first = batch_of(choices);
  if (!first.empty()) verdicts.append(first);
  const std::uint64_t whole = verdicts.size();
  const Verdicts::Known one = verdicts.load();
  check_believable(one, whole);
  if (!first.empty()) SPOOLMQ_CHECK(one.valid_bytes == whole && one.entries > raw.entries);

  // Torn while another batch is written: the first one stays, and the next one is read.
  const Verdicts::Batch second = batch_of(choices);
  if (first.empty() || second.empty()) return;
  verdicts.append(second);
  const Verdicts::Known both = verdicts.load();
  const std::uint64_t torn = whole + choices.below(255) % (verdicts.size() - whole);
  dir.dir().open(names::kVerdicts, Access::kReadWrite)->truncate(torn);
  SPOOLMQ_CHECK(verdicts.load().entries >= one.entries);
  Verdicts(dir).append(second);
  SPOOLMQ_CHECK(is_equal(verdicts.load(), both));
  verdicts.compact([](const MessageId&) { return true; }, [](const MessageId&) { return true; });
  SPOOLMQ_CHECK(is_equal(verdicts.load(), both));
}

}  // namespace

void verdicts(std::string_view input) {
  Choices choices(input);
  switch (choices.below(3)) {
    case 0:
      return check_log("", choices);
    case 1:
      return check_log(input, choices);
    default:
      return check_log(sealed_log(choices), choices);
  }
}

}  // namespace spoolmq::fuzz
