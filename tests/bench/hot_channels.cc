#include "tests/bench/hot_channels.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "core/file_system.h"
#include "core/futex.h"
#include "core/record_codec.h"
#include "spoolmq/tail.h"
#include "store/hot_cache_reader.h"
#include "cli/bench/bench_place.h"

namespace spoolmq::bench {
namespace {

constexpr char kName[] = "bench";
constexpr std::uint64_t kRingBytes = 1 << 20;  // as a queue has it by default
constexpr std::uint32_t kOwner = 7;
constexpr int kReadsPerThoroughLook = 64;  // as a tail does

SharedMemory memory_of(const std::string& directory) {
  return {open_posix_dir(directory)->status(), directory, 0600};
}

std::string made_queue(const std::string& directory) {
  Root root = Root::open(directory);
  root.create_queue(kName);
  return root.open_queue(kName).path();
}

class RingChannel final : public Channel {
 public:
  RingChannel(const std::string& directory, std::size_t body_bytes)
      : sender_(directory, body_bytes) {}
  void begin_receiving() override { reader_.emplace(sender_.ring()); }
  void prepare(int number) override { sender_.prepare(number); }
  void send() override { sender_.send(); }
  int receive() override {
    using Got = HotCacheReader::Got;
    using Look = HotCacheReader::Look;
    for (int i = 1;; ++i) {
      const Look look = i % kReadsPerThoroughLook == 0 ? Look::kThorough : Look::kQuick;
      const Got got = reader_->read(look);
      if (got == Got::kMessage) return HotSender::number_in(reader_->record().body);
      // The sender was stopped half way through, for longer than readers wait.
      if (got != Got::kNothing) return kMissed;
    }
  }

 private:
  HotSender sender_;
  std::optional<HotCacheReader> reader_;
};

class TailChannel final : public Channel {
 public:
  TailChannel(const std::string& directory, std::size_t body_bytes, Waiting waiting)
      : directory_(directory), sender_(made_queue(directory), body_bytes), waiting_(waiting) {}
  void begin_receiving() override {
    queue_.emplace(Root::open(directory_).open_queue(kName));
    tail_.emplace(queue_->tail({}));
    if (!tail_->is_hot()) throw std::runtime_error("the tail has no hot cache");
  }
  void prepare(int number) override { sender_.prepare(number); }
  void send() override { sender_.send(); }
  int receive() override {
    const std::uint64_t gaps = tail_->counts().gaps;
    const TailMessage* message = nullptr;
    while (message == nullptr) {
      if (tail_->counts().gaps != gaps) return kMissed;
      message = waiting_ == Waiting::kSleeps ? tail_->wait(std::nullopt) : tail_->poll();
    }
    return HotSender::number_in(std::as_bytes(std::span(message->body())));
  }

 private:
  std::string directory_;
  HotSender sender_;
  Waiting waiting_;
  std::optional<Queue> queue_;
  std::optional<Tail> tail_;
};

class WordChannel final : public Channel {
 public:
  explicit WordChannel(Waiting waiting) : waiting_(waiting) {
    void* const memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    word_ = new (memory) std::uint32_t{0};
  }
  ~WordChannel() override { ::munmap(word_, kBytes); }
  void prepare(int number) override { next_ = static_cast<std::uint32_t>(number) + 1; }
  void send() override {
    std::atomic_ref(*word_).store(next_);
    if (waiting_ == Waiting::kSleeps) wake_futex(*word_, INT_MAX);
  }
  int receive() override {
    const std::uint32_t last = next_;
    while (std::atomic_ref(*word_).load() == last) {
      if (waiting_ == Waiting::kSleeps) wait_futex(*word_, last, kLongest);
    }
    next_ = std::atomic_ref(*word_).load();
    return static_cast<int>(next_) - 1;
  }

 private:
  static constexpr std::size_t kBytes = 4096;
  static constexpr std::chrono::milliseconds kLongest{250};
  Waiting waiting_;
  std::uint32_t* word_;
  std::uint32_t next_ = 0;
};

}  // namespace

HotSender::HotSender(const std::string& directory, std::size_t body_bytes)
    : cache_(memory_of(directory), kName, true, HotCache::Stay::kLong),
      ring_(cache_.current(kRingBytes, HotCache::kNoSlot)),
      writer_(kOwner, [](std::uint32_t) { return false; }),
      offset_(record::kFileHeaderBytes + record::kGroupHeaderBytes) {
  if (!ring_) throw std::runtime_error("no hot cache below /dev/shm");
  message_.body.assign(body_bytes, 'x');
}

HotSender::~HotSender() { cache_.retire(); }

void HotSender::prepare(int number) {
  std::memcpy(message_.body.data(), &number, sizeof number);
  std::array<std::uint8_t, MessageId::kBytes> id{1};
  std::memcpy(id.data() + 8, &number, sizeof number);
  message_.id = MessageId(id);
  offset_ += record_.size();
  record_.clear();
  record::encode(message_, 0, MessageId(), offset_, record_);
}

void HotSender::send() {
  writer_.publish(
      *ring_,
      {message_.id, {MessageId(), names::SpoolKind::kBinary, offset_, record_.size()}, 0, record_});
  ring_->wake();
}

int HotSender::number_in(std::span<const std::byte> body) {
  int number = 0;
  if (body.size() < sizeof number) throw std::runtime_error("a body that was not sent");
  std::memcpy(&number, body.data(), sizeof number);
  return number;
}

std::unique_ptr<Channel> ring_channel(const std::string& directory, std::size_t body_bytes) {
  return std::make_unique<RingChannel>(directory, body_bytes);
}

std::unique_ptr<Channel> tail_channel(const std::string& directory, std::size_t body_bytes,
                                      Waiting waiting) {
  return std::make_unique<TailChannel>(directory, body_bytes, waiting);
}

std::unique_ptr<Channel> word_channel(Waiting waiting) {
  return std::make_unique<WordChannel>(waiting);
}

}  // namespace spoolmq::bench
