#include "store/intent.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/bytes.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/id_source.h"
#include "core/record_codec.h"
#include "core/text.h"
#include "store/ownership.h"
#include "store/spool_scan.h"

namespace spoolmq {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRoutePrefix = "route-";
constexpr std::size_t kHex16 = 16;
constexpr std::string_view kFooterMagic = "SPQINTE1";
constexpr std::size_t kFooterBytes = 32;
// Every name at its longest, and as many receipts as one may hold.
constexpr std::size_t kLongestJson = 16 << 20;
constexpr std::size_t kLongestRoute = kMaxTransactionSends * (names::kMaxQueueNameBytes + 1);
constexpr std::uint32_t kFileBits = 0660;  // of the root's

// ---- What stands behind the records: JSON, then {magic, offset and bytes of it, checksum of it}.

std::string describe(const Work& work, const MessageId& file) {
  Json json{{"act", "transaction"}, {"file", file.text()}, {"messages", work.messages.size()}};
  for (const Work::Sends& one : work.sends) {
    Json sends{{"queue", one.queue}, {"messages", one.messages}};
    if (one.options.format) {
      sends["format"] = *one.options.format == Format::kXml ? "xml" : "binary";
    }
    if (one.options.durability) {
      sends["durability"] = *one.options.durability == Durability::kOs ? "os" : "sync";
    }
    if (one.options.id_memory == IdMemory::kDurable) sends["id_memory"] = "durable";
    json["sends"].push_back(std::move(sends));
  }
  for (const Work::Acks& one : work.acks) {
    Json acks{{"queue", one.queue}};
    for (const Receipt& receipt : one.receipts) acks["receipts"].push_back(receipt.text());
    json["acks"].push_back(std::move(acks));
  }
  return json.dump();
}

SendOptions options_of(const nlohmann::json& sends) {
  SendOptions options;
  const std::string format = sends.value("format", "");
  if (!format.empty()) options.format = format == "xml" ? Format::kXml : Format::kBinary;
  const std::string durability = sends.value("durability", "");
  if (!durability.empty()) {
    options.durability = durability == "os" ? Durability::kOs : Durability::kSync;
  }
  if (sends.value("id_memory", "") == "durable") options.id_memory = IdMemory::kDurable;
  return options;
}

// Its checksum was right, so what is wrong with it is a version that we do not know.
std::optional<Work> parse_description(const nlohmann::json& json, std::vector<Message> messages) {
  Work work;
  work.messages = std::move(messages);
  if (json.value("messages", std::size_t{0}) != work.messages.size()) return std::nullopt;
  for (const auto& one : json.value("sends", nlohmann::json::array())) {
    Work::Sends sends{one.value("queue", ""), options_of(one), {}};
    for (const auto& index : one.at("messages")) {
      sends.messages.push_back(index.get<std::size_t>());
      if (sends.messages.back() >= work.messages.size()) return std::nullopt;
    }
    work.sends.push_back(std::move(sends));
  }
  for (const auto& one : json.value("acks", nlohmann::json::array())) {
    Work::Acks acks{one.value("queue", ""), {}};
    for (const auto& text : one.at("receipts")) {
      const auto receipt = Receipt::parse(text.get<std::string>());
      if (!receipt) return std::nullopt;
      acks.receipts.push_back(*receipt);
    }
    work.acks.push_back(std::move(acks));
  }
  return work;
}

std::vector<std::byte> encode_work(const Work& work, const MessageId& file) {
  std::vector<std::byte> bytes(record::kFileHeaderBytes + record::kGroupHeaderBytes);
  record::encode_file_header({file, random_bits(), 0, record::FileUse::kSegment}, bytes);
  for (const Message& one : work.messages) record::encode(one, 0, file, bytes.size(), bytes);
  const std::uint64_t records = bytes.size() - record::kFileHeaderBytes - record::kGroupHeaderBytes;
  record::encode_group_header(
      {1, static_cast<std::uint32_t>(work.messages.size()), records}, file,
      record::kFileHeaderBytes,
      std::span(bytes).subspan(record::kFileHeaderBytes, record::kGroupHeaderBytes));
  const std::string text = describe(work, file);
  const std::uint64_t begin = bytes.size();
  const auto encoded = as_bytes(text);
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  std::array<std::byte, kFooterBytes> footer{};
  std::memcpy(footer.data(), kFooterMagic.data(), kFooterMagic.size());
  store_le<std::uint64_t>(footer, 8, begin);
  store_le<std::uint64_t>(footer, 16, text.size());
  store_le<std::uint64_t>(footer, 24, checksum(encoded, begin + 1));
  bytes.insert(bytes.end(), footer.begin(), footer.end());
  return bytes;
}

// ---- Routes

std::string route_name(std::uint64_t route) { return std::string(kRoutePrefix) + hex16(route); }

// The file without a name, or with one that nobody takes for an intent's.
struct Unnamed {
  std::unique_ptr<File> file;
  std::string temporary;
};

Unnamed make_unnamed(TopicsDir& topics) {
  Dir& dir = topics.dir();
  const FileStatus status = dir.status();
  const std::uint32_t mode = (status.mode & kFileBits) | 0600;
  while (true) {
    Unnamed made{dir.create_unnamed(mode), {}};
    if (!made.file) {
      made.temporary = std::string(kNewPrefix) + hex16(random_bits());
      made.file = dir.create(made.temporary, mode, IfExists::kFail);
    }
    give_owner(*made.file, status);
    const bool is_ours = made.file->try_lock(0, 1, LockKind::kExclusive);
    // Before it was locked, whoever opens the root may have removed it as a dead one's.
    if (made.temporary.empty() || (is_ours && made.file->status().links != 0)) return made;
  }
}

bool give_name(TopicsDir& topics, Unnamed& made, const std::string& name) {
  if (made.temporary.empty()) return topics.dir().link_unnamed(*made.file, name);
  return topics.dir().rename_new(made.temporary, topics.dir(), name);
}

// There on return, and durable with the next sync of the directory.
std::uint64_t make_route(TopicsDir& topics, const std::vector<std::string>& queues) {
  std::string text;
  for (const std::string& one : queues) text += one + "\n";
  const std::uint64_t route = checksum(as_bytes(text));
  const std::string name = route_name(route);
  if (topics.dir().status(name)) return route;
  Unnamed made = make_unnamed(topics);
  made.file->write_at(as_bytes(text), 0);
  made.file->sync_data();
  if (!give_name(topics, made, name) && !made.temporary.empty()) {
    topics.dir().unlink(made.temporary);  // somebody was faster
  }
  return route;
}

}  // namespace

