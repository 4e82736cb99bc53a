#pragma once
// The tables of the index (FORMAT.md section 8). The index is disposable: another version is not
// converted but rebuilt.

namespace spoolmq {

inline constexpr int kIndexVersion = 3;

inline constexpr char kIndexTables[] = R"sql(
CREATE TABLE m(
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, state INTEGER NOT NULL, prio INTEGER NOT NULL,
  file INTEGER NOT NULL, off INTEGER NOT NULL, len INTEGER NOT NULL, size INTEGER NOT NULL,
  sent INTEGER NOT NULL, due INTEGER NOT NULL, expires INTEGER, okey TEXT, sender TEXT,
  uid INTEGER NOT NULL, pid INTEGER NOT NULL,
  deliveries INTEGER NOT NULL, failures INTEGER NOT NULL, redrives INTEGER NOT NULL,
  token INTEGER, holder INTEGER, wall INTEGER, span INTEGER, reason TEXT,
  flags INTEGER NOT NULL, note INTEGER NOT NULL);
CREATE TABLE f(
  fid INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,
  indexed_end INTEGER NOT NULL, live INTEGER NOT NULL, sealed INTEGER NOT NULL,
  owner INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0);
CREATE TABLE d(key BLOB PRIMARY KEY, id BLOB NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE r(
  id BLOB PRIMARY KEY, holder INTEGER NOT NULL, bytes INTEGER NOT NULL, key BLOB,
  counts INTEGER NOT NULL, rendezvous INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE q(
  one INTEGER PRIMARY KEY CHECK(one=1), version INTEGER NOT NULL, txn INTEGER NOT NULL,
  seq INTEGER NOT NULL, boot TEXT NOT NULL,
  n1 INTEGER, b1 INTEGER, n2 INTEGER, b2 INTEGER, n3 INTEGER, b3 INTEGER, n4 INTEGER, b4 INTEGER,
  n5 INTEGER, b5 INTEGER, n6 INTEGER, b6 INTEGER, n7 INTEGER, b7 INTEGER, n8 INTEGER, b8 INTEGER,
  n9 INTEGER, b9 INTEGER, n10 INTEGER, b10 INTEGER, nr INTEGER, br INTEGER,
  sent INTEGER, acked INTEGER, failures INTEGER, dead INTEGER,
  syncs INTEGER, sync_us INTEGER, longest_us INTEGER);
)sql";

// Where a bulk load gathers rows before they are sorted.
inline constexpr char kBulkTable[] = R"sql(
CREATE TABLE s(
  id BLOB NOT NULL, state INTEGER NOT NULL, prio INTEGER NOT NULL,
  file INTEGER NOT NULL, off INTEGER NOT NULL, len INTEGER NOT NULL, size INTEGER NOT NULL,
  sent INTEGER NOT NULL, due INTEGER NOT NULL, expires INTEGER, okey TEXT, sender TEXT,
  uid INTEGER NOT NULL, pid INTEGER NOT NULL,
  deliveries INTEGER NOT NULL, failures INTEGER NOT NULL, redrives INTEGER NOT NULL,
  reason TEXT, flags INTEGER NOT NULL);
)sql";

// Of a bulk load, in this order. Of what few rows are in, the conditions are evaluated as rows come:
// a CREATE INDEX behind them would read the whole table once for each.
inline constexpr char kIndexesOfFew[] = R"sql(
CREATE UNIQUE INDEX ids ON m(id);
CREATE INDEX dead_keys ON m(okey) WHERE okey IS NOT NULL AND state=6;
CREATE INDEX leases ON m(due) WHERE state=2;
CREATE INDEX held ON m(seq) WHERE state=5;
CREATE INDEX dead ON m(seq) WHERE state=6;
CREATE INDEX corrupt ON m(seq) WHERE state=7;
CREATE INDEX archived ON m(due) WHERE state=8;
CREATE INDEX acked ON m(file, off) WHERE state=9;
CREATE INDEX gone ON m(due) WHERE state=10;
CREATE INDEX notes ON m(seq) WHERE note=1;
CREATE INDEX finished ON f(fid) WHERE live=0 AND sealed=1;
CREATE INDEX keys_until ON d(until);
)sql";

inline constexpr char kBulkSort[] = R"sql(
INSERT OR IGNORE INTO m(id,state,prio,file,off,len,size,sent,due,expires,okey,sender,uid,pid,
  deliveries,failures,redrives,reason,flags,note)
  SELECT id,state,prio,file,off,len,size,sent,due,expires,okey,sender,uid,pid,
  deliveries,failures,redrives,reason,flags,0 FROM s ORDER BY id;
DROP TABLE s;
)sql";

// Each of these may be in as many as there are rows: sorted, they are written once.
inline constexpr char kIndexesOfMany[] = R"sql(
CREATE INDEX claim ON m(prio DESC, seq) WHERE state=1;
CREATE INDEX sender_claim ON m(sender, prio DESC, seq) WHERE state=1 AND sender IS NOT NULL;
CREATE INDEX okeys ON m(okey, seq) WHERE okey IS NOT NULL AND state<=5;
CREATE INDEX delayed ON m(due) WHERE state=4;
CREATE INDEX expiry ON m(expires) WHERE expires IS NOT NULL AND state IN (1,3,4);
)sql";

}  // namespace spoolmq
