#include "tests/support/memory_vfs.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>

#include "tests/support/memory_file_system.h"

namespace spoolmq::test {
namespace {

class Connection {
 public:
  explicit Connection(Dir& dir, const std::string& name = "index.1.db") {
    const std::string path = dir.path() + "/" + name;
    opened_ = sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              dir.sqlite_vfs());
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { sqlite3_close_v2(db_); }

  int run(const std::string& sql) {
    if (opened_ != SQLITE_OK) return opened_;
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  // The first column of the first row; "?" and the message where it fails.
  std::string ask(const std::string& sql) {
    std::string answer;
    const auto take = [](void* into, int, char** columns, char**) {
      *static_cast<std::string*>(into) = columns[0] == nullptr ? "null" : columns[0];
      return 0;
    };
    if (sqlite3_exec(db_, sql.c_str(), take, &answer, nullptr) != SQLITE_OK) {
      return std::string("? ") + sqlite3_errmsg(db_);
    }
    return answer;
  }
  sqlite3* get() { return db_; }

  int sync_wal() {
    sqlite3_file* wal = nullptr;
    sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&wal));
    return wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
  }

 private:
  sqlite3* db_ = nullptr;
  int opened_ = SQLITE_OK;
};

// An index as the store keeps it: WAL, NORMAL, checkpoints by hand.
void configure(Connection& db) {
  ASSERT_EQ(db.ask("PRAGMA journal_mode=WAL"), "wal");
  ASSERT_EQ(db.run("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0"), SQLITE_OK);
}

void create_table(Connection& db) {
  configure(db);
  ASSERT_EQ(db.run("CREATE TABLE t(x INTEGER PRIMARY KEY, body TEXT)"), SQLITE_OK);
}

constexpr const char* kInsert = "INSERT INTO t(body) VALUES('row')";
constexpr const char* kCount = "SELECT count(*) FROM t";

TEST(MemoryVfs, KeepsADatabaseInTheTwin) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  {
    Connection db(*root);
    create_table(db);
    EXPECT_EQ(db.run(kInsert), SQLITE_OK);
    EXPECT_EQ(disk.names(), (std::vector<std::string>{"index.1.db", "index.1.db-wal"}));
  }
  EXPECT_EQ(disk.names(), std::vector<std::string>{"index.1.db"});
  EXPECT_EQ(root->open("index.1.db", Access::kRead)->status().kind, FileKind::kRegular);
  Connection again(*root);
  EXPECT_EQ(again.ask(kCount), "1");
}

TEST(MemoryVfs, LetsConnectionsSeeEachOthersCommits) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection one(*root);
  create_table(one);
  Connection two(*root);
  EXPECT_EQ(two.ask(kCount), "0");
  EXPECT_EQ(one.run(kInsert), SQLITE_OK);
  EXPECT_EQ(two.ask(kCount), "1");
  EXPECT_EQ(two.run(kInsert), SQLITE_OK);
  EXPECT_EQ(one.ask(kCount), "2");
}