Intent Intent::of_work(TopicsDir& topics, const Work& work, const MessageId& file) {
  return of_bytes(topics, encode_work(work, file));
}

Intent Intent::of_move(TopicsDir& topics, std::string_view from, std::string_view to,
                       std::span<const MessageId> ids) {
  Json json{{"act", "move"}, {"from", from}, {"to", to}};
  for (const MessageId& id : ids) json["ids"].push_back(id.text());
  return of_bytes(topics, as_bytes(json.dump()));
}

Intent Intent::of_bytes(TopicsDir& topics, std::span<const std::byte> bytes) {
  std::unique_ptr<File> under_way = topics.take_lock(TopicsDir::Byte::kIntents, LockKind::kShared);
  Unnamed made = make_unnamed(topics);
  made.file->write_at(bytes, 0);
  made.file->sync_data();
  const std::string name = std::string(kIntentPrefix) + hex16(random_bits());
  if (!give_name(topics, made, name)) {
    throw Error(ErrorCode::kIo, "create", name, "the name is taken");
  }
  Intent intent(topics, name, std::move(made.file), std::move(under_way));
  intent.publish();
  return intent;
}

Intent Intent::of_message(TopicsDir& topics, const std::vector<std::string>& queues,
                          QueueImpl::Draft draft) {
  std::unique_ptr<File> under_way = topics.take_lock(TopicsDir::Byte::kIntents, LockKind::kShared);
  std::unique_ptr<File> in_use = topics.take_lock(TopicsDir::Byte::kRoutes, LockKind::kShared);
  const std::uint64_t route = make_route(topics, queues);
  SPOOLMQ_CHECK(draft.file->file().try_lock(0, 1, LockKind::kExclusive));
  const std::string name = std::string(kIntentPrefix) + hex16(route) + "-" +
                           names::spool_file(draft.at.file, draft.at.kind);
  if (!draft.file->link_in(topics.dir(), name)) {
    throw Error(ErrorCode::kIo, "create", name, "the name is taken");
  }
  Intent intent(topics, name, draft.file->release(), std::move(under_way));
  intent.route_ = std::move(in_use);
  intent.publish();
  return intent;
}

