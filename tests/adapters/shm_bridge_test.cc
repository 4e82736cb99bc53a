// shm-in and shm-out, with a peer that knows the layout and the C library's mutex.

#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>

#include "adapters/robust_lock.h"
#include "tests/adapters/shm_rig.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters::test {
namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

class ShmBridge : public ::testing::Test {
 protected:
  Keys keys(const Keys& further = {}) {
    Keys all{{"path", path_}, {"create", "true"}, {"entries", "8"}, {"message-bytes", "1000"}};
    all.insert(all.end(), further.begin(), further.end());
    return all;
  }
  MessageId send(const std::string& body, std::uint16_t priority = kDefaultPriority) {
    Message message;
    message.body = body;
    message.priority = priority;
    return world_.queue().send(std::move(message));
  }
  std::int64_t count(State state) { return world_.queue().stats().of(state).messages; }
  // A process that does that and is stopped or killed in the middle: it never returns.
  template <typename Act>
  static pid_t child(const Act& act) {
    const pid_t process = ::fork();
    if (process == 0) {
      act();
      ::_exit(0);
    }
    return process;
  }
  static void reap(pid_t process) {
    ::kill(process, SIGKILL);
    EXPECT_EQ(::waitpid(process, nullptr, 0), process);
  }

  DirectoryWorld world_;
  const spoolmq::test::TemporaryDirectory there_;
  const std::string path_ = there_.at("segment");
};

TEST_F(ShmBridge, FreesAnEntryOnceItsMessageIsDurable) {
  BridgeRig rig(world_, "shm-in", keys());
  ShmPeer peer(path_);
  peer.put_one("one", 7);
  peer.put_one(std::string(1000, 'x'), 32767);
  peer.put_one("", 0);
  EXPECT_EQ(peer.freed(), 0U);
  rig.start();
  ASSERT_TRUE(until([&] { return peer.freed() == 3; }));
  rig.end();
  world_.restart(Cut::kPowerNamesLost);
  std::map<std::string, int> got;
  while (auto delivery = world_.queue().receive()) {
    got[delivery->message().body] = delivery->message().priority;
    delivery->ack();
  }
  EXPECT_EQ(got,
            (std::map<std::string, int>{{"", 0}, {"one", 7}, {std::string(1000, 'x'), 32767}}));
}

TEST_F(ShmBridge, FreesNothingThatAFullQueueDoesNotTake) {
  Settings bounded;
  bounded.capacity = 2;
  DirectoryWorld world(bounded);
  BridgeRig rig(world, "shm-in", keys());
  ShmPeer peer(path_);
  for (int i = 0; i < 8; ++i) peer.put_one(std::to_string(i));
  rig.start();
  EXPECT_EQ(rig.error().code(), ErrorCode::kTryAgain);
  rig.end();
  EXPECT_LE(peer.freed(), 2U);
  rig.make();
  rig.start();
  std::set<std::string> got;  // what was durable and not freed comes again
  ASSERT_TRUE(until([&] {
    for (const std::string& body : world.drain()) got.insert(body);
    return peer.freed() == 8 && got.size() == 8;
  }));
}

TEST_F(ShmBridge, RefusesBadEntriesAndGoesOn) {
  BridgeRig rig(world_, "shm-in", keys());
  ShmPeer peer(path_);
  const std::size_t lengths[] = {0xffffffff, 0x80000000, 1001 + 64, 1024 - 64 + 65};
  for (const std::size_t length : lengths) {
    peer.write("x");
    peer.word<std::uint32_t>(peer.place(peer.put()) + shm::entry_at::kLength) =
        static_cast<std::uint32_t>(length);
    peer.put().fetch_add(1);
  }
  peer.write("x", 32768);
  peer.put().fetch_add(1);
  peer.write("x");
  peer.word<std::uint64_t>(peer.place(peer.put())) = 17;
  peer.put().fetch_add(1);
  peer.put_one("good");
  rig.start();
  ASSERT_TRUE(until([&] { return peer.freed() == 7; }));
  EXPECT_EQ(rig.counters.refused, 6U);
  EXPECT_EQ(rig.refused().at(0), "the entry states a length of 4294967295 bytes, more than 1024");
  EXPECT_EQ(rig.refused().at(4), "the entry states a priority of 32768");
  EXPECT_EQ(rig.refused().at(5), "the entry's number is another one's");
  for (std::uint64_t number = 0; number < 6; ++number) {
    EXPECT_EQ(peer.word<std::uint32_t>(peer.place(number) + shm::entry_at::kVerdict), 65U);
  }
  EXPECT_EQ(world_.drain(), (std::multiset<std::string>{"good"}));
}

