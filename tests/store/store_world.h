#pragma once
// A root with one queue "q", as one process sees it, under a clock that tests turn. On the
// in-memory twin, or in a directory of the real file system that goes with the world.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::test {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return wall_; }
  [[nodiscard]] std::int64_t boot_ms() const override { return boot_; }
  [[nodiscard]] std::string boot_id() const override;

  void advance(Milliseconds by);  // both clocks
  void step_wall(Milliseconds by) { wall_ += by.count(); }
  void start_new_boot(Milliseconds after);  // the wall clock goes on by `after`

 private:
  std::atomic<std::int64_t> wall_{1'800'000'000'000};
  std::atomic<std::int64_t> boot_{1'000'000};
  std::atomic<int> boots_{1};
};

enum class On : std::uint8_t { kTwin, kDisk };

class StoreWorld {
 public:
  explicit StoreWorld(const Settings& settings = {}, On on = On::kTwin);
  StoreWorld(const StoreWorld&) = delete;
  StoreWorld& operator=(const StoreWorld&) = delete;
  ~StoreWorld();

  FakeClock& clock() { return *clock_; }
  MemoryFileSystem& disk() { return *disk_; }                      // twin only
  [[nodiscard]] const std::string& path() const { return path_; }  // of the root; disk only
  Root& root() { return *root_; }
  Queue& queue();  // opened on first use; no thread of its own
  // One more handle. Without `options.clock` it uses the world's.
  Queue open(std::string_view name = "q", OpenOptions options = no_thread());
  Queue create(std::string_view name, const Settings& settings = {});
  void reopen();  // closes queue() in order; the next use opens it again
  // Twin only. Names are kept; kLost: but not one byte that was not synced.
  void power_cut(Milliseconds after, Bytes unsynced = Bytes::kKept);
  std::unique_ptr<Dir> queue_dir(std::string_view name = "q");
  // The spool files of a queue, as "xx/UUID.seg".
  std::vector<std::string> spool_files(std::string_view name = "q");

  static OpenOptions no_thread();

 private:
  void open_root();

  std::shared_ptr<FakeClock> clock_ = std::make_shared<FakeClock>();
  std::unique_ptr<MemoryFileSystem> disk_;
  std::string path_;
  std::optional<Root> root_;
  std::optional<Queue> queue_;
};

Message text(std::string body);
Message keyed(std::string body, std::string order_key);
MessageId id_of(std::string_view text);  // 36 characters
MessageId some_id(int number);           // valid, and the same for the same number

// The next message's body, acknowledged; "(none)" if there is none.
std::string take(Queue& queue);
std::vector<std::string> drain(Queue& queue);
std::string body_of(const Delivery& delivery);  // inline or large
// Of bodies "sender:number", where each sender's are to come in their order from 0, and each once:
// the first that does not, or how many did not come; "" if all is well.
std::string disorder(const std::vector<std::string>& bodies, int senders, int each);
std::int64_t count(Queue& queue, State state);
std::int64_t total(Queue& queue);  // of all states
std::vector<MessageStatus> everything(Queue& queue);

// The code of the Error that `act` throws; nullopt if it returns.
std::optional<ErrorCode> refusal(const std::function<void()>& act);
// Looks again and again, for at most ten seconds, until `done`; false if it never was.
bool eventually(const std::function<bool()>& done);

}  // namespace spoolmq::test
