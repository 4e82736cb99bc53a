#pragma once
// XML spool files: one message, readable and `grep`-able, with everything its index row needs
// (store/FORMAT.md section 5). encode and decode are inverse for every Message: any body bytes, any
// UTF-8 in headers, characters that XML forbids included. Pure; untrusted bytes give a value.
//
//   <?xml version="1.0" encoding="UTF-8"?>
//   <message xmlns="urn:spoolmq:message:1" id="…" sent="…" priority="4" …>
//     <from uid="…" pid="…" name="…"/>
//     <header name="…">…</header>
//     <body encoding="text|base64|file" length="…">…</body>
//     <checksum>xxh3-64 in 16 hex digits</checksum>
//   </message>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/record_fields.h"
#include "spoolmq/message.h"

namespace spoolmq::xml {

// Hostile input is refused by a scan of the bytes before any tree is built.
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxNodes = 100'000;  // elements, attributes, text runs, comments, PIs

// A body is text unless escaping makes it larger than this.
inline constexpr std::size_t kMaxEscapedBodyBytes = 2 * kMaxInlineBodyBytes;
// The longest file that encode makes and decode takes: a byte of a field becomes at most six,
// "&quot;".
inline constexpr std::size_t kMaxFileBytes =
    kMaxEscapedBodyBytes + 8 * record::kMaxEncodedFieldBytes;

struct Refusal {
  std::size_t offset = 0;  // byte of the input where it was noticed
  std::string why;         // one line, no bytes of the input but names
};

// Well-formed XML 1.0 in UTF-8: exactly one root, no DOCTYPE, nothing but white space, comments and
// processing instructions around it, matching tags, unique attributes, only the five predefined
// entities and character references to XML characters, depth and node limits. Memory is bounded by
// kMaxDepth, not by the input. nullopt: well-formed. Used for the setting check = well-formed-xml.
// `max_nodes`: a document that is only checked, not built, may have more.
std::optional<Refusal> check_well_formed(std::string_view bytes, std::size_t max_nodes = kMaxNodes);

struct Decoded {
  Message message;
  std::uint16_t flags = 0;  // record::RecordFlags
};

std::string encode(const Message& message, std::uint16_t flags);
// Refused too: a wrong checksum, unknown elements or attributes, a namespace that is not ours.
std::variant<Decoded, Refusal> decode(std::string_view bytes);

}  // namespace spoolmq::xml
