#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/adapters/split_run.h"

namespace spoolmq::adapters {
namespace {

using Texts = std::vector<std::string>;
using std::string_literals::operator""s;

TEST(SplitXml, GivesTheElementsOfThePath) {
  struct {
    const char* path;
    const char* bytes;
    Texts records;
  } const cases[] = {
      {"/r/a", "<r><a>1</a> text <b><a>2</a></b><a x='1'/></r>", {"<a>1</a>", "<a x='1'/>"}},
      {"a", "<r><a>1</a><b><a>2</a></b></r>", {"<a>1</a>", "<a>2</a>"}},
      {"b/a", "<r><a>1</a><b><a>2</a></b></r>", {"<a>2</a>"}},
      {"/*/*/a", "<r><a>1</a><b><a>2</a></b></r>", {"<a>2</a>"}},
      {"/r/*", "<r><a>1</a><b><a>2</a></b></r>", {"<a>1</a>", "<b><a>2</a></b>"}},
      {"*", "<r><a/></r>", {"<r><a/></r>"}},
      {"/r", "<?xml version='1.0'?>\n<r\n/>\n<!-- -->", {"<r\n/>"}},
      {"/a", "<r><a/></r>", {}},
      {"/r/a/b/c", "<r><a/></r>", {}},
      {"*/a", "<a/>", {}},
      {"a", "<r><a><a>1</a><b><a/></b></a><a/></r>", {"<a><a>1</a><b><a/></b></a>", "<a/>"}},
      {"o:a", "<r><a/><o:a xmlns:o='u'/></r>", {"<o:a xmlns:o='u'/>"}},
      {"a", "<r><!-- <a/> --><![CDATA[<a/>]]><?pi <a/>?><a/></r>", {"<a/>"}},
      {"a",
       "<r><a><!-- </a> --><![CDATA[</a>]]]]><?pi </a>?></a></r>",
       {"<a><!-- </a> --><![CDATA[</a>]]]]><?pi </a>?></a>"}},
      {"a",
       "<r><a\tx = '>'\n y=\"/>'\" >&lt;&#65;</a\n></r>",
       {"<a\tx = '>'\n y=\"/>'\" >&lt;&#65;</a\n>"}},
      {"a",
       "<!DOCTYPE r SYSTEM \"a>b\" [<!ELEMENT r ANY>\n<!-- ]> <!ENTITY -->]><r><a/></r>",
       {"<a/>"}},
      {"é", "<r><é>ü</é></r>", {"<é>ü</é>"}},
      {"a", "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8'?><r><a/></r>", {"<a/>"}},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(outcomes(split("xml:"s + one.path, one.bytes)), one.records) << one.bytes;
  }
}

TEST(SplitXml, TakesTheNamespacesInForceAlong) {
  struct {
    const char* bytes;
    Texts records;
  } const cases[] = {
      {"<r xmlns='u' xmlns:o=\"v\"><a>1</a><a/></r>",
       {"<a xmlns:o=\"v\" xmlns='u'>1</a>", "<a xmlns:o=\"v\" xmlns='u'/>"}},
      {"<r xmlns='u'><a xmlns='w' x='1'/></r>", {"<a xmlns='w' x='1'/>"}},
      {"<r xmlns:o='u'><b xmlns:o='v'><a/></b><a/></r>", {"<a xmlns:o='v'/>", "<a xmlns:o='u'/>"}},
      {"<r xmlns='u'><b xmlns=''><a/></b><a/></r>", {"<a/>", "<a xmlns='u'/>"}},
      {"<r xmlns='a&amp;&#34;\"'><a/></r>", {"<a xmlns='a&amp;&#34;\"'/>"}},
      {"<r><b xmlns='u'/><a xmlns:x='v'><a/></a><a/></r>", {"<a xmlns:x='v'><a/></a>", "<a/>"}},
      {"<r o:xmlns='u' xmlnsx='v'><a/></r>", {"<a/>"}},
  };
  for (const auto& one : cases) EXPECT_EQ(outcomes(split("xml:a", one.bytes)), one.records);
}

TEST(SplitXml, AMalformedNamespaceDeclarationAroundThemBreaksAll) {
  for (const char* declared : {"xmlns='&e;'", "xmlns='\x01'", "xmlns='u' xmlns='v'"}) {
    const auto records = split("xml:a", "<r "s + declared + "><a/></r>");
    EXPECT_EQ(outcomes(records), Texts{"!its namespace declarations are malformed"}) << declared;
  }
}

TEST(SplitXml, DeclaresAnEncodingOtherThanUtf8) {
  struct {
    const char* declaration;
    const char* before;
  } const cases[] = {
      {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
       "<?xml version=\"1.0\" "
       "encoding=\"ISO-8859-1\"?>"},
      {"<?xml version='1.0'\n encoding = 'windows-1252' standalone='yes' ?>",
       "<?xml version=\"1.0\" encoding=\"windows-1252\"?>"},
      {"<?xml version='1.0' encoding='us-ascii'?>",
       "<?xml version=\"1.0\" encoding=\"us-ascii\"?>"},
      {"<?xml version='1.0' encoding='utf-8'?>", ""},
      {"<?xml version='1.1' standalone='no'?>", ""},
      {"", ""},
  };
  for (const auto& one : cases) {
    const auto records = split("xml:a", one.declaration + "<r><a>x</a></r>"s);
    EXPECT_EQ(outcomes(records), Texts{one.before + "<a>x</a>"s}) << one.declaration;
  }
  EXPECT_EQ(outcomes(split("xml:a", "<?xml version='1.0' encoding='latin1'?><r><a>\xE9</a></r>")),
            Texts{"<?xml version=\"1.0\" encoding=\"latin1\"?><a>\xE9</a>"});
}

TEST(SplitXml, AFileItCannotReadIsOneBadRecord) {
  const auto utf16 = [](std::string_view text, bool little) {
    std::string made;
    for (const char c : text) made += little ? std::string{c, '\0'} : std::string{'\0', c};
    return made;
  };
  const char* const wide = "it is UTF-16 or UTF-32; only encodings that contain ASCII are split";
  struct {
    std::string bytes;
    std::string why;
  } const cases[] = {
      {"\xFF\xFE" + utf16("<r><a/></r>", true), wide},
      {"\xFE\xFF" + utf16("<r><a/></r>", false), wide},
      {utf16("<?xml version='1.0'?><r><a/></r>", true), wide},
      {utf16("<?xml version='1.0'?><r><a/></r>", false), wide},
      {"<\0\0\0r\0\0\0"s, wide},
      {"\0\0\0<\0\0\0r"s, wide},
      {"<?xml version='1.0' encoding='UTF-16'?><r><a/></r>",
       "it declares the encoding UTF-16, which is not one of those that are split (UTF-8, "
       "ISO-8859-1, windows-1252 and others that contain ASCII)"},
      {"\xEF\xBB\xBF<?xml version='1.0' encoding='latin1'?><r><a/></r>",
       "it declares the encoding latin1 behind a byte order mark of UTF-8"},
      {"<?xml encoding='UTF-8'?><r/>", "the XML declaration is malformed"},
      {"<?xml version='1.0' encoding='\"?><!--'?><r/>", "the XML declaration is malformed"},
      {"<?xml version='1.0' encodin='UTF-8'?><r/>", "the XML declaration is malformed"},
      {"<?xml version='1.0' ", "the XML declaration is not closed"},
      {"<?xml version='" + std::string(2000, ' ') + "'?><r/>", "the XML declaration is not closed"},
      {"<!DOCTYPE r [<!ENTITY e 'x'>]><r><a>&e;</a></r>", "it declares entities (byte 13)"},
      {"<!DOCTYPE r [<!ENTITY % p SYSTEM 'x'> %p;]><r/>", "it declares entities (byte 13)"},
      {"<!DOCTYPE r [", "the DOCTYPE is not closed (byte 13)"},
      {"", "it has no element"},
      {" <!-- only --> ", "it has no element"},
      {"text", "there is text outside the root element"},
      {"<![CDATA[]]><r/>", "there is text outside the root element"},
      {"</r>", "the end tag </r> has no start tag"},
      {"<!ELEMENT r ANY><r/>", "a tag has no name (byte 1)"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(outcomes(split("xml:a", one.bytes)), Texts{"!" + one.why}) << one.bytes;
  }
  EXPECT_EQ(split("xml:a", cases[6].bytes)[0].body, cases[6].bytes);
}

TEST(SplitXml, WhatIsWrongInsideARecordLeavesTheOthers) {
  struct {
    const char* bad;
    const char* why;
  } const cases[] = {
      {"<a>\xFF</a>", "it is not UTF-8 (byte 3 of it)"},
      {"<a>\x01</a>", "it has a character that XML forbids (byte 3 of it)"},
      {"<a>&nbsp;</a>", "a reference names no predefined entity (byte 3 of it)"},
      {"<a>]]></a>", "]]> stands in text (byte 3 of it)"},
      {"<a><!-- -- --></a>", "-- stands in a comment (byte 10 of it)"},
      {"<a x='1' x='2'/>", "an attribute is given twice (byte 10 of it)"},
  };
  for (const auto& one : cases) {
    const auto records = split("xml:a", "<r>\n<a>1</a>"s + one.bad + "<a>2</a></r>");
    EXPECT_EQ(outcomes(records), (Texts{"<a>1</a>", "!"s + one.why, "<a>2</a>"}));
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[1].body, one.bad);
    EXPECT_EQ(records[1].offset, 12U);
    EXPECT_EQ(records[1].line, 2U);
  }
}

TEST(SplitXml, UsAsciiIsHeldToItsWord) {
  const auto records =
      split("xml:a", "<?xml version='1.0' encoding='US-ASCII'?><r><a>é</a><a>e</a></r>");
  EXPECT_EQ(outcomes(records), (Texts{"!the file declares US-ASCII, and it is not",
                                      "<?xml version=\"1.0\" encoding=\"US-ASCII\"?><a>e</a>"}));
}

TEST(SplitXml, FromABrokenTagOnAllIsTheLastBadRecord) {
  struct {
    const char* rest;  // behind one good record
    const char* why;
    const char* body;
  } const cases[] = {
      {"<a><b></a><a/></r>", "the end tag </a> does not match <b>", "<a><b></a><a/></r>"},
      {"<b></c><a/></r>", "the end tag </c> does not match <b>", "</c><a/></r>"},
      {"<a>1", "the element <a> is not closed", "<a>1"},
      {"<b/>", "the element <r> is not closed", ""},
      {"", "the element <r> is not closed", ""},
      {"</r><a/>", "there is a second root element", "<a/>"},
      {"</r>text<a/>", "there is text outside the root element", "text<a/>"},
      {"<a x=1/></r>", "an attribute is malformed (byte 16)", "<a x=1/></r>"},
      {"<a x></r>", "an attribute is malformed (byte 15)", "<a x></r>"},
      {"<a x='1'y='2'/></r>", "a start tag is malformed (byte 19)", "<a x='1'y='2'/></r>"},
      {"<a x='<'/></r>", "< stands in the value of an attribute (byte 17)", "<a x='<'/></r>"},
      {"<a><!-- </a></r>", "a comment is not closed (byte 27)", "<a><!-- </a></r>"},
      {"<a><![CDATA[</a>", "a CDATA section is not closed (byte 27)", "<a><![CDATA[</a>"},
      {"<a><?x </a></r>", "a processing instruction is not closed (byte 26)", "<a><?x </a></r>"},
      {"<a>1 < 2</a></r>", "a tag has no name (byte 17)", "<a>1 < 2</a></r>"},
      {"<!DOCTYPE r><a/></r>", "a DOCTYPE stands behind the beginning", "<!DOCTYPE r><a/></r>"},
      {"<a></a/></r>", "an end tag is malformed (byte 17)", "<a></a/></r>"},
  };
  for (const auto& one : cases) {
    const auto records = split("xml:a", "<r><a>1</a>"s + one.rest);
    EXPECT_EQ(outcomes(records), (Texts{"<a>1</a>", "!"s + one.why})) << one.rest;
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[1].body, one.body);
  }
}

TEST(SplitXml, OneTooLongIsBadAndTheNextIsNot) {
  const std::string bytes =
      "<r xmlns='u'><a>1</a><a>12</a><b>" + std::string(1000, 'x') + "</b><a>1<b/></a><a>2</a></r>";
  const auto records = split("xml:a", bytes, {.limit = 18});
  const std::string bad = "!it is longer than 18 bytes";
  EXPECT_EQ(outcomes(records), (Texts{"<a xmlns='u'>1</a>", bad, bad, "<a xmlns='u'>2</a>"}));
  EXPECT_EQ(records[1].body, "<a>12</a>");
}

TEST(SplitXml, BoundsWhatItMustRemember) {
  const std::string name(1025, 'n');
  const auto broken = [](const std::string& bytes) {
    const auto records = split("xml:a", bytes);
    return records.size() == 1 && records[0].bad ? *records[0].bad : "";
  };
  std::string deep;
  for (int i = 0; i < 1001; ++i) deep += "<d>";
  EXPECT_EQ(broken(deep), "its elements are nested too deep");
  EXPECT_EQ(broken(deep.substr(3)), "the element <d> is not closed");
  EXPECT_EQ(broken("<" + name + "/>"), "a name is too long (byte 1025)");
  EXPECT_EQ(broken("<" + name.substr(1) + "/>"), "");
  const std::string long_value = "xmlns='" + std::string(40'000, 'u') + "'";
  EXPECT_EQ(broken("<r " + long_value + "><a/></r>"), "");
  EXPECT_EQ(broken("<r " + long_value + "><s " + long_value + "><a/></s></r>"),
            "its namespace declarations are too long");
  const std::string sibling = "<s " + long_value + "></s>";
  EXPECT_EQ(broken("<r>" + sibling + sibling + "</r>"), "");
  EXPECT_TRUE(broken("<r xmlns='" + std::string(70'000, 'u') + "'><a/></r>")
                  .starts_with("its namespace declarations are too long"));
}

TEST(SplitXml, ARecordNestedTooDeepIsBadAlone) {
  const auto nested = [](int depth) {
    std::string front;
    std::string back;
    for (int i = 0; i < depth; ++i) {
      front += "<d>";
      back += "</d>";
    }
    return "<a>" + front + back + "</a>";
  };
  const auto records = split("xml:a", "<r>" + nested(63) + nested(64) + "<a/></r>");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].body, nested(63));
  EXPECT_EQ(records[1].bad, "its elements are nested too deep (byte 192 of it)");
  EXPECT_EQ(records[2].body, "<a/>");
}

// A second opinion: every record is a document of its own for libxml2, namespaces and all.
TEST(SplitXml, EachRecordIsADocumentForXmllint) {
  const char* const kOrders = R"(<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- orders of the day -->
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
               xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>
  <soap:Body>
    <ub:Orders xmlns:ub="urn:ub:orders" xmlns="urn:ub:common">
      <ub:Order id="1"><ID>A&amp;1</ID><Note xsi:nil="true"/><City>Orl)"
                              "\xE9"
                              R"(ans</City></ub:Order>
      <ub:Order id="2" xmlns="urn:other"><![CDATA[<ub:Order>]]></ub:Order>
      <ub:Order xmlns:ub="urn:ub:orders" id="3"/>
    </ub:Orders>
  </soap:Body>
</soap:Envelope>
)";
  const auto records = split("xml:ub:Order", kOrders);
  ASSERT_EQ(records.size(), 3U);
  const std::filesystem::path dir =
      std::filesystem::path(testing::TempDir()) / ("split_xml." + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  for (const SplitRecord& one : records) {
    ASSERT_EQ(one.bad, std::nullopt);
    const std::filesystem::path file = dir / (std::to_string(one.number) + ".xml");
    std::ofstream(file, std::ios::binary) << one.body;
    const std::string command =
        "xmllint --noout --xpath 'namespace-uri(/*)' '" + file.string() + "' 2>&1";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string said;
    std::array<char, 256> bytes{};
    while (std::fgets(bytes.data(), bytes.size(), pipe) != nullptr) said += bytes.data();
    EXPECT_EQ(::pclose(pipe), 0) << one.body;
    EXPECT_EQ(said, "urn:ub:orders\n") << one.body;
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace spoolmq::adapters
