// Loading a whole index at once: rows are gathered unsorted, then sorted by id, then indexed.
#include "core/check.h"
#include "store/checked_vfs.h"
#include "store/index.h"
#include "store/index_schema.h"
#include "store/index_statements.h"

namespace spoolmq {

void Index::begin_bulk() {
  bulk_ = db_.prepare(
      "INSERT INTO s(id,state,prio,file,off,len,size,sent,due,expires,okey,sender,uid,pid,"
      "deliveries,failures,redrives,reason,flags) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,"
      "?13,?14,?15,?16,?17,?18,?19)");
  bulk_file_ = db_.prepare(
      "INSERT INTO f(name,kind,indexed_end,live,sealed,owner) VALUES(?1,?2,?3,0,?4,?5)");
  // Of two messages with one key it stands for the later one, in whatever order they are found.
  bulk_key_ = db_.prepare(
      "INSERT INTO d(key,id,until) VALUES(?1,?2,?3) ON CONFLICT(key) DO UPDATE "
      "SET id=excluded.id, until=excluded.until WHERE excluded.until>until");
}

std::int64_t Index::bulk_file(const FileRow& file) {
  bulk_file_.bind(1, file.file)
      .bind(2, static_cast<std::int64_t>(file.kind))
      .bind_u64(3, file.indexed_end)
      .bind(4, file.sealed ? 1 : 0)
      .bind_u64(5, file.owner)
      .run();
  return db_.last_rowid();
}

void Index::bulk_insert(const BulkRow& row) {
  const Entry& entry = row.entry;
  bulk_.bind(1, entry.id)
      .bind(2, static_cast<std::int64_t>(row.state))
      .bind(3, std::int64_t{entry.priority})
      .bind(4, row.file)
      .bind_u64(5, entry.at.offset)
      .bind_u64(6, entry.at.length)
      .bind_u64(7, entry.size)
      .bind(8, entry.sent_at_ms)
      .bind(9, row.due)
      .bind_or_null(10, entry.expires_at_ms)
      .bind_text_or_null(11, entry.order_key)
      .bind_text_or_null(12, entry.from.name)
      .bind(13, std::int64_t{entry.from.uid})
      .bind(14, std::int64_t{entry.from.pid})
      .bind(15, row.counters.deliveries)
      .bind(16, row.counters.failures)
      .bind(17, row.counters.redrives)
      .bind_text_or_null(18, row.reason)
      .bind(19, std::int64_t{entry.flags})
      .run();
  if (!entry.dedupe_key.empty()) {
    bulk_key_.bind_blob(1, key_of(entry.dedupe_key))
        .bind(2, entry.id)
        .bind(3, row.key_until_ms)
        .run();
  }
}

void Index::finish_bulk(std::uint64_t transaction, OrderOnDead order, std::string_view boot_id) {
  bulk_ = Stmt();
  bulk_file_ = Stmt();
  bulk_key_ = Stmt();
  db_.execute(kIndexesOfFew);
  db_.execute(kBulkSort);
  db_.execute(kIndexesOfMany);
  // Of each order key the first live message is its head; the others stand behind it. (state<=5 is
  // what the index of order keys holds.)
  db_.execute(
      "UPDATE m SET state=3 WHERE state=1 AND state<=5 AND okey IS NOT NULL AND EXISTS(SELECT 1 "
      "FROM m AS e WHERE e.okey=m.okey AND e.state<=5 AND e.seq<m.seq)");
  if (order == OrderOnDead::kStop) {
    db_.execute(
        "UPDATE m SET state=3 WHERE state=1 AND okey IN (SELECT okey FROM m WHERE okey IS NOT NULL "
        "AND state=6)");
  }
  Stmt counters = db_.prepare("INSERT INTO q(one,version,txn,seq,boot) VALUES(1,?1,0,1,'')");
  counters.bind(1, kIndexVersion).run();  // the others read as 0 and are written below
  counters = Stmt();
  prepare();
  load_meta();
  recount();
  Stmt last = db_.prepare("SELECT coalesce(max(seq),0)+1 FROM m");
  SPOOLMQ_CHECK(last.step());
  next_sequence_ = last.integer(0);
  last = Stmt();
  transaction_ = transaction;
  boot_id_ = boot_id;
  store_meta();
  sql_.reset();
  db_.execute("COMMIT");
  db_ = Db();
}

void Index::return_all_reservations(const Now& now) {
  Stmt all = db_.prepare("SELECT DISTINCT holder FROM r");
  std::vector<std::uint64_t> holders;
  while (all.step()) holders.push_back(all.u64(0));
  for (const std::uint64_t holder : holders) end_reservations_of(holder, now);
}

void Index::end_reservations_of(std::uint64_t holder, const Now& now) {
  for (const Reservation& one : reservations_of(holder)) {
    if (!find(one.id)) {
      return_reservation(one.id);
      continue;
    }
    if (one.rendezvous) withdraw(one.id, now);
    settle_reservation(one.id);
  }
}

}  // namespace spoolmq
