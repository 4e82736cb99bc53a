#pragma once
// Every statement the index runs, prepared once per connection. Private to index*.cc.

#include "store/index.h"

namespace spoolmq {

#define SPOOLMQ_ROW_COLUMNS                                                   \
  "seq,id,state,prio,file,off,len,size,sent,due,expires,okey,sender,uid,pid," \
  "deliveries,failures,redrives,token,holder,wall,span,reason,flags"

struct Index::Statements {
  // Those that together name every column are prepared at once, and fail where one is missing; of
  // the others most users need few, and preparing them all takes half a millisecond.
  explicit Statements(Db& db)
      : insert_many(db.prepare_late(insert_of(kRowsTogether))),
        begin(db.prepare_late("BEGIN IMMEDIATE")),
        commit(db.prepare_late("COMMIT")),
        load_meta(db.prepare("SELECT version,txn,seq,boot,n1,b1,n2,b2,n3,b3,n4,b4,n5,b5,n6,b6,n7,"
                             "b7,n8,b8,n9,b9,n10,b10,nr,br,sent,acked,failures,dead,syncs,"
                             "sync_us,longest_us FROM q WHERE one=1")),
        store_meta(db.prepare_late(
            "UPDATE q SET txn=?1,seq=?2,boot=?3,n1=?4,b1=?5,n2=?6,b2=?7,n3=?8,b3=?9,n4=?10,"
            "b4=?11,n5=?12,b5=?13,n6=?14,b6=?15,n7=?16,b7=?17,n8=?18,b8=?19,n9=?20,b9=?21,"
            "n10=?22,b10=?23,nr=?24,br=?25,sent=?26,acked=?27,failures=?28,dead=?29,syncs=?30,"
            "sync_us=?31,longest_us=?32 WHERE one=1")),
        insert(db.prepare(insert_of(1))),
        write(db.prepare_late(
            "UPDATE m SET state=?3,due=?4,deliveries=?5,failures=?6,redrives=?7,token=?8,"
            "holder=?9,wall=?10,span=?11,reason=?12,flags=?13,note=max(note,?14) WHERE seq=?1")),
        lease_run(db.prepare_late(
            "UPDATE m SET state=2,due=?3,deliveries=deliveries+1,token=?4,holder=?5,"
            "wall=?6,span=?7 WHERE seq BETWEEN ?1 AND ?2")),
        ack_run(
            db.prepare_late("UPDATE m SET state=9,due=?3,holder=NULL,wall=NULL,span=NULL WHERE seq "
                            "BETWEEN ?1 AND ?2")),
        find(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS " FROM m WHERE id=?1")),
        key_has_live(db.prepare_late("SELECT 1 FROM m WHERE okey=?1 AND state<=5 LIMIT 1")),
        key_has_earlier(
            db.prepare_late("SELECT 1 FROM m WHERE okey=?1 AND state<=5 AND seq<?2 LIMIT 1")),
        key_has_dead(db.prepare_late("SELECT 1 FROM m WHERE okey=?1 AND state=6 LIMIT 1")),
        key_first(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                                  " FROM m WHERE okey=?1 AND state<=5 ORDER BY seq LIMIT 1")),
        promote(
            db.prepare_late("UPDATE m SET state=1 WHERE state=3 AND seq=(SELECT seq FROM m WHERE "
                            "okey=?1 AND state<=5 ORDER BY seq LIMIT 1) RETURNING size")),
        claim(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                              " FROM m WHERE state=1 ORDER BY prio DESC, seq LIMIT ?1")),
        claim_from(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                                   " FROM m WHERE state=1 AND sender=?2"
                                   " ORDER BY prio DESC, seq LIMIT ?1")),
        leased_run(
            db.prepare_late("SELECT seq,id,due,wall,span FROM m WHERE seq BETWEEN ?1 AND ?2 AND "
                            "state=2 AND token=?3")),
        leases_over(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                                    " FROM m WHERE state=2 AND due<=?1 ORDER BY due LIMIT 1000")),
        leases_of(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                                  " FROM m WHERE state=2 AND holder=?1 ORDER BY due")),
        all_leases(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS " FROM m WHERE state=2")),
        delayed_due(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                                    " FROM m WHERE state=4 AND due<=?1 ORDER BY due LIMIT 1000")),
        expired(db.prepare_late("SELECT " SPOOLMQ_ROW_COLUMNS
                                " FROM m WHERE expires<=?1 AND state IN (1,3,4) LIMIT 1000")),
        next_lease(db.prepare_late("SELECT due FROM m WHERE state=2 ORDER BY due LIMIT 1")),
        next_delayed(db.prepare_late("SELECT due FROM m WHERE state=4 ORDER BY due LIMIT 1")),
        next_archived(db.prepare_late("SELECT due FROM m WHERE state=8 ORDER BY due LIMIT 1")),
        next_expiry(db.prepare_late("SELECT expires FROM m WHERE expires IS NOT NULL AND state IN "
                                    "(1,3,4) ORDER BY expires LIMIT 1")),
        file_by_name(
            db.prepare("SELECT fid,name,kind,indexed_end,live,sealed,owner FROM f WHERE name=?1")),
        file_by_id(db.prepare_late(
            "SELECT fid,name,kind,indexed_end,live,sealed,owner FROM f WHERE fid=?1")),
        file_insert(db.prepare_late(
            "INSERT INTO f(name,kind,indexed_end,live,sealed,owner) VALUES(?1,?2,0,0,?3,?4)")),
        file_change(db.prepare("UPDATE f SET live=live+?2,settled=iif(?2,?3,settled),"
                               "indexed_end=iif(?4,?4,indexed_end) WHERE fid=?1")),
        file_seal(db.prepare_late("UPDATE f SET sealed=1 WHERE fid=?1")),
        key_find(db.prepare("SELECT id,until FROM d WHERE key=?1")),
        key_put(db.prepare_late("INSERT OR REPLACE INTO d(key,id,until) VALUES(?1,?2,?3)")),
        key_drop(db.prepare_late("DELETE FROM d WHERE key=?1")),
        keys_old(db.prepare_late(
            "DELETE FROM d WHERE key IN (SELECT key FROM d WHERE until<=?1 LIMIT 1000)")),
        reserve(db.prepare_late("INSERT OR REPLACE INTO r(id,holder,bytes,key,counts,rendezvous)"
                                " VALUES(?1,?2,?3,?4,?5,?6)")),
        reservation(db.prepare("SELECT id,holder,bytes,key,counts,rendezvous FROM r WHERE id=?1")),
        any_reservation(db.prepare_late("SELECT 1 FROM r LIMIT 1")),
        reservations_of(
            db.prepare_late("SELECT id,holder,bytes,key,counts,rendezvous FROM r WHERE holder=?1")),
        unreserve(db.prepare_late("DELETE FROM r WHERE id=?1")),
        gone(db.prepare_late(
            "SELECT seq,size FROM m WHERE state=10 AND due<=?1 ORDER BY due LIMIT ?2")),
        drop_run(db.prepare_late("DELETE FROM m WHERE seq BETWEEN ?1 AND ?2")),
        settled_in(
            db.prepare_late("SELECT seq,id,off,len,due,flags FROM m WHERE state=9 AND file=?1 "
                            "ORDER BY off LIMIT ?2")),
        renumber(db.prepare_late("UPDATE m SET seq=?2 WHERE seq=?1")),
        noted(
            db.prepare_late("UPDATE m SET note=0,flags=CASE WHEN state IN (5,6,8) THEN flags ELSE "
                            "flags&~16 END WHERE seq=?1 AND state=?2")) {}

  // An INSERT of so many rows, of kInsertColumns parameters each.
  static std::string insert_of(std::size_t rows) {
    std::string sql =
        "INSERT OR IGNORE INTO m(seq,id,state,prio,file,off,len,size,sent,due,expires,okey,sender,"
        "uid,pid,flags,span,deliveries,token,holder,wall,failures,redrives,note) VALUES";
    for (std::size_t i = 0; i < rows; ++i) {
      sql += i == 0 ? "(" : ",(";
      for (int column = 0; column < kInsertColumns; ++column) sql += "?,";
      sql += "0,0,0)";
    }
    return sql;
  }
  static constexpr int kInsertColumns = 21;

  Stmt insert_many;  // kRowsTogether of them
  Stmt begin, commit, load_meta, store_meta, insert, write, lease_run, ack_run, find, key_has_live,
      key_has_earlier, key_has_dead, key_first, promote, claim, claim_from, leased_run, leases_over,
      leases_of, all_leases, delayed_due, expired, next_lease, next_delayed, next_archived,
      next_expiry, file_by_name, file_by_id, file_insert, file_change, file_seal, key_find, key_put,
      key_drop, keys_old, reserve, reservation, any_reservation, reservations_of, unreserve, gone,
      drop_run, settled_in, renumber, noted;
};

}  // namespace spoolmq
