#include "adapters/split.h"

#include <utility>

#include "adapters/split_kinds.h"
#include "core/check.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kXmlPrefix = "xml:";

}  // namespace

std::optional<SplitRule> SplitRule::parse(std::string_view text, std::string* why) {
  SplitRule rule;
  if (text == "lines") {
    rule.kind = SplitKind::kLines;
  } else if (text == "csv") {
    rule.kind = SplitKind::kCsv;
  } else if (text.starts_with(kXmlPrefix)) {
    rule.kind = SplitKind::kXml;
    rule.path = text.substr(kXmlPrefix.size());
    const auto parsed = XmlPath::parse(rule.path);
    if (const auto* refusal = std::get_if<XmlPath::Refusal>(&parsed)) {
      if (why != nullptr) {
        *why =
            "column " + std::to_string(kXmlPrefix.size() + refusal->column) + ": " + refusal->why;
      }
      return std::nullopt;
    }
  } else {
    if (why != nullptr) *why = "not one of lines, csv, xml:PATH";
    return std::nullopt;
  }
  return rule;
}

std::unique_ptr<Splitter> make_splitter(const SplitRule& rule, BodySource source) {
  switch (rule.kind) {
    case SplitKind::kNone:
      break;
    case SplitKind::kLines:
      return make_line_splitter(rule.max_record_bytes, std::move(source));
    case SplitKind::kCsv:
      return make_csv_splitter(rule.max_record_bytes, std::move(source));
    case SplitKind::kXml: {
      auto path = XmlPath::parse(rule.path);
      SPOOLMQ_CHECK(std::holds_alternative<XmlPath>(path));
      return make_xml_splitter(std::get<XmlPath>(std::move(path)), rule.max_record_bytes,
                               std::move(source));
    }
  }
  SPOOLMQ_CHECK(!"a rule that splits");
  return nullptr;
}

}  // namespace spoolmq::adapters
