#pragma once
// What the SQLite connections of one file of the in-memory twin share: the five lock levels of a
// database (https://www.sqlite.org/lockingv3.html) and the shared memory of its WAL. In process
// memory, so a power cut loses it, and so does the end of the last connection.
// Guarded by the mutex of the file's Disk; the regions' bytes by SQLite's own protocol.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace spoolmq::test {

class DatabaseLocks {
 public:
  using Owner = const void*;

  // Raises `held` of this owner to `wanted` (SQLITE_LOCK_*), or partly: to PENDING on the way to
  // EXCLUSIVE. False: busy.
  bool raise(Owner owner, int& held, int wanted);
  void lower(Owner owner, int& held, int wanted);
  [[nodiscard]] bool is_reserved() const { return reserved_ != nullptr || pending_ != nullptr; }

 private:
  int shared_ = 0;            // owners at SHARED or above
  Owner reserved_ = nullptr;  // at RESERVED or above
  Owner pending_ = nullptr;   // at PENDING or above: nobody new may read
};

class SharedMemory {
 public:
  static constexpr int kSlots = 8;  // SQLITE_SHM_NLOCK

  // What one connection holds, a bit per slot.
  struct Held {
    unsigned shared = 0;
    unsigned exclusive = 0;
  };

  // The region's bytes; nullptr where it does not exist and `extend` is false.
  std::byte* region(int number, int bytes, bool extend);
  bool lock_shared(Held& held, unsigned mask);
  bool lock_exclusive(Held& held, unsigned mask);
  void unlock(Held& held, unsigned mask);

  void connect() { ++connections_; }
  void disconnect();

 private:
  int connections_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> regions_;
  std::array<int, kSlots> readers_{};
  unsigned exclusive_ = 0;  // slots, whoever holds them
};

struct SqliteFileState {
  DatabaseLocks locks;
  SharedMemory memory;
};

}  // namespace spoolmq::test
