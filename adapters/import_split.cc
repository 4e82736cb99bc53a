#include "adapters/import_split.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "spoolmq/error.h"
#include "watcher/readiness.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kBatchRecords = 256;
constexpr std::size_t kBatchBytes = 4 << 20;
constexpr std::size_t kTimeBytes = 6;    // RFC 9562 section 5.7: unix_ts_ms
constexpr std::size_t kVersionByte = 6;  // its high half
constexpr std::size_t kVariantByte = 8;  // its two high bits
constexpr std::size_t kShardByte = 15;

class SplitSending {
 public:
  using Refused = std::function<void(const std::string& what, const Error& why)>;
  SplitSending(Queue& queue, ImportEntry& entry, const ImportSettings& settings,
               ImportRefusals& refusals, const Refused& refused)
      : queue_(queue), file_(entry), settings_(settings), refusals_(refusals), refused_(refused) {}

  SplitSent run() {
    try {
      return read();
    } catch (const Error& error) {
      if (!unreadable_) throw;
      log_unreadable(file_.claim.name, error);
      file_.outcome = SendOutcome::kUnreadable;
      return std::move(sent_);
    }
  }

 private:
  SplitSent read() {
    std::uint64_t offset = 0;
    const auto splitter = make_splitter(settings_.split, [&](std::span<char> into) {
      unreadable_ = true;  // unless it returns
      const std::size_t got = file_.large->read_at(std::as_writable_bytes(into), offset);
      unreadable_ = false;
      offset += got;
      return got;
    });
    while (auto record = splitter->next()) {
      if (record->number <= file_.claim.records) continue;
      if (record->bad) {
        refuse(*record, {ErrorCode::kBadData, "split", file_.claim.name, *record->bad});
      } else {
        add(std::move(*record));
      }
      if (batch_.size() == kBatchRecords || batch_bytes_ >= kBatchBytes) flush();
      if (sent_.stopped) return std::move(sent_);
    }
    flush();
    if (sent_.stopped) return std::move(sent_);
    const bool changed = identity_of(file_.large->status()) != file_.claim.file;
    file_.outcome = changed ? SendOutcome::kChanged : SendOutcome::kSent;
    return std::move(sent_);
  }

  void add(SplitRecord record) {
    ImportEntry entry;
    entry.claim.id = record_id(file_.claim.id, record.number);
    entry.claim.name = file_.claim.name;
    entry.message = file_.message;
    entry.message.headers.emplace_back("record", std::to_string(record.number));
    entry.message.body = std::move(record.body);
    batch_bytes_ += entry.message.body.size();
    batch_.push_back(std::move(entry));
    records_.push_back(std::move(record));
  }

  void flush() {
    sent_.stopped = send_entries(queue_, batch_, settings_);
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      if (batch_[i].outcome != SendOutcome::kNotTried) sent_.settled = records_[i].number;
      if (batch_[i].outcome == SendOutcome::kSent) {
        ++sent_.records;
        if (!sent_.first) sent_.first = batch_[i].claim.id;
      }
      if (batch_[i].outcome != SendOutcome::kRefused) continue;
      records_[i].body = std::move(batch_[i].message.body);
      refuse(records_[i], *batch_[i].refusal);
    }
    batch_.clear();
    records_.clear();
    batch_bytes_ = 0;
  }

  void refuse(const SplitRecord& record, const Error& why) {
    ++sent_.refused;
    if (refused_) {
      refused_(file_.claim.name + ", record " + std::to_string(record.number) + ", line " +
                   std::to_string(record.line),
               why);
    }
    refusals_.put_record(file_.claim.name, record, why.why());
  }

  Queue& queue_;
  ImportEntry& file_;
  const ImportSettings& settings_;
  ImportRefusals& refusals_;
  const Refused& refused_;

  std::vector<ImportEntry> batch_;
  std::vector<SplitRecord> records_;  // of batch_, without bodies
  std::size_t batch_bytes_ = 0;
  bool unreadable_ = false;
  SplitSent sent_;
};

}  // namespace

MessageId record_id(const MessageId& file, std::uint64_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes = file.bytes();
  const std::uint64_t hash = XXH3_64bits_withSeed(bytes.data(), bytes.size(), number);
  std::uint8_t mixed[sizeof hash];
  std::memcpy(mixed, &hash, sizeof hash);
  std::size_t next = 0;
  for (std::size_t at = kTimeBytes + 1; at < kShardByte; ++at) {
    if (at == kVariantByte) {
      bytes[at] = static_cast<std::uint8_t>(0x80 | (mixed[next++] & 0x3f));
    } else if (next < sizeof mixed) {
      bytes[at] = mixed[next++];
    }
  }
  bytes[kVersionByte] = static_cast<std::uint8_t>(0x70 | (bytes[kVersionByte] & 0x0f));
  return MessageId(bytes);
}

SplitSent send_split(
    Queue& queue, ImportEntry& entry, const ImportSettings& settings, ImportRefusals& refusals,
    const std::function<void(const std::string& what, const Error& why)>& refused) {
  const watcher::ReadLease lease(*entry.large);  // writers wait while we read, where it is granted
  if (lease.writers() == watcher::Writers::kSome ||
      identity_of(entry.large->status()) != entry.claim.file) {
    entry.outcome = SendOutcome::kChanged;
    return {};
  }
  return SplitSending(queue, entry, settings, refusals, refused).run();
}

}  // namespace spoolmq::adapters