TEST_F(ShmBridge, StopsAtCountersThatCannotBe) {
  const std::pair<std::uint64_t, std::uint64_t> wrong[] = {
      {9, 0}, {0, 1}, {~std::uint64_t{0}, 0}, {std::uint64_t{1} << 63, 1}, {3, 2}};
  for (const auto& [put, freed] : wrong) {
    BridgeRig rig(world_, "shm-in", keys());
    ShmPeer peer(path_);
    rig.start();
    // Not until it has looked once.
    peer.put_one("first");
    ASSERT_TRUE(until([&] { return peer.freed() == 1; }));
    peer.freed() = freed;
    peer.put() = put;
    peer.announce(shm::at::kNews);
    EXPECT_EQ(rig.error().code(), ErrorCode::kUnavailable) << put << " " << freed;
    rig.end();
    std::filesystem::remove(path_);
  }
}

TEST_F(ShmBridge, SurvivesAPeerKilledWithTheLockInTheMiddleOfAnEntry) {
  BridgeRig rig(world_, "shm-in", keys());
  ShmPeer peer(path_);
  rig.start();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const pid_t process = child([&] {
      peer.lock();
      peer.write("torn");
      peer.word<std::uint32_t>(peer.place(peer.put()) + shm::entry_at::kLength) = 0xffffffff;
      ::pause();
    });
    ASSERT_TRUE(until([&] {
      return (peer.word<std::uint32_t>(shm::at::kMutex) & FUTEX_TID_MASK) ==
             static_cast<std::uint32_t>(process);
    }));
    reap(process);
    peer.put_one(std::to_string(i));
    ASSERT_TRUE(until([&] { return peer.freed() == i + 1; }));
  }
  EXPECT_EQ(world_.drain().size(), 10U);
  EXPECT_EQ(rig.counters.refused, 0U);
}

TEST_F(ShmBridge, APeerStoppedWithTheLockDelaysOnlyThisBridge) {
  BridgeRig rig(world_, "shm-in", keys());
  ShmPeer peer(path_);
  const pid_t process = child([&] {
    peer.lock();
    ::raise(SIGSTOP);
    peer.write("late");
    peer.put().fetch_add(1);
    peer.unlock();
    peer.announce(shm::at::kNews);
    ::pause();
  });
  ASSERT_EQ(::waitpid(process, nullptr, WUNTRACED), process);
  rig.start();
  const Error error = rig.error();
  EXPECT_EQ(error.code(), ErrorCode::kTryAgain);
  EXPECT_EQ(error.why(), "thread " + std::to_string(process) +
                             " has had the lock for seconds; it may be stopped");
  // A turn never waits for it.
  rig.stop();
  const auto begin = std::chrono::steady_clock::now();
  try {
    rig.adapter->interrupt();
    rig.adapter->turn();
  } catch (const Error&) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{900});
  rig.start();
  ::kill(process, SIGCONT);
  ASSERT_TRUE(until([&] { return peer.freed() == 1; }));
  reap(process);
  EXPECT_EQ(world_.drain(), (std::multiset<std::string>{"late"}));
}

TEST_F(ShmBridge, NoticesThatItWasShortenedAndDoesNotDie) {
  for (const char* const type : {"shm-in", "shm-out"}) {
    BridgeRig rig(world_, type, keys({{"entries", "64"}}));
    ShmPeer peer(path_);
    rig.start();
    send("something to put");
    if (std::string(type) == "shm-in") peer.put_one("before");
    ASSERT_EQ(::ftruncate(peer.file(), 0), 0);
    const Error error = rig.error();
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_EQ(error.why(), "the segment was shortened while in use");
    rig.end();
    std::filesystem::remove(path_);
  }
  EXPECT_EQ(world_.queue().stats().totals.failures, 0);
}

