// What a backup needs of a queue that others go on using.
#include <chrono>
#include <thread>

#include "store/database_copy.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr Milliseconds kBetweenTries{2};

}  // namespace

// Byte 1 is only ever tried by whoever cleans up, so nobody waits for us.
QueueImpl::Stillness::Stillness(QueueImpl& queue)
    : queue_(queue), one_thread_(queue.maintenance_mutex_) {
  const auto deadline = std::chrono::steady_clock::now() + queue.options_.lock_wait;
  while (!queue.lock_.try_byte(layout::kByteMaintenance)) {
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorCode::kTryAgain, "back up", queue.name(),
                  "another process has been cleaning it up, or backing it up, for too long");
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

QueueImpl::Stillness::~Stillness() { queue_.lock_.release_byte(layout::kByteMaintenance); }

std::uint64_t QueueImpl::copy_databases(QueueDir& to) {
  std::uint64_t generation = 0;
  {
    WriterLock::Hold hold = lock_.take(layout::Purpose::kMaintain);
    transact_held(hold, [this](Session& session) {
      harvest(session);
      probe_slots(session);
    });
    generation = index_.generation();
    to.create(to.dir(), names::index_file(generation), IfExists::kFail);
    copy_index(index_.db(), to.dir(), generation);
  }
  // Behind the index and before the spool files: what it has just learnt is on its way into the
  // queue under the same id, or there.
  if (dir_.dir().status(names::kImports)) {
    to.create(to.dir(), names::kImports, IfExists::kFail);
    copy_imports(dir_.dir(), to.dir());
  }
  return generation;
}

std::optional<std::uint64_t> QueueImpl::confirmed_end(const MessageId& segment) {
  for (const HandleTable::Slot& slot : handles_.read(lock_.peek().slots)) {
    if (slot.record.segment == segment && slot.record.durable_end != 0) {
      return slot.record.durable_end;
    }
  }
  return std::nullopt;
}

void QueueImpl::forget_shared_memory() {
  hot_cache_.retire();
  Doorbell::remove(SharedMemory(dir_.dir().status(), {}, 0));
}

}  // namespace spoolmq