TEST(MemoryVfs, KeepsAReadersSnapshotAndOneWriter) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection one(*root);
  create_table(one);
  Connection two(*root);
  EXPECT_EQ(two.run("BEGIN"), SQLITE_OK);
  EXPECT_EQ(two.ask(kCount), "0");
  EXPECT_EQ(one.run(kInsert), SQLITE_OK);
  EXPECT_EQ(two.ask(kCount), "0");
  EXPECT_EQ(one.run("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
  EXPECT_NE(root->status("index.1.db-wal")->size, 0U) << "a reader still needs the log";
  EXPECT_EQ(two.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(two.ask(kCount), "1");
  EXPECT_EQ(one.run("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
  EXPECT_EQ(root->status("index.1.db-wal")->size, 0U);
  EXPECT_EQ(one.run("BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_EQ(two.run("BEGIN IMMEDIATE"), SQLITE_BUSY);
  EXPECT_EQ(one.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(two.run("BEGIN IMMEDIATE; COMMIT"), SQLITE_OK);
}

TEST(MemoryVfs, KeepsRollbackJournalsApartFromReaders) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection one(*root);
  EXPECT_EQ(one.ask("PRAGMA journal_mode=DELETE"), "delete");
  EXPECT_EQ(one.run("CREATE TABLE t(x INTEGER PRIMARY KEY, body TEXT)"), SQLITE_OK);
  Connection two(*root);
  EXPECT_EQ(two.run("BEGIN; SELECT * FROM t"), SQLITE_OK);
  EXPECT_EQ(one.run("BEGIN IMMEDIATE; INSERT INTO t(body) VALUES('row')"), SQLITE_OK);
  EXPECT_EQ(two.run("INSERT INTO t(body) VALUES('row')"), SQLITE_BUSY);
  EXPECT_EQ(one.run("COMMIT"), SQLITE_BUSY) << "a reader is in the way";
  EXPECT_EQ(two.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(one.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(two.ask(kCount), "1");
}

TEST(MemoryVfs, KeepsWhatTheLogSyncCoveredThroughAPowerCut) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  root->sync();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(db.run(kInsert), SQLITE_OK);
  EXPECT_EQ(db.sync_wal(), SQLITE_OK);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(db.run(kInsert), SQLITE_OK);
  struct Case {
    Bytes bytes;
    const char* count;
  };
  for (const Case& c : {Case{Bytes::kLost, "3"}, Case{Bytes::kKept, "7"}}) {
    const auto later = disk.after_power_cut(Names::kLost, c.bytes);
    const auto later_root = later->root();
    Connection again(*later_root);
    EXPECT_EQ(again.ask(kCount), c.count);
    EXPECT_EQ(again.ask("PRAGMA integrity_check"), "ok");
  }
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto later = disk.after_power_cut(Names::kLost, Bytes::kTorn, seed);
    const auto later_root = later->root();
    Connection again(*later_root);
    const int count = std::stoi(again.ask(kCount));
    EXPECT_TRUE(count >= 3 && count <= 7) << count;
    EXPECT_EQ(again.ask("PRAGMA integrity_check"), "ok");
  }
}

TEST(MemoryVfs, SyncsTheDirectoryAtTheFirstSyncOfANewLog) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  const std::vector<std::string> trace = disk.trace();
  const auto first = std::ranges::find(trace, "sync index.1.db-wal");
  ASSERT_LT(first + 1, trace.end());
  EXPECT_EQ(*(first + 1), "sync-dir .");
  disk.clear_trace();
  EXPECT_EQ(db.sync_wal(), SQLITE_OK);
  EXPECT_EQ(disk.trace(), std::vector<std::string>{"sync index.1.db-wal"});
}

TEST(MemoryVfs, SurvivesACutAtEveryOperation) {
  int cuts = 0;
  for (std::uint64_t n = 1;; ++n) {
    MemoryFileSystem disk;
    const auto root = disk.root();
    {
      Connection db(*root);
      create_table(db);
      db.sync_wal();
    }
    Connection db(*root);
    configure(db);
    disk.cut_at(n);
    int confirmed = 0;
    int committed = 0;
    for (int i = 0; i < 4; ++i) {
      if (db.run(kInsert) != SQLITE_OK) break;
      ++committed;
      if (db.sync_wal() != SQLITE_OK) break;
      confirmed = committed;
      if (i == 1 && db.run("PRAGMA wal_checkpoint(TRUNCATE)") != SQLITE_OK) break;
    }
    for (const Names names : {Names::kLost, Names::kKept}) {
      for (const Bytes bytes : {Bytes::kLost, Bytes::kKept, Bytes::kTorn}) {
        const auto later = disk.after_power_cut(names, bytes, n);
        const auto later_root = later->root();
        Connection again(*later_root);
        const int count = std::stoi(again.ask(kCount));
        EXPECT_GE(count, confirmed) << n;
        EXPECT_LE(count, committed + 1) << n;
        EXPECT_EQ(again.ask("PRAGMA integrity_check"), "ok") << n;
      }
    }
    if (!disk.is_cut()) break;
    EXPECT_THROW(disk.throw_if_cut(), PowerCut);
    ++cuts;
  }
  EXPECT_GT(cuts, 15);
}

TEST(MemoryVfs, ShowsWhatAMissingSyncCosts) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  EXPECT_EQ(db.sync_wal(), SQLITE_OK);
  disk.set_filter([](const Operation& operation) {
    return operation.kind == OperationKind::kSync ? Verdict::kSkip : Verdict::kDo;
  });
  EXPECT_EQ(db.run(kInsert), SQLITE_OK);
  EXPECT_EQ(db.sync_wal(), SQLITE_OK);
  const auto later = disk.after_power_cut(Names::kLost, Bytes::kLost);
  const auto later_root = later->root();
  EXPECT_EQ(Connection(*later_root).ask(kCount), "0");
}

TEST(MemoryVfs, ReportsRefusalsAsSqliteDoes) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  disk.fail_at(1, ENOSPC);
  EXPECT_EQ(db.run(kInsert), SQLITE_FULL);
  disk.fail_at(1, EIO);
  EXPECT_EQ(db.run(kInsert), SQLITE_IOERR);
  EXPECT_EQ(sqlite3_extended_errcode(db.get()), SQLITE_IOERR_WRITE);
  disk.fail_at(1, EIO);
  EXPECT_EQ(db.sync_wal(), SQLITE_IOERR_FSYNC);
  disk.fail_at(1, EACCES);
  Connection other(*root, "other.db");
  EXPECT_EQ(other.run("SELECT 1"), SQLITE_CANTOPEN);
  EXPECT_EQ(sqlite3_system_errno(other.get()), EACCES);
  EXPECT_EQ(db.run(kInsert), SQLITE_OK);
  EXPECT_EQ(db.ask(kCount), "1");
}

TEST(MemoryVfs, ReadsTheLogAfterAKill) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  EXPECT_EQ(db.run(kInsert), SQLITE_OK);
  EXPECT_EQ(db.run("BEGIN IMMEDIATE; INSERT INTO t(body) VALUES('open')"), SQLITE_OK);
  const auto later = disk.after_kill();
  const auto later_root = later->root();
  Connection again(*later_root);
  EXPECT_EQ(again.ask(kCount), "1");
  EXPECT_EQ(again.run(kInsert), SQLITE_OK);
}

TEST(MemoryVfs, TellsThatTheDatabaseHasMoved) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  int moved = -1;
  const auto ask = [&] {
    return sqlite3_file_control(db.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  };
  EXPECT_EQ(ask(), SQLITE_OK);
  EXPECT_EQ(moved, 0);
  ASSERT_TRUE(root->rename_new("index.1.db", *root, "aside"));
  EXPECT_EQ(ask(), SQLITE_OK);
  EXPECT_EQ(moved, 1);
  root->create("index.1.db", 0600, IfExists::kFail);
  EXPECT_EQ(ask(), SQLITE_OK);
  EXPECT_EQ(moved, 1);
}

TEST(MemoryVfs, KeepsTheLogAtCloseWhenAsked) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  {
    Connection db(*root);
    create_table(db);
    int persist = 1;
    sqlite3_file_control(db.get(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    persist = -1;
    sqlite3_file_control(db.get(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    EXPECT_EQ(persist, 1);
  }
  EXPECT_EQ(disk.names(), (std::vector<std::string>{"index.1.db", "index.1.db-wal"}));
}

TEST(MemoryVfs, KeepsSeveralFileSystemsApart) {
  MemoryFileSystem one;
  MemoryFileSystem two;
  const auto root_one = one.root();
  const auto root_two = two.root();
  Connection first(*root_one);
  Connection second(*root_two);
  create_table(first);
  create_table(second);
  EXPECT_EQ(first.run(kInsert), SQLITE_OK);
  EXPECT_EQ(second.ask(kCount), "0");
}

TEST(MemoryVfs, OpensInASubdirectoryWithTheModeOfTheDatabase) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  root->make_dir("q", 0700);
  const auto sub = root->open_dir("q");
  sub->create("index.1.db", 0640, IfExists::kFail);
  Connection db(*sub);
  create_table(db);
  EXPECT_EQ(sub->status("index.1.db-wal")->mode, 0640U);
  EXPECT_EQ(Connection(*sub, "none/index.1.db").run("SELECT 1"), SQLITE_CANTOPEN);
}

TEST(MemoryVfs, CountsWritersOfSeveralThreads) {
  MemoryFileSystem disk;
  const auto root = disk.root();
  Connection db(*root);
  create_table(db);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        Connection own(*root);
        sqlite3_busy_timeout(own.get(), 10'000);
        for (int i = 0; i < 30; ++i) EXPECT_EQ(own.run(kInsert), SQLITE_OK);
      });
    }
  }
  EXPECT_EQ(db.ask(kCount), "90");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace spoolmq::test
