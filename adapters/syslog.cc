#include "adapters/syslog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr unsigned kMostPriority = 191;  // facility 23, severity 7
constexpr unsigned kSeverities = 8;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kMostTagBytes = 48;   // RFC 3164 says 32; real ones are longer (RFC 5424: 48)
constexpr std::size_t kMostNameBytes = 32;  // SD-NAME

constexpr std::array<std::string_view, 24> kFacilities{
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<std::string_view, kSeverities> kSeverityNames{
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_printable_ascii(char c) { return c > ' ' && c < '\x7f'; }

// Takes from the front what it recognises.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  template <typename Wanted>
  std::string_view take_while(const Wanted& wanted) {
    const auto length =
        static_cast<std::size_t>(std::ranges::find_if_not(rest_, wanted) - rest_.begin());
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  // Bytes where a digit stands for any digit, ' ' for itself or a digit, others for themselves.
  bool sees_shape(std::string_view shape) const {
    if (rest_.size() < shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const bool fits = shape[i] == '0'   ? is_digit(rest_[i])
                        : shape[i] == ' ' ? rest_[i] == ' ' || is_digit(rest_[i])
                                          : rest_[i] == shape[i];
      if (!fits) return false;
    }
    return true;
  }
  std::string_view take_bytes(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

// PRI: "<" 1 to 3 digits ">", at most 191 (RFC 5424 section 6.2.1).
std::optional<unsigned> take_priority(Cursor& cursor) {
  if (!cursor.take("<")) return std::nullopt;
  const std::string_view digits = cursor.take_while(is_digit);
  if (digits.empty() || digits.size() > 3 || !cursor.take(">")) return std::nullopt;
  unsigned priority = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), priority);
  if (priority > kMostPriority) return std::nullopt;
  return priority;
}

// ---- RFC 5424

// A field of printable ASCII and the blank behind it; "-" is none. False: not so.
bool take_field(Cursor& cursor, std::size_t most, std::string& into) {
  const std::string_view field = cursor.take_while(is_printable_ascii);
  if (field.empty() || field.size() > most || !cursor.take(" ")) return false;
  into = field == "-" ? "" : field;
  return true;
}

std::string_view take_name(Cursor& cursor) {
  return cursor.take_while(
      [](char c) { return is_printable_ascii(c) && c != '=' && c != ']' && c != '"'; });
}

// Up to the closing quotation mark, \" \\ and \] unescaped (section 6.3.3); nullopt: it is missing.
std::optional<std::string> take_quoted(Cursor& cursor) {
  if (!cursor.take("\"")) return std::nullopt;
  std::string value;
  while (!cursor.is_at_end()) {
    value.append(cursor.take_while([](char c) { return c != '"' && c != '\\'; }));
    if (cursor.take("\"")) return value;
    if (!cursor.take("\\")) break;
    const std::string_view next = cursor.take_bytes(1);
    if (next != "\"" && next != "\\" && next != "]") value.push_back('\\');
    value.append(next);
  }
  return std::nullopt;
}

// "[" SD-ID *( " " NAME "=" QUOTED ) "]"
bool take_element(Cursor& cursor, SyslogRecord& record) {
  if (!cursor.take("[")) return false;
  const std::string id(take_name(cursor));
  if (id.empty() || id.size() > kMostNameBytes) return false;
  while (cursor.take(" ")) {
    const std::string name(take_name(cursor));
    if (name.empty() || name.size() > kMostNameBytes || !cursor.take("=")) return false;
    std::optional<std::string> value = take_quoted(cursor);
    if (!value) return false;
    record.structured.emplace_back(id + "." + name, std::move(*value));
  }
  return cursor.take("]");
}

bool take_structured(Cursor& cursor, SyslogRecord& record) {
  if (cursor.take("-")) return true;
  do {
    if (!take_element(cursor, record)) return false;
  } while (cursor.rest().starts_with("["));
  return true;
}

// Behind "1 ". Lengths: section 6.
bool read_5424(Cursor cursor, SyslogRecord& record) {
  if (!take_field(cursor, 32, record.timestamp) || !take_field(cursor, 255, record.host) ||
      !take_field(cursor, 48, record.app) || !take_field(cursor, 128, record.procid) ||
      !take_field(cursor, 32, record.msgid) || !take_structured(cursor, record)) {
    return false;
  }
  if (!cursor.is_at_end() && !cursor.take(" ")) return false;
  static_cast<void>(cursor.take(kByteOrderMark));
  record.text = cursor.rest();
  return true;
}

// ---- RFC 3164

// "Oct 11 22:14:15", and what daemons are told to write instead: RFC 3339.
std::string_view take_timestamp(Cursor& cursor) {
  const std::string_view rest = cursor.rest();
  if (std::ranges::find(kMonths, rest.substr(0, 3)) != kMonths.end()) {
    Cursor behind(rest.substr(3));
    constexpr std::string_view kShape = "  0 00:00:00";
    if (behind.sees_shape(kShape) && behind.rest()[0] == ' ' && behind.rest()[3] == ' ') {
      return cursor.take_bytes(3 + kShape.size());
    }
  }
  if (cursor.sees_shape("0000-00-00T00:00:00")) return cursor.take_while(is_printable_ascii);
  return {};
}

bool is_of_tag(char c) { return is_printable_ascii(c) && c != ':' && c != '['; }

// TAG["[" PID "]"] ":"; nothing is taken where there is none.
void take_tag(Cursor& cursor, SyslogRecord& record) {
  Cursor at = cursor;
  const std::string_view tag = at.take_while(is_of_tag);
  if (tag.empty() || tag.size() > kMostTagBytes) return;
  std::string_view procid;
  if (at.take("[")) {
    procid = at.take_while([](char c) { return is_printable_ascii(c) && c != ']'; });
    if (!at.take("]")) return;
  }
  if (!at.take(":")) return;
  static_cast<void>(at.take(" "));
  record.app = tag;
  record.procid = procid;
  cursor = at;
}

// What a program writes to /dev/log has no host name (glibc's syslog(3)): a word with ':' or '[' at
// its end is the tag.
void take_host(Cursor& cursor, SyslogRecord& record) {
  Cursor at = cursor;
  const std::string_view word = at.take_while([](char c) { return is_printable_ascii(c); });
  const bool is_tag = word.ends_with(':') || word.find('[') != std::string_view::npos;
  if (word.empty() || word.size() > 255 || is_tag || !at.take(" ")) return;
  record.host = word;
  cursor = at;
}

void read_3164(Cursor cursor, SyslogRecord& record) {
  const Cursor behind_priority = cursor;
  record.timestamp = take_timestamp(cursor);
  if (record.timestamp.empty() || !cursor.take(" ")) {
    // No timestamp, no host (section 4.3.3: whatever it is, it is the message), but often a tag.
    record.timestamp.clear();
    cursor = behind_priority;
  } else {
    take_host(cursor, record);
  }
  take_tag(cursor, record);
  std::string_view text = cursor.rest();
  // Old senders end a datagram as they would a string or a line; rsyslog drops that, too.
  if (text.ends_with('\0')) text.remove_suffix(1);
  if (text.ends_with('\n')) text.remove_suffix(1);
  record.text = text;
}

}  // namespace

SyslogRecord parse_syslog(std::string_view bytes) {
  SyslogRecord record;
  Cursor cursor(bytes);
  const std::optional<unsigned> priority = take_priority(cursor);
  if (!priority) {
    record.text = bytes;
    return record;
  }
  if (cursor.take("1 ")) {
    // With a version number it is RFC 5424, or something that cannot be understood.
    if (!read_5424(cursor, record)) {
      record = {};
      record.text = bytes;
      return record;
    }
    record.format = SyslogFormat::kRfc5424;
  } else {
    record.format = SyslogFormat::kRfc3164;
    read_3164(cursor, record);
  }
  record.facility = *priority / kSeverities;
  record.severity = *priority % kSeverities;
  return record;
}

std::string_view syslog_facility_name(unsigned facility) { return kFacilities.at(facility); }
std::string_view syslog_severity_name(unsigned severity) { return kSeverityNames.at(severity); }

Message syslog_message(std::string_view bytes) {
  constexpr std::array<std::string_view, 3> kFormats{"unknown", "rfc3164", "rfc5424"};
  constexpr std::size_t kMostParameters = 512;         // of kMaxHeaderCount
  constexpr std::size_t kMostHeaderBytes = 512 << 10;  // of kMaxFieldBytes
  constexpr unsigned kPriorityOfEmergency = 11;
  SyslogRecord record = parse_syslog(bytes);
  Message message;
  message.headers.emplace_back("syslog-format",
                               kFormats.at(static_cast<std::size_t>(record.format)));
  message.body = std::move(record.text);
  if (record.format == SyslogFormat::kUnknown) return message;
  message.priority = static_cast<std::uint16_t>(kPriorityOfEmergency - record.severity);
  message.headers.emplace_back("facility", syslog_facility_name(record.facility));
  message.headers.emplace_back("severity", syslog_severity_name(record.severity));
  const auto add = [&message](std::string_view name, const std::string& value) {
    if (!value.empty()) message.headers.emplace_back(name, value);
  };
  add("timestamp", record.timestamp);
  add("host", record.host);
  add("app", record.app);
  add("procid", record.procid);
  add("msgid", record.msgid);
  std::size_t room = kMostHeaderBytes;
  std::size_t taken = 0;
  for (auto& [name, value] : record.structured) {
    const std::size_t size = name.size() + value.size();
    if (taken == kMostParameters || size > room) break;
    room -= size;
    ++taken;
    if (first_invalid_utf8(value)) value = printable(value);
    message.headers.emplace_back("sd." + name, std::move(value));
  }
  if (taken < record.structured.size()) {
    message.headers.emplace_back("syslog-left-out",
                                 std::to_string(record.structured.size() - taken));
  }
  return message;
}

}  // namespace spoolmq::adapters
