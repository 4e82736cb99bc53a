#pragma once
// Cuts one file into records while it is read, so that each becomes a message of its own. A bad
// record is reported with its position, and the rest goes on where the format tells where that is.
//   lines     a record per line, without its end (LF, or CR LF); the last may lack one. Empty
//             lines are no records
//   csv       RFC 4180: quoted fields may hold commas, quotes ("") and line ends; the first record
//             is the header line: it is no message, and its line (as it stands, with its end) goes
//             before each record (with its end too), so that every message is a CSV file of its
//             own. Wholly empty lines are no records.
//             Bad: another number of fields than the header line; a stray quote, or a CR without
//             LF outside quotes: up to the next line end; an unclosed quote: up to the end of the
//             file. A bad header line makes the whole file one bad record
//   xml:PATH  the elements at PATH ("/orders/order", or "order": at any depth, "*" for any name),
//             each with its tags, as it stands in the file; one inside another belongs to that.
//             Namespace declarations in force around it are added to its start tag, and an XML
//             declaration goes before it where the file declares another encoding than UTF-8.
//             Bad: an element that is not well-formed inside its tags (not UTF-8, an unknown
//             entity, a control character, deeper than xml::kMaxDepth): that one alone; its insides
//             are not looked at in other encodings than UTF-8 and US-ASCII.
//             Where tags do not match: from the start of that record or tag on to the end of the
//             file it is one last bad record, which is empty where the file just ends too early.
//             So is a whole file in UTF-16, UTF-32 or an encoding not known to contain ASCII, and
//             one that declares entities. What else a DTD says is not carried over; outside of the
//             elements at PATH only tags are looked at
// A UTF-8 byte order mark at the start of the file belongs to no record.
//
// Memory: one record, at most `max_record_bytes` as a message, or kMaxShownBadBytes where that is
// more; a longer one is bad and skipped over.
// Untrusted bytes: nothing throws for their sake. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "spoolmq/queue.h"

namespace spoolmq::adapters {

struct SplitRecord {
  std::uint64_t number = 0;  // from 1, bad ones included
  std::uint64_t offset = 0;  // of its first byte in the file
  std::uint64_t line = 0;    // of its first byte, from 1
  std::string body;          // of a bad one: its raw bytes, the first kMaxShownBadBytes of them
  std::optional<std::string> bad;  // why it is no message
};

inline constexpr std::size_t kMaxShownBadBytes = 1 << 20;

class Splitter {
 public:
  virtual ~Splitter() = default;
  // The next record; nullopt at the end of the file. What `source` throws goes through.
  virtual std::optional<SplitRecord> next() = 0;
};

enum class SplitKind : std::uint8_t { kNone, kLines, kCsv, kXml };
struct SplitRule {
  SplitKind kind = SplitKind::kNone;
  std::string path;  // of kXml
  std::size_t max_record_bytes = 10 << 20;
  // "lines", "csv", "xml:PATH"; else nullopt, and in `why` what is wrong and at which column.
  static std::optional<SplitRule> parse(std::string_view text, std::string* why);
};
// Not of kNone; `rule.path` is one that SplitRule::parse took.
std::unique_ptr<Splitter> make_splitter(const SplitRule& rule, BodySource source);

}  // namespace spoolmq::adapters
