#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "adapters/box_in.h"
#include "adapters/box_keys.h"
#include "adapters/box_out.h"
#include "adapters/box_settings.h"
#include "adapters/sysv_box.h"
#include "adapters/sysv_key.h"

namespace spoolmq::adapters {
namespace {

struct SysvSettings {
  SysvBoxSettings box;
  std::optional<SysvKey> answers;
  BoxSettings bridge;
};
using Keys = BoxKeys<SysvSettings>;

void read_key(SysvSettings& settings, const KeyValue& given) {
  settings.box.key = parse_sysv_key(given);
}
void read_path(SysvSettings& settings, const KeyValue& given) {
  settings.box.key.path = parse_ftok_path(given);
  settings.box.key.text = given.value;
}
void read_project(SysvSettings& settings, const KeyValue& given) {
  settings.box.key.project = parse_ftok_project(given);
}
void read_type_in(SysvSettings& settings, const KeyValue& given) {
  const char* const end = given.value.data() + given.value.size();
  const auto [stop, error] = std::from_chars(given.value.data(), end, settings.box.type);
  if (error != std::errc() || stop != end ||
      settings.box.type == std::numeric_limits<long>::min()) {
    throw bad_value(given, "not a whole number");
  }
}
void read_type_out(SysvSettings& settings, const KeyValue& given) {
  settings.box.type = static_cast<long>(parse_count(given, 1, std::numeric_limits<long>::max()));
}
void read_max_bytes(SysvSettings& settings, const KeyValue& given) {
  settings.box.most_taken_bytes = parse_bytes(given);
  if (settings.box.most_taken_bytes == 0 || settings.box.most_taken_bytes > kMaxInlineBodyBytes) {
    throw bad_value(given, "not a size from 1 to 64M");
  }
}
void read_answers(SysvSettings& settings, const KeyValue& given) {
  settings.answers = parse_sysv_key(given);
}

constexpr KeyRow<SysvSettings> kKey{{"key", "NUMBER", "of the message queue: 17, 0x1a2b"},
                                    read_key};
constexpr KeyRow<SysvSettings> kPath{{"path", "PATH", "instead of a key: ftok(3) of this file"},
                                     read_path};
constexpr KeyRow<SysvSettings> kProject{
    {"project", "N", "and of this number, 1 to 255 (default 1)"}, read_project};
constexpr KeyRow<SysvSettings> kCreate{{"create", "", "makes the queue where there is none"},
                                       Keys::read_create};
constexpr KeyRow<SysvSettings> kMode{{"mode", "OCTAL", "of one that it makes (default 0600)"},
                                     Keys::read_mode};

constexpr auto kInTable = std::to_array<KeyRow<SysvSettings>>({
    kKey,
    kPath,
    kProject,
    {{"type", "N", "0 all (default), above 0 that type, below 0 the lowest up to it"},
     read_type_in},
    {{"max-bytes", "S", "a longer message is refused (default 10M)"}, read_max_bytes},
    {{"answers", "NUMBER", "the key of the queue that gets a line about each message"},
     read_answers},
    Keys::kTagged,
    Keys::kWindowIn,
    kCreate,
    kMode,
    Keys::kRemove,
});
constexpr auto kOutTable = std::to_array<KeyRow<SysvSettings>>({
    kKey,
    kPath,
    kProject,
    {{"type", "N", "of all messages (default: their header sysv-type, or 1)"}, read_type_out},
    {{"answers", "NUMBER", "the key of the queue with a line about each: acknowledged by it"},
     read_answers},
    Keys::kAnswerWithin,
    Keys::kWindowOut,
    kCreate,
    kMode,
    Keys::kRemove,
});

BoxSettings::Open opener(const SysvBoxSettings& box) {
  return [box](const Clock& /*clock*/) { return std::make_unique<SysvBox>(box); };
}

void check(SysvSettings& settings, std::span<const KeyValue> given, std::string_view type) {
  refuse_both(given, "key", "path");
  if (find_value(given, "path") == nullptr) {
    static_cast<void>(required_value(given, "key", type));
    if (const KeyValue* const project = find_value(given, "project")) {
      throw clash(*project, "it needs path");
    }
  } else if (settings.box.key.project == 0) {
    settings.box.key.project = 1;
  }
  if (!settings.answers) {
    refuse_without_answers(given);
    return;
  }
  if (settings.box.key.path.empty() && settings.answers->key == settings.box.key.key) {
    throw clash(*find_value(given, "answers"), "it must be another queue than key");
  }
}

BoxSettings boxes(const SysvSettings& settings) {
  BoxSettings made = settings.bridge;
  made.open = opener(settings.box);
  if (settings.answers) {
    SysvBoxSettings answers = settings.box;
    answers.key = *settings.answers;
    answers.type = 0;
    made.open_answers = opener(answers);
  }
  return made;
}

}  // namespace

std::span<const AdapterKey> sysv_in_keys() {
  static constexpr auto kKeys = keys_of(kInTable);
  return kKeys;
}

std::span<const AdapterKey> sysv_out_keys() {
  static constexpr auto kKeys = keys_of(kOutTable);
  return kKeys;
}

BridgePlanPointer parse_sysv_in(std::string queue, std::span<const KeyValue> given) {
  SysvSettings settings;
  read_keys(settings, given, kInTable, "sysv-in");
  check(settings, given, "sysv-in");
  return std::make_shared<PlanOf<BoxSettings, BoxIn>>(std::move(queue), settings.box.key.text,
                                                      boxes(settings));
}

BridgePlanPointer parse_sysv_out(std::string queue, std::span<const KeyValue> given) {
  SysvSettings settings;
  read_keys(settings, given, kOutTable, "sysv-out");
  check(settings, given, "sysv-out");
  return std::make_shared<PlanOf<BoxSettings, BoxOut>>(std::move(queue), settings.box.key.text,
                                                       boxes(settings));
}

}  // namespace spoolmq::adapters
