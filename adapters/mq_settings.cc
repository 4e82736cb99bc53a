#include <array>
#include <limits>
#include <utility>

#include "adapters/box_in.h"
#include "adapters/box_keys.h"
#include "adapters/box_out.h"
#include "adapters/box_settings.h"
#include "adapters/posix_box.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostNameBytes = 255;  // mq_overview(7): NAME_MAX

struct MqSettings {
  PosixBoxSettings box;
  std::string answers;
  BoxSettings bridge;
};
using Keys = BoxKeys<MqSettings>;

std::string parse_object(const KeyValue& given) {
  const std::string& name = given.value;
  if (name.size() < 2 || name.front() != '/' || name.find('/', 1) != std::string::npos ||
      name.size() > kMostNameBytes || name.find('\0') != std::string::npos) {
    throw bad_value(given, "not a slash and a name without one, such as /orders");
  }
  return name;
}

void read_object(MqSettings& settings, const KeyValue& given) {
  settings.box.object = parse_object(given);
}
// What the system allows is known where it makes the queue.
long parse_attribute(const KeyValue& given) {
  return static_cast<long>(parse_count(given, 1, std::numeric_limits<std::int32_t>::max()));
}
void read_max_messages(MqSettings& settings, const KeyValue& given) {
  settings.box.max_messages = parse_attribute(given);
}
void read_message_bytes(MqSettings& settings, const KeyValue& given) {
  settings.box.message_bytes = static_cast<long>(parse_bytes(given));
}
void read_answers(MqSettings& settings, const KeyValue& given) {
  settings.answers = parse_object(given);
}

constexpr KeyRow<MqSettings> kObject{{"object", "/NAME", "the message queue"}, read_object};
constexpr KeyRow<MqSettings> kCreate{{"create", "", "makes it where there is none"},
                                     Keys::read_create};
constexpr KeyRow<MqSettings> kMode{
    {"mode", "OCTAL", "of one that it makes, exactly (default 0600)"}, Keys::read_mode};
constexpr KeyRow<MqSettings> kMaxMessages{
    {"max-messages", "N", "of one that it makes (default: the system's msg_default)"},
    read_max_messages};
constexpr KeyRow<MqSettings> kMessageBytes{
    {"message-bytes", "S", "of one that it makes (default: the system's msgsize_default)"},
    read_message_bytes};

constexpr auto kInTable = std::to_array<KeyRow<MqSettings>>({
    kObject,
    {{"answers", "/NAME", "where a line about each message goes once it is durable"}, read_answers},
    Keys::kTagged,
    Keys::kWindowIn,
    kCreate,
    kMode,
    kMaxMessages,
    kMessageBytes,
    Keys::kRemove,
});
constexpr auto kOutTable = std::to_array<KeyRow<MqSettings>>({
    kObject,
    {{"answers", "/NAME", "where a line about each message comes from: acknowledged by it"},
     read_answers},
    Keys::kAnswerWithin,
    Keys::kWindowOut,
    kCreate,
    kMode,
    kMaxMessages,
    kMessageBytes,
    Keys::kRemove,
});

BoxSettings::Open opener(const PosixBoxSettings& box, PosixBox::Way way) {
  return [box, way](const Clock& clock) { return std::make_unique<PosixBox>(box, way, clock); };
}

void check(const MqSettings& settings, std::span<const KeyValue> given) {
  if (settings.answers.empty()) {
    refuse_without_answers(given);
    return;
  }
  if (settings.answers == settings.box.object) {
    throw clash(*find_value(given, "answers"), "it must be another queue than object");
  }
}

BoxSettings boxes(const MqSettings& settings, PosixBox::Way way) {
  BoxSettings made = settings.bridge;
  made.open = opener(settings.box, way);
  if (!settings.answers.empty()) {
    PosixBoxSettings answers = settings.box;
    answers.object = settings.answers;
    const bool is_in = way == PosixBox::Way::kIn;
    made.open_answers = opener(answers, is_in ? PosixBox::Way::kOut : PosixBox::Way::kIn);
  }
  return made;
}

}  // namespace

std::span<const AdapterKey> mq_in_keys() {
  static constexpr auto kKeys = keys_of(kInTable);
  return kKeys;
}

std::span<const AdapterKey> mq_out_keys() {
  static constexpr auto kKeys = keys_of(kOutTable);
  return kKeys;
}

BridgePlanPointer parse_mq_in(std::string queue, std::span<const KeyValue> given) {
  static_cast<void>(required_value(given, "object", "mq-in"));
  MqSettings settings;
  read_keys(settings, given, kInTable, "mq-in");
  check(settings, given);
  return std::make_shared<PlanOf<BoxSettings, BoxIn>>(std::move(queue), settings.box.object,
                                                      boxes(settings, PosixBox::Way::kIn));
}

BridgePlanPointer parse_mq_out(std::string queue, std::span<const KeyValue> given) {
  static_cast<void>(required_value(given, "object", "mq-out"));
  MqSettings settings;
  read_keys(settings, given, kOutTable, "mq-out");
  check(settings, given);
  return std::make_shared<PlanOf<BoxSettings, BoxOut>>(std::move(queue), settings.box.object,
                                                       boxes(settings, PosixBox::Way::kOut));
}

}  // namespace spoolmq::adapters
