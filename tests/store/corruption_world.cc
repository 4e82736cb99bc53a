#include "tests/store/corruption_world.h"

#include <gtest/gtest.h>

#include "core/names.h"

namespace spoolmq::test {
namespace {

constexpr std::int64_t kSilenceMs = 3000;  // behind it the next message has a file of its own
constexpr std::size_t kInlineBytes = 1000;

WorldOptions options_of_past() {
  WorldOptions options;
  options.settings.body_inline = kInlineBytes;
  options.settings.backoff = Milliseconds{0};
  options.settings.max_failures = 1000;
  options.settings.archive = Milliseconds{24 * 3600 * 1000};
  options.one_shot = false;
  return options;
}

SendOptions as(Format format) {
  SendOptions options;
  options.format = format;
  return options;
}

Message of(std::string body) {
  Message message;
  message.body = std::move(body);
  message.headers.push_back({"site", "LYS"});
  return message;
}

Message with_key(std::string body, std::string key) {
  Message message = of(std::move(body));
  message.order_key = std::move(key);
  return message;
}

// What a reader must not take for more than somebody's bytes.
std::string magic_numbers() {
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    bytes += std::string("SPOOLMQ1\x01\0\0\0\x01\0\0\0", 16);
    bytes += std::string("SPGR\x01\0\0\0\x01\0\0\0\0\0\0\0", 16);
    bytes += std::string("SPQLOCK1SPQINTE1", 16);
  }
  return bytes;
}

constexpr std::string_view kXmlInXml =
    "</body></message><?xml version=\"1.0\"?><message xmlns=\"urn:spoolmq:message:1\" "
    "id=\"01a1fbaf-6205-7005-aa18-0cf3b318b400\" priority=\"4\"><body/></message>";

}  // namespace

CorruptionWorld::CorruptionWorld(Ended ended) {
  World world(options_of_past());
  send_first(world);
  send_groups(world);
  settle_some(world);
  Queue other = world.another();  // with a segment of its own
  for (const char* const body : {"other 1", "other 2", "other 3"}) {
    pasts_[other.send(of(body))].body = body;
  }
  if (ended == Ended::kKilled) world.keep(world.take());
  remember(world);
  if (ended == Ended::kClosed) {
    other.close();
    world.close();
  }
  clock_ = world.clock();
  // Nothing is lost, and nothing pending is copied a thousand times.
  disk_ = world.disk().after_power_cut(Names::kKept, Bytes::kKept);
}

void CorruptionWorld::send_first(World& world) {
  const auto sent = [&](Message message, Format format) {
    std::string body = message.body;
    const MessageId id = world.queue().send(std::move(message), as(format));
    pasts_[id].body = std::move(body);
    world.clock().advance(kSilenceMs);
    world.queue().maintain();
  };
  sent(of("alone"), Format::kBinary);
  sent(of(magic_numbers()), Format::kBinary);
  sent(of("as XML"), Format::kXml);
  sent(of(std::string(kXmlInXml)), Format::kXml);
  sent(of(magic_numbers()), Format::kXml);
  sent(of(std::string(3 * kInlineBytes, 'L')), Format::kBinary);
  sent(of(std::string(3 * kInlineBytes, 'M')), Format::kXml);
  Message later = of("later");
  later.not_before_ms = world.clock().wall_ms() + 3'600'000;
  sent(std::move(later), Format::kBinary);
}

void CorruptionWorld::send_groups(World& world) {
  const auto sent = [&](std::vector<std::string> bodies) {
    std::vector<Message> messages;
    for (const std::string& body : bodies) messages.push_back(of(body));
    const std::vector<SendResult> results = world.queue().send_batch(std::move(messages));
    for (std::size_t i = 0; i < results.size(); ++i) pasts_[results[i].id].body = bodies[i];
  };
  sent({"a1", "a2", "a3", "a4", "a5"});
  // Whole groups of this very file, moved within it, on its 8 bytes.
  const std::vector<MessageStatus> all = world.queue().scan({});
  const std::string segment = world.disk().bytes_of(file(all.back().file));
  const std::string groups = segment.substr(0, all.back().offset + all.back().length);
  sent({"b1", groups, "b3", magic_numbers(), "b5"});
  for (const char* const body : {"k1", "k2"}) {
    pasts_[world.queue().send(with_key(body, "key"))].body = body;
  }
  sent({"c1", "c2", "c3"});
}

// Long enough ago for verdicts to be written and for files to be gone.
void CorruptionWorld::settle_some(World& world) {
  const auto id_of_body = [&](std::string_view body) {
    for (const auto& [id, past] : pasts_) {
      if (past.body == body) return id;
    }
    ADD_FAILURE() << "never sent: " << body;
    return MessageId();
  };
  Queue& queue = world.queue();
  ReceiveOptions all;
  all.max = 1000;
  std::vector<Delivery> deliveries = queue.receive_batch(all);
  for (Delivery& one : deliveries) {
    const std::string body = one.message().body;
    if (body == "a2" || body == "b1") {
      one.ack();
      pasts_[one.message().id].gone = true;
    } else if (body == "a4" || body == "as XML") {
      one.reject("not wanted");
    }
  }
  deliveries.clear();  // released
  const MessageId held[] = {id_of_body("b3"), id_of_body("c2")};
  queue.hold(held, "wait");
  const SettingText no_archive[] = {{"archive", "0s"}};
  queue.configure(no_archive);
  for (const char* const body : {"a1", "c1"}) {
    for (Delivery& one : queue.receive_batch(all)) {
      if (one.message().body != body) continue;
      one.ack();
      pasts_[one.message().id].gone = true;
    }
  }
  world.clock().advance(kSilenceMs);
  queue.maintain();
  world.clock().advance(kSilenceMs);
  queue.maintain();
}

void CorruptionWorld::remember(World& world) {
  for (auto& [id, past] : pasts_) {
    const std::optional<MessageStatus> status = world.queue().status(id);
    if (!status) {
      EXPECT_TRUE(past.gone);
      continue;
    }
    past.gone = false;  // archived
    past.state = status->state;
    past.file = file(status->file);
    past.begin = status->offset;
    past.end = status->offset + status->length;
    const std::string body = past.file.substr(0, past.file.rfind('.')) + ".body";
    if (past.body.size() > kInlineBytes && !world.disk().bytes_of(body).empty()) {
      past.body_file = body;
    }
  }
}

std::vector<std::string> CorruptionWorld::spool_files() const {
  std::vector<std::string> files;
  const std::string messages = file("msgs");
  for (const std::string& shard : disk_->names(messages)) {
    for (const std::string& name : disk_->names(messages + "/" + shard)) {
      files.push_back(messages + "/" + shard + "/" + name);
    }
  }
  return files;
}

std::string CorruptionWorld::file(std::string_view name) const {
  return std::string(kCorruptionQueue) + "/" + std::string(name);
}

std::string CorruptionWorld::index(std::string_view suffix) const {
  std::uint64_t newest = 0;
  for (const std::string& name : disk_->names(kCorruptionQueue)) {
    newest = std::max(newest, names::parse_index_file(name).value_or(0));
  }
  return file(names::index_file(newest)) + std::string(suffix);
}

}  // namespace spoolmq::test
