#pragma once
// What the keys of both kinds of message queue have in common. `Settings` has a `box`, whose mode,
// create and remove they set, and a `bridge`, which is a BoxSettings.

#include <span>
#include <string_view>

#include "adapters/box_settings.h"
#include "adapters/key_table.h"

namespace spoolmq::adapters {

template <typename Settings>
struct BoxKeys {
  static void read_create(Settings& settings, const KeyValue& given) {
    settings.box.create = parse_flag(given);
  }
  static void read_mode(Settings& settings, const KeyValue& given) {
    settings.box.mode = parse_mode(given);
  }
  static void read_remove(Settings& settings, const KeyValue& given) {
    settings.box.remove = parse_flag(given);
  }
  static void read_tagged(Settings& settings, const KeyValue& given) {
    settings.bridge.tagged = parse_flag(given);
  }
  static void read_window(Settings& settings, const KeyValue& given) {
    settings.bridge.window = parse_count(given, 1, kMostBoxWindow);
  }
  static void read_answer_within(Settings& settings, const KeyValue& given) {
    settings.bridge.answer_within_ms = parse_duration_ms(given);
  }

  static constexpr KeyRow<Settings> kRemove{{"remove", "", "removes it when the bridge ends"},
                                            read_remove};
  static constexpr KeyRow<Settings> kTagged{
      {"tagged", "", "each message begins with a word that its answer repeats"}, read_tagged};
  static constexpr KeyRow<Settings> kAnswerWithin{
      {"answer-within", "D", "without an answer by then it failed, and goes again (default 60s)"},
      read_answer_within};
  static constexpr KeyRow<Settings> kWindowIn{
      {"window", "N", "messages taken for one sync (default 64)"}, read_window};
  static constexpr KeyRow<Settings> kWindowOut{
      {"window", "N", "messages that may be unanswered (default 64)"}, read_window};
};

// What is said about answers where there are none. Throws clash.
inline void refuse_without_answers(std::span<const KeyValue> given) {
  for (const std::string_view key : {"tagged", "answer-within"}) {
    const KeyValue* const one = find_value(given, key);
    if (one != nullptr && one->value != "false") throw clash(*one, "it needs answers");
  }
}

}  // namespace spoolmq::adapters