TEST_F(ShmBridge, NoticesThatItWasRemovedAfterWhatIsInIt) {
  BridgeRig rig(world_, "shm-in", keys());
  ShmPeer peer(path_);
  peer.put_one("before");
  std::filesystem::remove(path_);
  rig.start();
  ASSERT_TRUE(until([&] { return peer.freed() == 1; }));
  world_.clock().ahead_ms += 1000;
  const Error error = rig.error();
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.why(), "the segment was removed while in use");
}

TEST_F(ShmBridge, HasOneConsumer) {
  const BridgeRig rig(world_, "shm-in", keys());
  try {
    const BridgeRig second(world_, "shm-in", keys());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_EQ(error.why(), "another program is its consumer");
  }
}

TEST_F(ShmBridge, IsAcknowledgedWhenTheConsumerFreedTheEntry) {
  for (int i = 0; i < 20; ++i) send(std::to_string(i));
  BridgeRig rig(world_, "shm-out", keys());
  ShmPeer peer(path_);
  rig.start();
  ASSERT_TRUE(until([&] { return peer.put() == 8; }));  // full
  EXPECT_EQ(rig.counters.moved, 0U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(peer.take(), std::to_string(i));
  ASSERT_TRUE(until([&] { return rig.counters.moved == 20; }));
  EXPECT_EQ(count(State::kLeased), 0);
}

TEST_F(ShmBridge, HeedsTheConsumersVerdict) {
  BridgeRig rig(world_, "shm-out", keys());
  ShmPeer peer(path_);
  const MessageId bad = send("bad");
  const MessageId again = send("again");
  const MessageId wild = send("wild");
  rig.start();
  ASSERT_TRUE(peer.take(65));
  ASSERT_TRUE(peer.take(75));
  ASSERT_TRUE(peer.take(0xffffffff));
  ASSERT_TRUE(until([&] { return count(State::kDead) == 1 && count(State::kDelayed) == 2; }));
  EXPECT_EQ(world_.queue().status(bad)->reason, "rejected: the consumer's verdict is 65");
  EXPECT_EQ(world_.queue().status(again)->counters.failures, 1);
  EXPECT_EQ(world_.queue().status(wild)->counters.failures, 1);
}

TEST_F(ShmBridge, PausesWithoutAFailureWhenTheConsumerSaysSo) {
  BridgeRig rig(world_, "shm-out", keys());
  ShmPeer peer(path_);
  const MessageId id = send("x");
  rig.start();
  ASSERT_TRUE(peer.take(69));
  EXPECT_EQ(rig.error().code(), ErrorCode::kUnavailable);
  rig.end();
  EXPECT_EQ(world_.queue().status(id)->state, State::kReady);
  EXPECT_EQ(world_.queue().status(id)->counters.failures, 0);
}

TEST_F(ShmBridge, DoesNotPutTwiceWhatIsThereStill) {
  for (int i = 0; i < 5; ++i) send(std::to_string(i));
  BridgeRig rig(world_, "shm-out", keys());
  ShmPeer peer(path_);
  rig.start();
  ASSERT_TRUE(until([&] { return peer.put() == 5; }));
  EXPECT_EQ(peer.take(), "0");
  ASSERT_TRUE(until([&] { return rig.counters.moved == 1; }));
  rig.end();
  EXPECT_EQ(count(State::kReady), 4);
  send("5");
  rig.make();
  rig.start();
  ASSERT_TRUE(until([&] { return peer.put() == 6; }));  // it has looked
  for (int i = 1; i < 6; ++i) EXPECT_EQ(peer.take(), std::to_string(i));
  ASSERT_TRUE(until([&] { return rig.counters.moved == 6; }));
  EXPECT_EQ(peer.put(), 6U);
}

TEST_F(ShmBridge, RefusesWhatIsLargerThanAnEntry) {
  BridgeRig rig(world_, "shm-out", keys());
  ShmPeer peer(path_);
  send(std::string(1025, 'x'));
  send(std::string(1024, 'y'));
  rig.start();
  EXPECT_EQ(peer.take(), std::string(1024, 'y'));
  ASSERT_TRUE(until([&] { return rig.counters.refused == 1; }));
  EXPECT_EQ(rig.refused().at(0), "1025 bytes are more than an entry's 1024");
}

TEST_F(ShmBridge, MakesASegmentExactlyAsItIsTold) {
  const mode_t before = ::umask(077);
  const BridgeRig rig(world_, "shm-in", keys({{"mode", "0666"}}));
  ::umask(before);
  ShmPeer peer(path_);
  struct stat status {};
  ASSERT_EQ(::fstat(peer.file(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0666U);
  EXPECT_EQ(peer.size(), 4096U + 8U * (64 + 1024));
}

// ---- Scribbling

TEST_F(ShmBridge, NeverCrashesWhateverIsWrittenThere) {
  for (int round = 0; round < 6; ++round) {
    const char* const type = round % 2 == 0 ? "shm-in" : "shm-out";
    BridgeRig rig(world_, type, keys());
    ShmPeer peer(path_);
    rig.start();
    for (int i = 0; i < 8; ++i) send("x");
    std::uint64_t state = 88172645463325252U + static_cast<unsigned>(round);
    const auto random = [&state] {
      state ^= state << 13;
      state ^= state >> 7;
      return state ^= state << 17;
    };
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{500};
    while (std::chrono::steady_clock::now() < end) {
      // Everywhere but, mostly, in the counters, so that it goes on for a while.
      const std::size_t place = random() % (peer.size() / 8) * 8;
      if (place == shm::at::kPut || place == shm::at::kFreed) continue;
      peer.word<std::uint64_t>(place) = random() % 4 == 0 ? random() : 0;
      if (random() % 8 == 0) {
        const std::uint64_t freed = peer.freed();
        peer.put() = freed + random() % 9;
        peer.announce(shm::at::kNews);
      }
      if (random() % 1024 == 0) peer.freed().fetch_add(random() % 2);
    }
    rig.end();
    std::filesystem::remove(path_);
  }
}

// ---- The other kinds of segment and of sync

TEST_F(ShmBridge, LivesInASystemVSegmentWithItsSemaphores) {
  const int key = 0x54000000 + ::getpid();
  const std::string text = std::to_string(key);
  const Keys keys{{"key", text},
                  {"sync", "sysv-semaphores"},
                  {"create", "true"},
                  {"remove", "true"},
                  {"mode", "0660"}};
  {
    BridgeRig in(world_, "shm-in", keys);
    const int segment = ::shmget(key, 0, 0);
    const int set = ::semget(key, 3, 0);
    ASSERT_GE(segment, 0);
    ASSERT_GE(set, 0);
    shmid_ds status{};
    ASSERT_EQ(::shmctl(segment, IPC_STAT, &status), 0);
    EXPECT_EQ(status.shm_perm.mode & 0777U, 0660U);
    auto* const words = static_cast<std::uint64_t*>(::shmat(segment, nullptr, 0));
    in.start();
    // A peer that dies with the lock: the kernel gives it back.
    const pid_t process = child([set] {
      sembuf take{0, -1, SEM_UNDO};
      ::semop(set, &take, 1);
      ::pause();
    });
    ASSERT_TRUE(until([&] { return ::semctl(set, 0, GETPID) == process; }));
    reap(process);
    char* const entry = reinterpret_cast<char*>(words) + shm::kHeaderBytes;
    std::memcpy(entry + shm::kEntryHeaderBytes, "hello", 5);
    *reinterpret_cast<std::uint32_t*>(entry + shm::entry_at::kLength) = 5;
    *reinterpret_cast<std::uint64_t*>(entry) = 1;
    std::atomic_ref<std::uint64_t>(words[shm::at::kPut / 8]).store(1);
    sembuf news{1, 1, 0};
    ASSERT_EQ(::semop(set, &news, 1), 0);
    ASSERT_TRUE(until([&] { return std::atomic_ref(words[shm::at::kFreed / 8]) == 1; }));
    ASSERT_EQ(::shmdt(words), 0);
  }
  EXPECT_EQ(world_.drain(), (std::multiset<std::string>{"hello"}));
  EXPECT_LT(::shmget(key, 0, 0), 0) << "removed with the bridge";
  EXPECT_LT(::semget(key, 0, 0), 0);
}

TEST_F(ShmBridge, EverySyncMovesAllOfThem) {
  const int key = 0x55000000 + ::getpid();
  const Keys syncs{{"mutex", ""},
                   {"sysv-semaphores", std::to_string(key)},
                   {"posix-semaphores", "/spoolmq-test-" + std::to_string(::getpid())},
                   {"polling", ""}};
  for (const auto& [sync, semaphores] : syncs) {
    Keys all = keys({{"sync", sync}});
    if (!semaphores.empty()) all.emplace_back("semaphores", semaphores);
    Keys and_remove = all;
    and_remove.emplace_back("remove", "true");
    // One bridge puts them in, the other takes them out again into the same queue: forever.
    constexpr std::uint64_t kRounds = 300;
    for (int i = 0; i < 10; ++i) send(std::to_string(i));
    {
      BridgeRig out(world_, "shm-out", all);
      BridgeRig in(world_, "shm-in", and_remove);
      ShmPeer peer(path_);
      out.start();
      in.start();
      ASSERT_TRUE(until([&] { return in.counters.moved >= kRounds; })) << sync;
      out.end();
      ASSERT_TRUE(until([&] { return count(State::kLeased) == 0; }));
      ASSERT_TRUE(until([&] { return peer.put() == peer.freed(); }));
    }
    std::set<std::string> got;
    for (const std::string& body : world_.drain()) got.insert(body);
    EXPECT_EQ(got.size(), 10U) << sync;
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST(ShmKeys, RefusesWhatMakesNoSense) {
  EXPECT_EQ(refusal_of("shm-in", {}), "object, key or path: shm-in needs one of them");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"key", "1"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "a"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/.."}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"path", "/a/"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"entries", "0"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"entries", "65537"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"message-bytes", "64M"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"message-bytes", "60M"}, {"entries", "100"}}),
            "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"sync", "spin"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"sync", "sysv-semaphores"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"key", "1"}, {"sync", "posix-semaphores"}}), "");
  EXPECT_NE(refusal_of("shm-in", {{"object", "/a"}, {"semaphores", "/b"}}), "");
  EXPECT_EQ(refusal_of("shm-out", {{"object", "/a"}, {"sync", "posix-semaphores"}}), "");
  EXPECT_EQ(refusal_of("shm-out", {{"key", "1"}, {"sync", "sysv-semaphores"}}), "");
}

// ---- The lock, beside the C library's

TEST(RobustLock, IsTheLibrarysMutex) {
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_t mutex;
  ::pthread_mutex_init(&mutex, &attributes);
  auto& word = reinterpret_cast<std::uint32_t&>(mutex);
  std::uint64_t counter = 0;
  std::atomic<int> late{0};
  constexpr int kTimes = 500'000;
  std::thread ours([&] {
    RobustLock lock(word);
    for (int i = 0; i < kTimes; ++i) {
      if (!lock.lock(std::chrono::seconds{20})) return late.fetch_add(1), void();
      ++counter;
      lock.unlock();
    }
  });
  std::thread theirs([&] {
    for (int i = 0; i < kTimes; ++i) {
      ::pthread_mutex_lock(&mutex);
      ++counter;
      ::pthread_mutex_unlock(&mutex);
    }
  });
  ours.join();
  theirs.join();
  EXPECT_EQ(late, 0);
  EXPECT_EQ(counter, 2U * kTimes);
}

TEST(RobustLock, TellsTheOthersOfOurDeath) {
  void* const shared =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& mutex = *static_cast<pthread_mutex_t*>(shared);
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutex_init(&mutex, &attributes);
  auto& word = *static_cast<std::uint32_t*>(shared);
  const pid_t process = ::fork();
  if (process == 0) {
    RobustLock lock(word);
    static_cast<void>(lock.lock(std::chrono::seconds{1}));
    ::pause();
  }
  ASSERT_TRUE(until([&] { return std::atomic_ref(word) != 0; }));
  timespec soon{};
  ::clock_gettime(CLOCK_MONOTONIC, &soon);
  EXPECT_EQ(::pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &soon), ETIMEDOUT);
  ::kill(process, SIGKILL);
  EXPECT_EQ(::waitpid(process, nullptr, 0), process);
  int got = EBUSY;
  EXPECT_TRUE(until([&] { return (got = ::pthread_mutex_trylock(&mutex)) != EBUSY; }));
  EXPECT_EQ(got, EOWNERDEAD);
  EXPECT_EQ(::pthread_mutex_consistent(&mutex), 0);
  ::pthread_mutex_unlock(&mutex);
  ::munmap(shared, 4096);
}

}  // namespace
}  // namespace spoolmq::adapters::test
