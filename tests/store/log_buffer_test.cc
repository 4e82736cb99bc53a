// SQLite itself above the buffer, and below it a file that counts and refuses.

#include "store/log_buffer.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <string>

#include "store/checked_vfs.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::test {
namespace {

// ---- What is written below

struct Below {
  int writes = 0;
  sqlite3_int64 bytes = 0;
  int code = SQLITE_OK;  // what the next write is answered
};
Below below;

int count_write(sqlite3_file* /*file*/, const void* /*from*/, int amount, sqlite3_int64 /*at*/) {
  ++below.writes;
  below.bytes += amount;
  return below.code;
}

class LogBufferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    below = {};
    methods_.xWrite = count_write;
    file_.pMethods = &methods_;
  }
  int header(bool commits, sqlite3_int64 at) {
    std::string bytes(LogBuffer::kFrameHeaderBytes, '\0');
    if (commits) bytes[7] = 9;
    return buffer_.write(&file_, bytes.data(), static_cast<int>(bytes.size()), at);
  }
  int page(sqlite3_int64 at) {
    const std::string bytes(kPageBytes, 'p');
    return buffer_.write(&file_, bytes.data(), static_cast<int>(bytes.size()), at);
  }
  static constexpr sqlite3_int64 kFrame = LogBuffer::kFrameHeaderBytes + kPageBytes;
  int frame(bool commits, sqlite3_int64 at) {
    const int code = header(commits, at);
    return code == SQLITE_OK ? page(at + LogBuffer::kFrameHeaderBytes) : code;
  }

  sqlite3_io_methods methods_{};
  sqlite3_file file_{};
  LogBuffer buffer_;
};

TEST_F(LogBufferTest, WritesATransactionAtOnceWithItsCommit) {
  EXPECT_EQ(frame(false, 32), SQLITE_OK);
  EXPECT_EQ(frame(false, 32 + kFrame), SQLITE_OK);
  EXPECT_EQ(below.writes, 0);
  EXPECT_EQ(frame(true, 32 + 2 * kFrame), SQLITE_OK);
  EXPECT_EQ(below.writes, 1);
  EXPECT_EQ(below.bytes, 3 * kFrame);
}

TEST_F(LogBufferTest, ARefusalIsTheCommits) {
  EXPECT_EQ(frame(false, 32), SQLITE_OK);
  below.code = SQLITE_FULL;
  EXPECT_EQ(frame(true, 32 + kFrame), SQLITE_FULL);
  below.code = SQLITE_OK;
  EXPECT_EQ(buffer_.flush(&file_), SQLITE_OK);
  EXPECT_EQ(below.writes, 1);  // and is not tried again behind SQLite's back
}

TEST_F(LogBufferTest, WritesWhatIsNoFrameAtOnceAndBehindTheFrames) {
  const std::string head(32, 'h');
  EXPECT_EQ(buffer_.write(&file_, head.data(), 32, 0), SQLITE_OK);
  EXPECT_EQ(below.writes, 1);
  EXPECT_EQ(frame(false, 32), SQLITE_OK);
  EXPECT_EQ(buffer_.write(&file_, head.data(), 32, 0), SQLITE_OK);
  EXPECT_EQ(below.writes, 3);
}

TEST_F(LogBufferTest, WritesWhatDoesNotFollowByItself) {
  EXPECT_EQ(frame(false, 32), SQLITE_OK);
  EXPECT_EQ(frame(true, 32), SQLITE_OK);  // after a rollback, the same place again
  EXPECT_EQ(below.writes, 2);
}

TEST_F(LogBufferTest, KeepsNoMoreThanSQLiteWritesAtOnce) {
  for (sqlite3_int64 i = 0; i < 100; ++i) EXPECT_EQ(frame(i == 99, 32 + i * kFrame), SQLITE_OK);
  EXPECT_EQ(below.bytes, 100 * kFrame);
  EXPECT_EQ(below.writes, 4);
}

// ---- The whole of it, on a disk

class Connection {
 public:
  explicit Connection(const std::string& path) {
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              checked_vfs(nullptr)),
              SQLITE_OK);
    int reserved = kPageChecksumBytes;
    sqlite3_file_control(db_, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
    run("PRAGMA cache_size = 10");  // pages go to the log before their transaction's end
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { sqlite3_close(db_); }
  void run(const std::string& sql) {
    char* why = nullptr;
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &why), SQLITE_OK) << why;
    sqlite3_free(why);
  }
  std::string ask(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
    std::string answer;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      answer.assign(
          static_cast<const char*>(static_cast<const void*>(sqlite3_column_text(statement, 0))));
    }
    sqlite3_finalize(statement);
    return answer;
  }

 private:
  sqlite3* db_ = nullptr;
};

TEST(LogBufferOnDisk, TransactionsOfAnySizeAreWhatOthersRead) {
  const TemporaryDirectory directory;
  Connection writer(directory.at("x.db"));
  writer.run("CREATE TABLE t (n INTEGER PRIMARY KEY, bytes BLOB)");
  Connection reader(directory.at("x.db"));
  int rows = 0;
  for (const int more : {1, 7, 100, 3000}) {
    writer.run("BEGIN");
    for (int i = 0; i < more; ++i) {
      writer.run("INSERT INTO t VALUES (" + std::to_string(++rows) + ", zeroblob(3000))");
    }
    writer.run("COMMIT");
    EXPECT_EQ(reader.ask("SELECT count(*) FROM t"), std::to_string(rows));
    EXPECT_EQ(reader.ask("PRAGMA integrity_check"), "ok");
  }
  // What was written of it already is written again over the same frames.
  writer.run("BEGIN");
  writer.run("UPDATE t SET bytes = zeroblob(2000)");
  writer.run("ROLLBACK");
  writer.run("INSERT INTO t VALUES (0, 'last')");
  EXPECT_EQ(reader.ask("SELECT count(*) FROM t WHERE length(bytes) = 3000"), std::to_string(rows));
  EXPECT_EQ(reader.ask("SELECT bytes FROM t WHERE n = 0"), "last");
  EXPECT_EQ(reader.ask("PRAGMA integrity_check"), "ok");
  writer.run("PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_EQ(reader.ask("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace spoolmq::test
