#pragma once
// A segment as a strange program sees it: mapped, with the C library's mutex, and no care at all.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstring>
#include <string>

#include "adapters/descriptor.h"
#include "adapters/shm_layout.h"
#include "tests/adapters/bridge_rig.h"

namespace spoolmq::adapters::test {

class ShmPeer {
 public:
  explicit ShmPeer(const std::string& path) : file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    struct stat status {};
    EXPECT_EQ(::fstat(file_.number(), &status), 0) << path;
    size_ = static_cast<std::size_t>(status.st_size);
    void* const mapped =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file_.number(), 0);
    EXPECT_NE(mapped, MAP_FAILED);
    bytes_ = static_cast<char*>(mapped);
  }
  ~ShmPeer() { ::munmap(bytes_, size_); }
  ShmPeer(const ShmPeer&) = delete;
  ShmPeer& operator=(const ShmPeer&) = delete;

  template <typename Word>
  std::atomic_ref<Word> word(std::size_t place) {
    return std::atomic_ref(*reinterpret_cast<Word*>(bytes_ + place));
  }
  std::atomic_ref<std::uint64_t> put() { return word<std::uint64_t>(shm::at::kPut); }
  std::atomic_ref<std::uint64_t> freed() { return word<std::uint64_t>(shm::at::kFreed); }
  std::uint32_t entries() { return word<std::uint32_t>(shm::at::kEntries); }
  std::uint32_t entry_bytes() { return word<std::uint32_t>(shm::at::kEntryBytes); }
  std::size_t place(std::uint64_t number) {
    return shm::kHeaderBytes + number % entries() * entry_bytes();
  }
  pthread_mutex_t& mutex() { return *reinterpret_cast<pthread_mutex_t*>(bytes_ + shm::at::kMutex); }
  void lock() {
    int error = ::pthread_mutex_lock(&mutex());
    if (error == EOWNERDEAD) error = ::pthread_mutex_consistent(&mutex());
    EXPECT_EQ(error, 0);
  }
  void unlock() { EXPECT_EQ(::pthread_mutex_unlock(&mutex()), 0); }
  void announce(std::size_t event) {
    word<std::uint32_t>(event).fetch_add(1);
    ::syscall(SYS_futex, bytes_ + event, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
  // Entry `put`, whole but not put yet.
  void write(std::string_view body, std::uint32_t priority = 4) {
    const std::uint64_t number = put();
    const std::size_t at = place(number);
    word<std::uint32_t>(at + shm::entry_at::kLength) = static_cast<std::uint32_t>(body.size());
    word<std::uint32_t>(at + shm::entry_at::kPriority) = priority;
    word<std::uint32_t>(at + shm::entry_at::kVerdict) = 0;
    // By words, as the other side reads them.
    for (std::size_t done = 0; done < body.size(); done += 8) {
      std::uint64_t piece = 0;
      std::memcpy(&piece, body.data() + done, std::min<std::size_t>(8, body.size() - done));
      word<std::uint64_t>(at + shm::kEntryHeaderBytes + done) = piece;
    }
    word<std::uint64_t>(at) = number + 1;
  }
  void put_one(std::string_view body, std::uint32_t priority = 4) {
    lock();
    write(body, priority);
    put().fetch_add(1);
    unlock();
    announce(shm::at::kNews);
  }
  // The next entry's body, freed with this verdict; nullopt: none within 20 s.
  std::optional<std::string> take(std::uint32_t verdict = 0) {
    if (!until([this] { return put() > freed(); })) return std::nullopt;
    const std::uint64_t number = freed();
    std::string body = this->body(number);
    free_one(verdict);
    return body;
  }
  void free_one(std::uint32_t verdict) {
    word<std::uint32_t>(place(freed()) + shm::entry_at::kVerdict) = verdict;
    lock();
    freed().fetch_add(1);
    unlock();
    announce(shm::at::kRoom);
  }
  std::string body(std::uint64_t number) {
    const std::size_t at = place(number);
    std::string body(word<std::uint32_t>(at + shm::entry_at::kLength), '\0');
    for (std::size_t done = 0; done < body.size(); done += 8) {
      const std::uint64_t piece = word<std::uint64_t>(at + shm::kEntryHeaderBytes + done);
      std::memcpy(body.data() + done, &piece, std::min<std::size_t>(8, body.size() - done));
    }
    return body;
  }
  int file() const { return file_.number(); }
  std::size_t size() const { return size_; }

 private:
  Descriptor file_;
  std::size_t size_ = 0;
  char* bytes_ = nullptr;
};

}  // namespace spoolmq::adapters::test
