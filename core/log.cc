#include "core/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/text.h"

namespace spoolmq::log {
namespace {

// "DEVICE:INODE" of the stream that systemd connected; a child may have got another stderr since.
bool stderr_is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// Whether it is does not change while a process lives.
bool in_journal() {
  static const bool is = stderr_is_journal();
  return is;
}

// sd-daemon(3): SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG.
std::string_view journal_priority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::err:
    case spdlog::level::critical:
      return "<3>";
    case spdlog::level::warn:
      return "<4>";
    case spdlog::level::info:
      return "<6>";
    default:
      return "<7>";
  }
}

// Never destroyed: threads and destructors may log until the process is gone.
spdlog::logger& logger() {
  static spdlog::logger* const the_logger = [] {
    auto* const made =
        new spdlog::logger("spoolmq", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(in_journal() ? "%v" : "spoolmq: %l: %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *the_logger;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool needs_quotes(std::string_view value) {
  return value.empty() || first_invalid_utf8(value) || std::ranges::any_of(value, [](char c) {
           return c == ' ' || c == '"' || c == '\\' || is_control(c);
         });
}

void append_escaped(std::string& line, std::string_view value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const bool is_text = !first_invalid_utf8(value);
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (is_control(c) || (byte >= 0x80 && !is_text)) {
      line += "\\x";
      line += kDigits[byte >> 4];
      line += kDigits[byte & 0xf];
    } else {
      line += c;
    }
  }
}

void write(spdlog::level::level_enum level, std::string_view event,
           std::initializer_list<Field> fields) {
  if (!logger().should_log(level)) return;
  std::string line(in_journal() ? journal_priority(level) : std::string_view());
  line += event;
  for (const Field& field : fields) {
    line.append(1, ' ').append(field.name).append(1, '=');
    if (needs_quotes(field.value)) {
      line += '"';
      append_escaped(line, field.value);
      line += '"';
    } else {
      line += field.value;
    }
  }
  logger().log(level, spdlog::string_view_t(line.data(), line.size()));
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

void set_level(Level level) { logger().set_level(spdlog_level(level)); }

void debug(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::debug, event, fields);
}

void info(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::info, event, fields);
}

void warn(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::warn, event, fields);
}

void error(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::err, event, fields);
}

}  // namespace spoolmq::log
