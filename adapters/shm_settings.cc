#include "adapters/shm_settings.h"

#include <array>
#include <utility>

#include "adapters/key_table.h"
#include "adapters/shm_in.h"
#include "adapters/shm_out.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostNameBytes = 240;  // NAME_MAX less "sem." and ".news"
constexpr std::uint32_t kAlignment = 64;
constexpr std::uint64_t kMostBodyBytes = shm::kLargestEntryBytes - shm::kEntryHeaderBytes;

std::string parse_name(const KeyValue& given) {
  const std::string& name = given.value;
  if (name.size() < 2 || name.front() != '/' || name.find('/', 1) != std::string::npos ||
      name.size() > kMostNameBytes || name.find('\0') != std::string::npos || name == "/." ||
      name == "/..") {
    throw bad_value(given, "not a slash and a name without one, such as /orders");
  }
  return name;
}

void read_object(ShmSettings& settings, const KeyValue& given) {
  settings.place.path = "/dev/shm" + parse_name(given);
  settings.place.text = given.value;
}
void read_key(ShmSettings& settings, const KeyValue& given) {
  settings.place.key = parse_sysv_key(given);
  settings.place.text = given.value;
}
void read_path(ShmSettings& settings, const KeyValue& given) {
  if (given.value.empty() || given.value.front() != '/' || given.value.back() == '/' ||
      given.value.find('\0') != std::string::npos) {
    throw bad_value(given, "it must be the absolute path of a file");
  }
  settings.place.path = given.value;
  settings.place.text = given.value;
}
void read_sync(ShmSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 4> kWords{"mutex", "sysv-semaphores", "posix-semaphores",
                                                   "polling"};
  settings.wished.sync = static_cast<shm::Sync>(1 + parse_choice(given, kWords));
}
void read_semaphores(ShmSettings& settings, const KeyValue& given) {
  if (given.value.starts_with('/')) {
    settings.sync.semaphore_name = parse_name(given);
  } else {
    settings.sync.semaphore_key = parse_sysv_key(given);
  }
}
void read_entries(ShmSettings& settings, const KeyValue& given) {
  settings.wished.entries = static_cast<std::uint32_t>(parse_count(given, 1, shm::kMostEntries));
}
void read_message_bytes(ShmSettings& settings, const KeyValue& given) {
  const std::uint64_t bytes = parse_bytes(given);
  if (bytes == 0 || bytes > kMostBodyBytes) throw bad_value(given, "not a size from 1 to 64M - 64");
  const std::uint64_t whole =
      shm::kEntryHeaderBytes + (bytes + kAlignment - 1) / kAlignment * kAlignment;
  settings.wished.entry_bytes = static_cast<std::uint32_t>(whole);
}
void read_window(ShmSettings& settings, const KeyValue& given) {
  settings.window = parse_count(given, 1, kMostShmWindow);
}
void read_create(ShmSettings& settings, const KeyValue& given) {
  settings.create = parse_flag(given);
}
void read_mode(ShmSettings& settings, const KeyValue& given) { settings.mode = parse_mode(given); }
void read_remove(ShmSettings& settings, const KeyValue& given) {
  settings.remove = parse_flag(given);
}

constexpr auto kTable = std::to_array<KeyRow<ShmSettings>>({
    {{"object", "/NAME", "the segment is this POSIX object"}, read_object},
    {{"key", "NUMBER", "or the System V segment with this key: 17, 0x1a2b"}, read_key},
    {{"path", "PATH", "or this file, mapped"}, read_path},
    {{"sync", "mutex|sysv-semaphores|posix-semaphores|polling",
      "how the sides wait for each other (default mutex)"},
     read_sync},
    {{"semaphores", "NAME|NUMBER",
      "/NAME of the POSIX, key of the System V semaphores (default: the segment's)"},
     read_semaphores},
    {{"entries", "N", "of a segment that it makes (default 64)"}, read_entries},
    {{"message-bytes", "S", "the longest body of one that it makes (default 64K)"},
     read_message_bytes},
    {{"window", "N", "entries taken at once, or under way (default 64)"}, read_window},
    {{"create", "", "makes the segment, and its semaphores, where there is none"}, read_create},
    {{"mode", "OCTAL", "of what it makes, exactly (default 0600)"}, read_mode},
    {{"remove", "", "removes it all when the bridge ends"}, read_remove},
});

