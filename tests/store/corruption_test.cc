// Every file of a queue, damaged at one place after the other: bytes turned over, and the file cut.
// Whatever was not hit is afterwards in the state that it was in; what was hit is named and kept.
// Every so many places; SPOOLMQ_CORRUPTIONS=all: every one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "core/bytes.h"
#include "core/log.h"
#include "tests/store/corruption_world.h"
#include "tests/store/crash_check.h"

namespace spoolmq::test {
namespace {

constexpr std::uint64_t kStride = 37;
constexpr std::int64_t kLongestLeaseMs = 31'000;
constexpr std::uint64_t kMostOfAFile = 16;  // trials of each kind by default

struct Damage {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // of what is not as it was
  bool is_cut = false;
  int pattern = 0;
};

// What is done about it, and what is looked at then.
enum class Course : std::uint8_t { kReceive, kLook, kRebuild, kBoot, kLostIndex };
constexpr Course kCourses[] = {Course::kReceive, Course::kLook, Course::kRebuild, Course::kBoot,
                               Course::kLostIndex};
constexpr const char* kCourseNames[] = {"receive", "look", "rebuild", "boot", "lost index"};

bool is_live(State state) { return state == State::kReady || state == State::kLeased; }

bool take_all() {
  const char* const wanted = std::getenv("SPOOLMQ_CORRUPTIONS");
  return wanted != nullptr && std::string_view(wanted) == "all";
}

char turned(char byte, int pattern) {
  switch (pattern) {
    case 0:
      return static_cast<char>(byte ^ 1);
    case 1:
      return static_cast<char>(byte ^ 0x80);
    case 2:
      return static_cast<char>(~byte);
    default:
      return static_cast<char>(byte == '\0' ? 'x' : '\0');
  }
}
constexpr int kPatterns = 4;

// Who may be what after the damage: those hit by it are corrupt, or as they were.
struct Expected {
  std::set<MessageId> hit;
  std::set<MessageId> may_return;  // a verdict about them is lost
  bool may_be_refused = false;     // to open it, for what stands in the file
};

class Trial {
 public:
  Trial(CorruptionWorld& before, const Damage& damage, Course course, Expected expected)
      : before_(before),
        damage_(damage),
        course_(course),
        expected_(std::move(expected)),
        world_(before.copy(), before.clock(), {}, options()) {}

  Violations run() {
    const std::string bytes = before_.disk().bytes_of(damage_.path);
    if (damage_.is_cut) {
      world_.disk().decay_to(damage_.path, damage_.begin);
    } else {
      const char other = turned(bytes.at(damage_.begin), damage_.pattern);
      world_.disk().decay(damage_.path, damage_.begin, {&other, 1});
    }
    try {
      act();
    } catch (const std::exception& caught) {
      const auto* const error = dynamic_cast<const Error*>(&caught);
      if (!expected_.may_be_refused || error == nullptr ||
          error->code() != ErrorCode::kConfiguration) {
        report(std::string("refused: ") + caught.what());
        return std::move(violations_);
      }
      // Put right by an operator.
      world_.close();
      world_.disk().decay_to(damage_.path, 0);
      world_.disk().decay(damage_.path, 0, bytes);
      act();
    }
    try {
      compare();
    } catch (const std::exception& error) {
      report(std::string("looking: ") + error.what());
    }
    return std::move(violations_);
  }

 private:
  static WorldOptions options() {
    WorldOptions options;
    options.one_shot = true;
    return options;
  }
  Queue& queue() { return world_.queue(); }
  void report(const std::string& what) {
    violations_.push_back(damage_.path + (damage_.is_cut ? " cut at " : " turned at ") +
                          std::to_string(damage_.begin) +
                          (damage_.is_cut ? "" : " by " + std::to_string(damage_.pattern)) + ", " +
                          kCourseNames[static_cast<int>(course_)] + ": " + what);
  }
  static std::string shown(const MessageId& id, const Past& past) {
    return id.text() + " '" + past.body.substr(0, 12) + "'";
  }

  void act() {
    switch (course_) {
      case Course::kReceive:
        return drain();
      case Course::kLook:
        return look();
      case Course::kRebuild:
        queue().fsck(FsckMode::kRebuildIndex);
        return;
      case Course::kBoot:
        world_.clock().reboot();
        return recover(world_);
      case Course::kLostIndex:
        delete_index(world_);
        return recover(world_);
    }
  }

  void drain() {
    ReceiveOptions all;
    all.max = 1000;
    for (bool leases_are_over = false;;) {
      std::vector<Delivery> deliveries = queue().receive_batch(all);
      if (deliveries.empty()) {
        if (std::exchange(leases_are_over, true)) return;
        world_.clock().advance(kLongestLeaseMs);
        continue;
      }
      for (const Delivery& one : deliveries) {
        const MessageId id = one.message().id;
        const auto past = before_.pasts().find(id);
        if (past == before_.pasts().end()) {
          report("delivered, and never sent");
          continue;
        }
        if (!drained_.insert(id).second) report(shown(id, past->second) + " twice");
        bool is_whole = false;
        try {
          is_whole = whole_body(*one.open_body()) == past->second.body;
        } catch (const Error&) {
          // Its large body: told to whoever reads it.
          if (expected_.hit.contains(id)) continue;
        }
        if (!is_whole) report(shown(id, past->second) + " delivered with another body");
      }
      try {
        queue().ack_batch(deliveries);
      } catch (const Error& error) {
        // A new index has forgotten the leases: they come again.
        if (error.code() != ErrorCode::kLeaseLost) throw;
        for (const Delivery& one : deliveries) drained_.erase(one.message().id);
      }
    }
  }