void Intent::publish() {
  try {
    topics_.dir().sync();
  } catch (const Error& error) {
    // Nothing of it has begun. Only a power cut could bring it back.
    topics_.dir().unlink(name_);
    throw Error(ErrorCode::kIo, "commit", topics_.dir().path() + "/" + name_, error.why());
  }
}

void Intent::done() {
  topics_.dir().unlink(name_);
  topics_.dir().sync();
}

std::optional<SealedName> parse_sealed_name(std::string_view name) {
  if (!name.starts_with(kIntentPrefix)) return std::nullopt;
  name.remove_prefix(kIntentPrefix.size());
  if (name.size() <= kHex16 || name[kHex16] != '-') return std::nullopt;
  const auto route = parse_hex16(name.substr(0, kHex16));
  const auto file = names::parse_spool_file(name.substr(kHex16 + 1));
  if (!route || !file || file->kind == names::SpoolKind::kBody) return std::nullopt;
  return SealedName{*route, file->file, file->kind};
}

std::optional<std::vector<std::string>> read_route(TopicsDir& topics, std::uint64_t route) {
  const auto text = read_file(topics.dir(), route_name(route), kLongestRoute);
  if (!text || checksum(as_bytes(*text)) != route) return std::nullopt;
  std::vector<std::string> queues;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = text->find('\n', at);
    queues.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return queues;
}

std::optional<Work> read_work(File& file) {
  const std::uint64_t size = file.status().size;
  if (size < record::kFileHeaderBytes + kFooterBytes) return std::nullopt;
  std::array<std::byte, kFooterBytes> footer{};
  if (file.read_at(footer, size - kFooterBytes) != kFooterBytes) return std::nullopt;
  if (std::memcmp(footer.data(), kFooterMagic.data(), kFooterMagic.size()) != 0) {
    return std::nullopt;
  }
  const auto begin = load_le<std::uint64_t>(footer, 8);
  const auto bytes = load_le<std::uint64_t>(footer, 16);
  if (bytes > kLongestJson || begin > size || begin + bytes != size - kFooterBytes) {
    return std::nullopt;
  }
  std::string text(bytes, '\0');
  const auto into = std::as_writable_bytes(std::span(text));
  if (file.read_at(into, begin) != bytes) return std::nullopt;
  if (checksum(into, begin + 1) != load_le<std::uint64_t>(footer, 24)) return std::nullopt;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto id = MessageId::parse(json.value("file", ""));
  if (!id) return std::nullopt;
  std::vector<Message> messages;
  scan_segment(file, *id, record::kFileHeaderBytes, begin, begin,
               [&](ScannedRecord&& one) { messages.push_back(std::move(one.message)); });
  try {
    return parse_description(json, std::move(messages));
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // the library's way to say that a member is missing
  }
}

void remove_unused_routes(TopicsDir& topics) {
  const std::unique_ptr<File> alone =
      topics.try_lock(TopicsDir::Byte::kRoutes, LockKind::kExclusive);
  if (!alone) return;
  std::set<std::uint64_t> used;
  std::vector<std::uint64_t> routes;
  topics.dir().list([&](std::string_view name) {
    if (const auto sealed = parse_sealed_name(name)) used.insert(sealed->route);
    if (name.starts_with(kRoutePrefix)) {
      if (const auto route = parse_hex16(name.substr(kRoutePrefix.size()))) {
        routes.push_back(*route);
      }
    }
    return true;
  });
  for (const std::uint64_t one : routes) {
    if (!used.contains(one)) topics.dir().unlink(route_name(one));
  }
}

}  // namespace spoolmq
