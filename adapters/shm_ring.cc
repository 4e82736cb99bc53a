#include "adapters/shm_ring.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "core/check.h"

namespace spoolmq::adapters {
namespace {

// Words, one by one and atomically: others may write them meanwhile.
template <typename Word>
std::atomic_ref<Word> word(std::span<std::byte> bytes, std::uint64_t place) {
  SPOOLMQ_CHECK(place % sizeof(Word) == 0 && place + sizeof(Word) <= bytes.size());
  return std::atomic_ref(*reinterpret_cast<Word*>(bytes.data() + place));
}

void copy_out(std::span<std::byte> bytes, std::uint64_t place, char* to, std::size_t size) {
  for (std::size_t done = 0; done < size; done += sizeof(std::uint64_t)) {
    const std::uint64_t value =
        word<std::uint64_t>(bytes, place + done).load(std::memory_order_relaxed);
    std::memcpy(to + done, &value, std::min(sizeof value, size - done));
  }
}

void copy_in(std::span<std::byte> bytes, std::uint64_t place, const char* from, std::size_t size) {
  for (std::size_t done = 0; done < size; done += sizeof(std::uint64_t)) {
    std::uint64_t value = 0;
    std::memcpy(&value, from + done, std::min(sizeof value, size - done));
    word<std::uint64_t>(bytes, place + done).store(value, std::memory_order_relaxed);
  }
}

}  // namespace

std::optional<ShmRing::Counts> ShmRing::counts() const {
  Counts counts;
  counts.freed = word<std::uint64_t>(bytes_, shm::at::kFreed).load(std::memory_order_acquire);
  counts.put = word<std::uint64_t>(bytes_, shm::at::kPut).load(std::memory_order_acquire);
  if (counts.put < counts.freed || counts.waiting() > shape_.entries) return std::nullopt;
  return counts;
}

ShmEntry ShmRing::read(std::uint64_t number) const {
  const std::uint64_t place = shape_.place_of(number);
  ShmEntry entry;
  entry.number = number;
  const auto stated =
      word<std::uint64_t>(bytes_, place + shm::entry_at::kNumber).load(std::memory_order_relaxed);
  const auto length =
      word<std::uint32_t>(bytes_, place + shm::entry_at::kLength).load(std::memory_order_relaxed);
  const auto priority =
      word<std::uint32_t>(bytes_, place + shm::entry_at::kPriority).load(std::memory_order_relaxed);
  if (stated != number + 1) {
    entry.why = "the entry's number is another one's";
  } else if (length > shape_.most_body_bytes()) {
    entry.why = "the entry states a length of " + std::to_string(length) + " bytes, more than " +
                std::to_string(shape_.most_body_bytes());
  } else if (priority > kMaxPriority) {
    entry.why = "the entry states a priority of " + std::to_string(priority);
  } else {
    entry.priority = static_cast<std::uint16_t>(priority);
    entry.id = id(number);
    entry.body.resize(length);
    copy_out(bytes_, place + shm::kEntryHeaderBytes, entry.body.data(), length);
  }
  return entry;
}

MessageId ShmRing::id(std::uint64_t number) const {
  std::array<std::uint8_t, MessageId::kBytes> id{};
  copy_out(bytes_, shape_.place_of(number) + shm::entry_at::kId, reinterpret_cast<char*>(id.data()),
           id.size());
  return MessageId(id);
}

std::uint32_t ShmRing::verdict(std::uint64_t number) const {
  return word<std::uint32_t>(bytes_, shape_.place_of(number) + shm::entry_at::kVerdict)
      .load(std::memory_order_relaxed);
}

void ShmRing::set_verdict(std::uint64_t number, std::uint32_t verdict) const {
  word<std::uint32_t>(bytes_, shape_.place_of(number) + shm::entry_at::kVerdict)
      .store(verdict, std::memory_order_relaxed);
}

void ShmRing::free_up_to(std::uint64_t freed) const {
  word<std::uint64_t>(bytes_, shm::at::kFreed).store(freed, std::memory_order_release);
}

void ShmRing::write(std::uint64_t number, std::string_view body, std::uint16_t priority,
                    const MessageId& id) const {
  SPOOLMQ_CHECK(body.size() <= shape_.most_body_bytes());
  const std::uint64_t place = shape_.place_of(number);
  const auto length = static_cast<std::uint32_t>(body.size());
  word<std::uint32_t>(bytes_, place + shm::entry_at::kLength)
      .store(length, std::memory_order_relaxed);
  word<std::uint32_t>(bytes_, place + shm::entry_at::kPriority)
      .store(priority, std::memory_order_relaxed);
  copy_in(bytes_, place + shm::entry_at::kId, reinterpret_cast<const char*>(id.bytes().data()),
          id.bytes().size());
  for (std::uint64_t at = shm::entry_at::kVerdict; at < shm::kEntryHeaderBytes; at += 8) {
    word<std::uint64_t>(bytes_, place + at).store(0, std::memory_order_relaxed);
  }
  copy_in(bytes_, place + shm::kEntryHeaderBytes, body.data(), body.size());
  word<std::uint64_t>(bytes_, place + shm::entry_at::kNumber)
      .store(number + 1, std::memory_order_release);
}

void ShmRing::put_up_to(std::uint64_t put) const {
  word<std::uint64_t>(bytes_, shm::at::kPut).store(put, std::memory_order_release);
}

}  // namespace spoolmq::adapters
