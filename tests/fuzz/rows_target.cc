// Rows of the index that SQLite reads without complaint and nobody writes: wrong types, numbers out
// of range, ids of any length. Whatever is asked of the queue then is answered or refused; what it
// delivers was sent; and a new index has every message whose bytes are left.

#include <algorithm>
#include <array>
#include <limits>

#include "store/checked_vfs.h"
#include "store/sqlite.h"
#include "tests/fuzz/target.h"
#include "tests/store/store_world.h"

namespace spoolmq::fuzz {
namespace {

constexpr std::array kColumns{
    "m.id",         "m.state",    "m.prio",     "m.file",  "m.off",    "m.len",         "m.size",
    "m.sent",       "m.due",      "m.expires",  "m.okey",  "m.sender", "m.uid",         "m.pid",
    "m.deliveries", "m.failures", "m.redrives", "m.token", "m.holder", "m.wall",        "m.span",
    "m.reason",     "m.flags",    "m.note",     "f.name",  "f.kind",   "f.indexed_end", "f.live",
    "f.sealed",     "f.owner",    "f.settled",  "d.key",   "d.id",     "d.until",       "q.seq",
    "q.boot",       "q.n1",       "q.b1",       "q.n2",    "q.n6",     "q.n9",          "q.nr",
    "q.br",         "q.sent",     "q.failures", "q.syncs", "q.version"};
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::array<std::int64_t, 15> kNumbers{0,         1,      2,
                                                9,         10,     11,
                                                255,       -1,     1 << 20,
                                                -300,      kMost,  std::int64_t{1} << 40,
                                                kMost - 1, kLeast, -(std::int64_t{1} << 40)};

void fill(test::StoreWorld& world) {
  Queue& queue = world.queue();
  std::vector<Message> batch;
  for (int i = 0; i < 4; ++i) batch.push_back(test::keyed("body", i % 2 == 0 ? "" : "k"));
  batch[0].dedupe_key = "d";
  queue.send_batch(batch);
  Message delayed = test::text("body");
  delayed.not_before_ms = world.clock().wall_ms() + 5000;
  queue.send(delayed);
  for (int i = 0; i < 3; ++i) queue.send(test::text("body"));
  ReceiveOptions timed;
  timed.kind = LeaseKind::kTimed;
  queue.receive(timed)->detach();
  queue.receive()->reject("why");
  queue.receive()->ack();
}

// The value as it stands in an SQL text.
std::string some_value(Choices& choices) {
  switch (choices.below(4)) {
    case 0:
      return "NULL";
    case 1: {
      std::string hex = "x'";
      const std::uint8_t count = choices.below(20);
      for (int i = 0; i < count; ++i) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        const std::uint8_t byte = choices.below(255);
        hex += kDigits[byte / 16];
        hex += kDigits[byte % 16];
      }
      return hex + "'";
    }
    case 2:
      return "'text'";
    default:
      return "CAST('" + std::to_string(kNumbers[choices.below(kNumbers.size())]) + "' AS INTEGER)";
  }
}

void scribble(test::StoreWorld& world, Choices& choices) {
  const auto dir = world.queue_dir();
  Db db(dir->path() + "/index.1.db", checked_vfs(dir->sqlite_vfs()));
  const std::uint8_t count = static_cast<std::uint8_t>(1 + choices.below(4));
  for (int i = 0; i < count; ++i) {
    const std::string_view column = kColumns[choices.below(kColumns.size())];
    const std::string table(column.substr(0, 1));
    const std::string value = some_value(choices);
    std::string sql = "UPDATE " + table + " SET " + std::string(column.substr(2)) + "=" + value;
    if (table == "m") sql += " WHERE seq=" + std::to_string(1 + choices.below(9));
    // What a constraint of the table refuses cannot be there.
    static_cast<void>(is_refused([&] { db.execute(sql.c_str()); }));
  }
}

template <typename Act>
void may_refuse(const Act& act) {
  static_cast<void>(is_refused(act));
}

void use(test::StoreWorld& world, Choices& choices) {
  Queue& queue = world.queue();
  std::vector<MessageStatus> there;
  may_refuse([&] { there = test::everything(queue); });
  for (const MessageStatus& one : there) {
    may_refuse([&] { static_cast<void>(queue.load(one.id)); });
    may_refuse([&] { static_cast<void>(queue.why(one.id)); });
  }
  const std::uint8_t way = choices.below(8);
  std::vector<MessageId> ids;
  for (const MessageStatus& one : there) ids.push_back(one.id);
  may_refuse([&] { static_cast<void>(queue.stats()); });
  may_refuse([&] { static_cast<void>(queue.next_ready(10)); });
  may_refuse([&] { static_cast<void>(queue.consumers()); });
  may_refuse([&] { static_cast<void>(queue.fsck(FsckMode::kLook)); });
  if ((way & 1) != 0) may_refuse([&] { static_cast<void>(queue.hold(ids, "h")); });
  if ((way & 2) != 0) may_refuse([&] { static_cast<void>(queue.requeue(ids)); });
  if ((way & 4) != 0) may_refuse([&] { static_cast<void>(queue.revoke(ids)); });
  may_refuse([&] { queue.send(test::keyed("body", "k")); });
  may_refuse([&] {
    ReceiveOptions many;
    many.max = 20;
    auto deliveries = queue.receive_batch(many);
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      SPOOLMQ_CHECK(deliveries[i].message().body == "body");
      if (i % 3 == 0)
        deliveries[i].ack();
      else if (i % 3 == 1)
        deliveries[i].nack("n");
    }
  });
  may_refuse([&] { queue.maintain(); });
  may_refuse([&] { queue.sweep(); });
}

}  // namespace

void rows(std::string_view input) {
  Choices choices(input);
  test::StoreWorld world;
  fill(world);
  if (choices.below(2) == 0) world.reopen();  // else beside the handle that has it open
  scribble(world, choices);
  use(world, choices);
  world.clock().advance(Milliseconds{40'000});
  use(world, choices);
  world.reopen();
  world.queue().fsck(FsckMode::kRebuildIndex);
  SPOOLMQ_CHECK(world.queue().fsck(FsckMode::kLook).empty());
  for (const MessageStatus& one : test::everything(world.queue())) {
    SPOOLMQ_CHECK(world.queue().load(one.id)->body == "body");
  }
}

}  // namespace spoolmq::fuzz