  void look() {
    std::set<std::string> named;
    for (const FsckFinding& one : queue().fsck(FsckMode::kLook)) named.insert(one.where);
    for (const MessageId& id : expected_.hit) {
      if (!is_intact(id) && !named.contains(id.text())) {
        report("fsck does not name " + shown(id, before_.pasts().at(id)));
      }
    }
    queue().fsck(FsckMode::kRepair);
  }

  // Some bytes carry no meaning: those of a body of which no checksum was made.
  bool is_intact(const MessageId& id) {
    try {
      const std::optional<Message> message = queue().load(id);
      return message && whole_body(*queue().open_body(*message)) == before_.pasts().at(id).body;
    } catch (const Error&) {
      return false;
    }
  }

  void compare() {
    for (const auto& [id, past] : before_.pasts()) {
      const std::optional<MessageStatus> status = queue().status(id);
      if (expected_.hit.contains(id)) {
        compare_hit(id, past, status);
      } else {
        compare_spared(id, past, status);
      }
    }
    for (const MessageStatus& one : queue().scan({})) {
      if (!before_.pasts().contains(one.id)) report("there is " + one.id.text() + ", never sent");
    }
    for (const FsckFinding& one : queue().fsck(FsckMode::kLook)) {
      const auto id = MessageId::parse(one.where);
      if (!id || !expected_.hit.contains(*id)) {
        report("fsck: " + one.what + " " + one.where + ": " + one.why);
      }
    }
  }

  void compare_spared(const MessageId& id, const Past& past,
                      const std::optional<MessageStatus>& status) {
    const bool done = drained_.contains(id);
    if (done && is_live(past.state) && !past.gone) return;
    const bool forgiven = expected_.may_return.contains(id);
    if (!status) {
      if (!past.gone && !(done && forgiven)) report(shown(id, past) + " is not there");
      return;
    }
    if (past.gone && !forgiven) report(shown(id, past) + " is back");
    const bool same =
        status->state == past.state || (is_live(status->state) && is_live(past.state));
    if (!same && !forgiven) {
      report(shown(id, past) + " is " + std::string(state_name(status->state)) + ", was " +
             std::string(state_name(past.state)));
    }
    if (course_ == Course::kReceive && is_live(status->state)) {
      report(shown(id, past) + " is not delivered");
    }
    if (!is_intact(id)) report(shown(id, past) + " cannot be loaded");
  }

  void compare_hit(const MessageId& id, const Past& past,
                   const std::optional<MessageStatus>& status) {
    const bool has_bytes =
        !damage_.is_cut || damage_.path == past.body_file || damage_.begin > past.begin;
    if (!status) {
      if (drained_.contains(id)) return;
      if (has_bytes && !is_kept(past)) report(shown(id, past) + " is nowhere");
      return;
    }
    const bool looked =
        course_ == Course::kReceive ? is_live(past.state) : course_ == Course::kLook;
    if (status->state != State::kCorrupt) {
      const bool same =
          status->state == past.state || (is_live(status->state) && is_live(past.state));
      if (!same) report(shown(id, past) + " became " + std::string(state_name(status->state)));
      if (looked && past.state != State::kArchived && !is_intact(id)) {
        report(shown(id, past) + " is not said to be corrupt");
      }
      return;
    }
    if (is_intact(id) && damage_.path != past.body_file) {
      report(shown(id, past) + " is said to be corrupt");
    }
    if (!looked || !has_bytes) return;
    for (const char* const part : {"", ".reason"}) {
      if (world_.disk().bytes_of(before_.file("corrupt/" + id.text() + part)).empty()) {
        report(shown(id, past) + ": corrupt/" + id.text() + part + " is not there");
      }
    }
  }

  // Where nobody knows any more whose they are: beside a reason, under the name of their file.
  bool is_kept(const Past& past) {
    const std::size_t slash = past.file.rfind('/');
    const std::string uuid = past.file.substr(slash + 1, 36);
    const std::string corrupt = before_.file("corrupt");
    for (const std::string& name : world_.disk().names(corrupt)) {
      if (!name.starts_with(uuid) || name.ends_with(".reason")) continue;
      const std::string bytes = world_.disk().bytes_of(corrupt + "/" + name);
      // Of a part of the message that the damage left alone.
      if (!bytes.empty() && !world_.disk().bytes_of(corrupt + "/" + name + ".reason").empty()) {
        return true;
      }
    }
    return false;
  }

