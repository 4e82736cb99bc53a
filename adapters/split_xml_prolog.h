#pragma once
// How the bytes of an XML file are to be read: its byte order mark and XML declaration.

#include <string>
#include <variant>

#include "adapters/piece_reader.h"

namespace spoolmq::adapters {

enum class XmlBytes : std::uint8_t { kUtf8, kAscii, kContainsAscii };

struct XmlEncoding {
  XmlBytes bytes = XmlBytes::kUtf8;
  std::string declared;  // as it is written; empty: not at all, which is UTF-8
};

struct XmlRefusal {
  std::string why;
};

// Takes the XML declaration, where there is one. Refused: an encoding that does not contain ASCII
// (UTF-16, UTF-32, EBCDIC) or is not known to, one that the byte order mark contradicts, and a
// malformed declaration.
std::variant<XmlEncoding, XmlRefusal> read_xml_prolog(PieceReader& reader);

}  // namespace spoolmq::adapters
