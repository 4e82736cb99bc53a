#pragma once
// imports.db: what the directory adapters of one queue must remember to move every file and every
// message once. Not disposable; no rebuild of the index touches it.
// Every transaction is synced before commit() returns: a rollback journal that is truncated and
// synced (journal_mode=TRUNCATE, synchronous=FULL), which needs no shared memory and has no log
// that two processes could reset under each other. Any number of processes may have it open; each
// waits at most 10 s for another's transaction, then Error(kTryAgain).
// Throws Error. Not thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/file_system.h"
#include "spoolmq/id.h"

struct sqlite3;
struct sqlite3_stmt;

namespace spoolmq::adapters {

// Names one directory for as long as its file system stays mounted.
struct DirectoryIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};
DirectoryIdentity identify(Dir& directory);

class IdentityDatabase {
 public:
  // Opens imports.db in the queue's directory, or creates it with these permission bits and, for
  // the superuser, the directory's owner and group.
  IdentityDatabase(Dir& queue_directory, std::uint32_t mode);
  // One statement in use at a time per object; parameters from 1, columns from 0.
  class Statement {
   public:
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    Statement& bind(int at, std::uint64_t value);
    Statement& bind(int at, std::int64_t value);
    Statement& bind(int at, const std::optional<std::uint64_t>& value);
    Statement& bind(int at, const std::string& text);  // must outlive the step
    Statement& bind(int at, const MessageId& id);      // must outlive the step
    bool step();                                       // true: a row is there
    void run();                                        // to the end, ready for the next binds
    void reset();

    [[nodiscard]] std::uint64_t unsigned_integer(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] MessageId id(int column) const;  // Error(kBadData) where there is none

   private:
    friend class IdentityDatabase;
    Statement(IdentityDatabase& database, sqlite3_stmt* statement)
        : database_(database), statement_(statement) {}
    IdentityDatabase& database_;
    sqlite3_stmt* statement_;  // null: moved from
  };
  // One that was used before is used again. The object must outlive it.
  Statement prepare(std::string_view sql);

  // Holds the write lock from its birth; undone unless commit() returned.
  class Transaction {
   public:
    explicit Transaction(IdentityDatabase& database);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();
    void commit();  // on return what it did survives a power cut

   private:
    IdentityDatabase& database_;
    bool open_ = true;
  };

 private:
  void execute(const char* sql);
  void take_back(sqlite3_stmt* statement) noexcept;
  [[noreturn]] void fail(int code) const;

  std::string path_;
  struct Close {
    void operator()(sqlite3* db) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
  // By their texts; null: in use.
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, std::less<>> idle_;
};

}  // namespace spoolmq::adapters