void check_place(std::span<const KeyValue> given, std::string_view type) {
  refuse_both(given, "object", "key");
  refuse_both(given, "object", "path");
  refuse_both(given, "key", "path");
  for (const std::string_view key : {"object", "key", "path"}) {
    if (find_value(given, key) != nullptr) return;
  }
  throw Error(ErrorCode::kUsage, kClashOperation, "object, key or path",
              std::string(type) + " needs one of them");
}

// The semaphores are named as the segment is, unless it is said otherwise.
void find_semaphores(ShmSettings& settings, std::span<const KeyValue> given) {
  ShmSyncSettings& sync = settings.sync;
  sync.kind = settings.wished.sync;
  sync.mode = settings.mode.value_or(sync.mode);
  sync.remove = settings.remove;
  const KeyValue* const semaphores = find_value(given, "semaphores");
  if (sync.kind == shm::Sync::kSysv) {
    if (semaphores == nullptr && settings.place.key) sync.semaphore_key = *settings.place.key;
    if (!sync.semaphore_name.empty()) throw clash(*semaphores, "a key of semaphores is needed");
    if (sync.semaphore_key.key != 0) return;
    throw clash(*find_value(given, "sync"), "it needs semaphores, their key");
  }
  if (sync.kind == shm::Sync::kPosix) {
    const KeyValue* const object = find_value(given, "object");
    if (semaphores == nullptr && object != nullptr) sync.semaphore_name = object->value;
    if (sync.semaphore_key.key != 0) throw clash(*semaphores, "a /NAME of semaphores is needed");
    if (!sync.semaphore_name.empty()) return;
    throw clash(*find_value(given, "sync"), "it needs semaphores, their /NAME");
  }
  if (semaphores != nullptr) throw clash(*semaphores, "this sync has none");
}

ShmSettings parse(std::span<const KeyValue> given, std::string_view type) {
  check_place(given, type);
  ShmSettings settings;
  read_keys(settings, given, kTable, type);
  find_semaphores(settings, given);
  if (settings.wished.is_sound()) return settings;
  throw Error(ErrorCode::kUsage, kClashOperation, "entries and message-bytes",
              "together they are more than 4G");
}

}  // namespace

ShmOpening ShmSettings::opening() const {
  ShmOpening opening;
  opening.place = place;
  opening.wished = wished;
  opening.mode = mode;
  opening.create = create;
  opening.remove = remove;
  opening.prepare = [settings = sync](std::span<std::byte> bytes) {
    prepare_shm_sync(bytes, settings);
  };
  return opening;
}

std::span<const AdapterKey> shm_in_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}
std::span<const AdapterKey> shm_out_keys() { return shm_in_keys(); }

std::shared_ptr<const BridgePlan> parse_shm_in(std::string queue, std::span<const KeyValue> given) {
  ShmSettings settings = parse(given, "shm-in");
  std::string place = settings.place.text;
  return std::make_shared<PlanOf<ShmSettings, ShmIn>>(std::move(queue), std::move(place),
                                                      std::move(settings));
}

std::shared_ptr<const BridgePlan> parse_shm_out(std::string queue,
                                                std::span<const KeyValue> given) {
  ShmSettings settings = parse(given, "shm-out");
  std::string place = settings.place.text;
  return std::make_shared<PlanOf<ShmSettings, ShmOut>>(std::move(queue), std::move(place),
                                                       std::move(settings));
}

}  // namespace spoolmq::adapters