  CorruptionWorld& before_;
  const Damage& damage_;
  const Course course_;
  const Expected expected_;
  World world_;
  std::set<MessageId> drained_;
  Violations violations_;
};

// ---- What a damage may change

Expected of_a_spool_file(CorruptionWorld& world, const Damage& damage) {
  Expected expected;
  for (const auto& [id, past] : world.pasts()) {
    const bool of_record =
        past.file == damage.path && past.begin < damage.end && damage.begin < past.end;
    if (of_record || past.body_file == damage.path) expected.hit.insert(id);
  }
  return expected;
}

Expected nothing(CorruptionWorld&, const Damage&) { return {}; }

Expected of_settings(CorruptionWorld&, const Damage&) {
  Expected expected;
  expected.may_be_refused = true;
  return expected;
}

// Entries that the damage touches: FORMAT.md section 9.
Expected of_verdicts(CorruptionWorld& world, const Damage& damage) {
  constexpr std::uint64_t kHead = 8;
  constexpr std::uint64_t kOverhead = 16;
  constexpr std::uint32_t kAcked = 1;
  constexpr std::uint32_t kOfMessage = 2;
  Expected expected;
  const std::string bytes = world.disk().bytes_of(damage.path);
  for (std::uint64_t at = 0; at + kOverhead <= bytes.size();) {
    const auto kind = load_le<std::uint32_t>(as_bytes(bytes), at);
    const auto length = load_le<std::uint32_t>(as_bytes(bytes), at + 4);
    const std::uint64_t end = at + kOverhead + length;
    if (at < damage.end && damage.begin < end) {
      for (const auto& [id, past] : world.pasts()) {
        if (kind == kAcked && past.gone) expected.may_return.insert(id);
        const std::string_view named(bytes.data() + at + kHead, MessageId::kBytes);
        const std::string_view own(reinterpret_cast<const char*>(id.bytes().data()),
                                   MessageId::kBytes);
        if (kind == kOfMessage && named == own) expected.may_return.insert(id);
      }
    }
    at = end;
  }
  return expected;
}

using Rule = std::function<Expected(CorruptionWorld&, const Damage&)>;

// ---- Every place of a file

struct Count {
  std::uint64_t trials = 0;
  std::size_t violations = 0;
};

void damage_all_of(CorruptionWorld& world, const std::string& path, const Rule& rule,
                   Count& count) {
  const std::uint64_t size = world.disk().bytes_of(path).size();
  ASSERT_GT(size, 0U) << path;
  const bool all = take_all();
  const std::uint64_t stride = all ? 1 : std::max(kStride, size / kMostOfAFile);
  const auto attempt = [&](const Damage& damage) {
    const Course course = kCourses[count.trials++ % std::size(kCourses)];
    for (const std::string& one : Trial(world, damage, course, rule(world, damage)).run()) {
      ADD_FAILURE() << one;
      ++count.violations;
    }
  };
  constexpr std::size_t kEnough = 20;
  for (std::uint64_t at = count.trials % stride; at < size; at += stride) {
    // All patterns in turn, of the places; and all courses, as five and four have no divisor.
    const int pattern = static_cast<int>(count.trials % kPatterns);
    attempt({path, at, at + 1, false, pattern});
    if (count.violations > kEnough) return;
  }
  for (std::uint64_t at = count.trials % stride; at < size; at += stride) {
    attempt({path, at, size, true, 0});
    if (count.violations > kEnough) return;
  }
}

class Corruption : public ::testing::TestWithParam<Ended> {
 protected:
  Corruption() : world_(GetParam()) { log::set_level(log::Level::kOff); }
  void damage(const std::vector<std::string>& files, const Rule& rule) {
    Count count;
    for (const std::string& file : files) damage_all_of(world_, file, rule, count);
    std::printf("%llu damages, %zu violations\n", static_cast<unsigned long long>(count.trials),
                count.violations);
  }
  CorruptionWorld world_;
};

TEST_P(Corruption, OfSpoolFilesIsFoundAndCostsNoOthers) {
  damage(world_.spool_files(), of_a_spool_file);
}
TEST_P(Corruption, OfTheIndexCostsNothing) {
  std::vector<std::string> files{world_.index()};
  if (GetParam() == Ended::kKilled) files.push_back(world_.index("-wal"));
  damage(files, nothing);
}
TEST_P(Corruption, OfVerdictsCostsNoOthers) { damage({world_.file("verdicts.log")}, of_verdicts); }
TEST_P(Corruption, OfTheSettingsIsToldAndCostsNothing) {
  damage({world_.file("queue.toml")}, of_settings);
}
TEST_P(Corruption, OfTheDirtyMarkCostsNothing) { damage({world_.file("boot")}, nothing); }
TEST_P(Corruption, OfTheLockFileCostsNothing) { damage({world_.file("lock")}, nothing); }
TEST_P(Corruption, OfTheHandlesCostsNothing) { damage({world_.file("handles")}, nothing); }

INSTANTIATE_TEST_SUITE_P(Of, Corruption, ::testing::Values(Ended::kClosed, Ended::kKilled),
                         [](const auto& one) {
                           return one.param == Ended::kClosed ? "AClosedQueue" : "AKilledQueue";
                         });

}  // namespace
}  // namespace spoolmq::test
