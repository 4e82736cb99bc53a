#include "cli/bench/machine_limits.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cli/bench/bench_place.h"
#include "cli/bench/side_by_side.h"

namespace spoolmq::bench {
namespace {

constexpr off_t kFileBytes = off_t{16} << 20;
constexpr int kTableRows = 20'000;

class Descriptor {
 public:
  explicit Descriptor(int fd, const char* what) : fd_(fd) { must(fd >= 0, what); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class Database {
 public:
  explicit Database(const std::string& path) {
    check(sqlite3_open(path.c_str(), &db_));
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=FULL");
    execute("CREATE TABLE t(id INTEGER PRIMARY KEY, state INTEGER, pad BLOB)");
    execute("BEGIN");
    execute(("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" +
             std::to_string(kTableRows) + ") INSERT INTO t SELECT i,0,zeroblob(100) FROM n")
                .c_str());
    execute("COMMIT");
    check(sqlite3_prepare_v2(db_, "UPDATE t SET state=state+1 WHERE id=?1", -1, &update_, nullptr));
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    sqlite3_finalize(update_);
    sqlite3_close(db_);
  }

  void execute(const char* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
  void change(int row) {
    sqlite3_bind_int(update_, 1, row);
    if (sqlite3_step(update_) != SQLITE_DONE) throw failed(sqlite3_errmsg(db_));
    sqlite3_reset(update_);
  }

 private:
  void check(int code) {
    if (code != SQLITE_OK) throw failed(sqlite3_errmsg(db_));
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
};

int preallocated(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0 && ::posix_fallocate(fd, 0, kFileBytes) == 0 && ::fsync(fd) == 0, "preallocate");
  return fd;
}

// At `at`, which moves on.
void append_synced(int file, const std::string& body, off_t& at) {
  const auto step = static_cast<off_t>(body.size());
  if (at + step > kFileBytes) at = 0;
  must(::pwrite(file, body.data(), body.size(), at) == static_cast<ssize_t>(body.size()), "write");
  must(::fdatasync(file) == 0, "fdatasync");
  at += step;
}

double append_until(const Descriptor& file, std::size_t bytes, const Stretch& stretch) {
  const std::string body(bytes, 'x');
  double done = 0;
  off_t at = 0;
  while (!stretch.over()) {
    append_synced(file.get(), body, at);
    ++done;
  }
  return done;
}

// A file without a name, written, synced, and then given one.
void make_synced(int directory, const std::string& name, const std::string& body) {
  const Descriptor file(::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), "open");
  must(::pwrite(file.get(), body.data(), body.size(), 0) == static_cast<ssize_t>(body.size()),
       "write");
  must(::fdatasync(file.get()) == 0, "fdatasync");
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  must(::linkat(AT_FDCWD, self.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0, "link");
}

}  // namespace

double appends_per_second(const std::string& directory, std::size_t bytes, int processes,
                          double seconds) {
  return per_second_of(processes, seconds, [&](int number, const Stretch& stretch) {
    const Descriptor file(preallocated(directory + "/append-" + std::to_string(number)), "open");
    stretch.start();
    return append_until(file, bytes, stretch);
  });
}

AppendLimit::AppendLimit(const std::string& directory, std::size_t bytes)
    : file_(preallocated(directory + "/append-limit")), body_(bytes, 'x') {}

AppendLimit::~AppendLimit() { ::close(file_); }

void AppendLimit::append() {
  const double began = now_seconds();
  append_synced(file_, body_, at_);
  took_us_.push_back((now_seconds() - began) * 1e6);
}

double new_files_per_second(const std::string& directory, std::size_t bytes, int together,
                            double seconds) {
  const std::string body(bytes, 'x');
  const Descriptor dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open");
  const double began = now_seconds();
  long done = 0;
  while (now_seconds() - began < seconds) {
    for (int i = 0; i < together; ++i) {
      make_synced(dir.get(), "file-" + std::to_string(done++), body);
    }
    must(::fsync(dir.get()) == 0, "fsync");
  }
  return static_cast<double>(done) / (now_seconds() - began);
}

double new_files_by_threads_per_second(const std::string& directory, std::size_t bytes, int threads,
                                       double seconds) {
  const std::string body(bytes, 'x');
  const Descriptor dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open");
  const double began = now_seconds();
  std::atomic<long> done{0};
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> running;
    for (int number = 0; number < threads; ++number) {
      running.emplace_back([&] {
        try {
          while (now_seconds() - began < seconds) {
            make_synced(dir.get(), "file-" + std::to_string(done++), body);
            must(::fsync(dir.get()) == 0, "fsync");
          }
        } catch (const Error&) {
          ++failures;
        }
      });
    }
  }
  if (failures > 0) throw failed("new files could not be made");
  return static_cast<double>(done) / (now_seconds() - began);
}

double commits_per_second(const std::string& directory, int rows, double seconds) {
  Database database(directory + "/commits.db");
  const double began = now_seconds();
  double done = 0;
  int row = 0;
  while (now_seconds() - began < seconds) {
    database.execute("BEGIN IMMEDIATE");
    for (int i = 0; i < rows; ++i) database.change(row++ % kTableRows + 1);
    database.execute("COMMIT");
    ++done;
  }
  return done / (now_seconds() - began);
}

}  // namespace spoolmq::bench
