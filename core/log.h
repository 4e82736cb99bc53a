#pragma once
// The one way to log: an event, then fields, one line on stderr through spdlog. Logged where an
// error is caught, never logged and rethrown; never body bytes. Thread-safe.
// Where stderr is the journal (systemd.exec(5), $JOURNAL_STREAM), a line starts with its priority
// as sd-daemon(3) writes it ("<4>"), and without our name, which the journal knows.
//
//   log::warn("reaped a dead sender", {{"queue", name}, {"slot", slot}});

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace spoolmq::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };

struct Field {
  template <typename T>
  Field(std::string_view field_name, const T& field_value) : name(field_name) {
    if constexpr (std::is_arithmetic_v<T>) {
      value = std::to_string(field_value);
    } else {
      value = std::string_view(field_value);
    }
  }
  std::string_view name;
  std::string value;
};

void set_level(Level level);  // default: kWarn
void debug(std::string_view event, std::initializer_list<Field> fields = {});
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warn(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace spoolmq::log
