#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/xml_codec.h"

namespace spoolmq::xml {
namespace {

using std::string_literals::operator""s;

// A document with everything a document may have; its root ends with its last byte.
const std::string kRich =
    "\xEF\xBB\xBF<?xml version='1.0' encoding = \"utf-8\" standalone='yes' ?>\r\n"
    "<?xml-stylesheet href='a?b'?><!-- - a <b> & c -->\n"
    "<r\xC3\xB6"
    "ot:x xmlns:x=\"urn:x\" a='\"&lt;&#x1F600;&#9;' b.-1 = \"'>\n\xE2\x82\xAC\">"
    "text \xF0\x9F\x98\x80 &amp;&gt;&quot;&apos;&#65;&#x41; ]] ]>"
    "<empty/><spaced  />\t<_ x='' ></_ >"
    "<![CDATA[<not & an element> ]] ]>]]><!----><?pi?><a><a><a>deep</a></a></a\n>"
    "</r\xC3\xB6"
    "ot:x>";

std::string nested(std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += "<a>";
  for (std::size_t i = 0; i < depth; ++i) text += "</a>";
  return text;
}

std::string with_attributes(std::size_t count) {
  std::string text = "<a";
  for (std::size_t i = 0; i < count; ++i) text += " a" + std::to_string(i) + "=''";
  return text + "/>";
}

TEST(XmlWellFormed, AcceptsWhatXmlAllows) {
  const std::vector<std::string> documents = {
      kRich,
      kRich + "\n<!-- after --><?pi after?> \t\r\n",
      "<a/>",
      "<a />",
      "<a></a>",
      "<a></a \t\r\n>",
      " \r\n\t<a/>",
      "\xEF\xBB\xBF<a/>",
      "<?xml version=\"1.0\"?><a/>",
      "<?xml version='1.0'?>\n<a/>",
      "<?xml version='1.1'?><a/>",  // fifth edition, section 2.8: read as 1.0
      "<?xml\tversion\n=\r'1.0'\t?><a/>",
      "<?xml version='1.0' encoding='UTF-8'?><a/>",
      "<?xml version='1.0' encoding='uTf-8'?><a>\xC3\xA4</a>",
      "<?xml version='1.0' encoding='US-ASCII'?><a/>",
      "<?xml version='1.0' encoding='us-ascii' standalone='no'?><a>&#228;</a>",
      "<?xml version='1.0' standalone='yes'?><a/>",
      "<?xmlish?><a/>",
      "<?xml-a?><a/>",
      "<a><?x?></a>",
      "<a><?x y?></a>",
      "<a><?x ? ?></a>",
      "<a><?x <>&--]]>?></a>",
      "<!----><a/>",
      "<!-- <a> & ]]> - - --><a/>",
      "<a><!-->--></a>",
      "<a><!--->--></a>",
      "<a>a]]b]>c</a>",
      "<a>></a>",
      "<a>\"'</a>",
      "<a>\t\n\r\x7F</a>",
      "<a>\xC2\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBD\xF0\x90\x80\x80\xF4\x8F\xBF\xBF</a>",
      "<a>&amp;&lt;&gt;&quot;&apos;</a>",
      "<a>&#9;&#10;&#13;&#32;&#xD7FF;&#xE000;&#xFFFD;&#x10000;&#x10FFFF;&#1114111;</a>",
      "<a>&#00000000000000000000065;</a>",
      "<a>&#xaB;</a>",
      "<a><![CDATA[]]></a>",
      "<a><![CDATA[]]]]></a>",
      "<a><![CDATA[]]]></a>",
      "<a><![CDATA[<![CDATA[]]></a>",
      "<a b=''/>",
      "<a b='' c=\"\"/>",
      "<a b = 'c'/>",
      "<a b='>]]>'/>",
      "<a b='\n\t'/>",
      "<a b='&amp;&#x41;'/>",
      "<a b='' B=''/>",
      "<:a/>",
      "<_a-.0/>",
      "<a:b:c/>",
      "<\xC3\x80/>",
      "<a\xC2\xB7/>",
      "<a\xE2\x80\xBF/>",
      "<\xF3\xAF\xBF\xBF/>",
      "<a b='' ab='' aba='' ba=''/>",
      nested(kMaxDepth),
      with_attributes(256),
  };
  for (const std::string& document : documents) {
    const auto refusal = check_well_formed(document);
    EXPECT_FALSE(refusal) << document << "\n" << refusal->why << " at " << refusal->offset;
  }
}

TEST(XmlWellFormed, RefusesWhatXmlForbidsAndSaysWhere) {
  const struct {
    std::string document;
    std::size_t offset;
  } cases[] = {
      {"", 0},
      {" \n", 2},
      {"\xEF\xBB\xBF", 3},
      {"<!-- only -->", 13},
      {"text", 0},
      {"x<a/>", 0},
      {"<a/>x", 4},
      {"<a/>\0"s, 4},
      {"<a/>&amp;", 4},
      {"<a/>\xEF\xBB\xBF", 4},
      {"\xEF\xBB\xBF\xEF\xBB\xBF<a/>", 3},
      {"\xFE\xFF\0<\0a\0/\0>"s, 0},
      {"\xFF\xFE<\0a\0/\0>\0"s, 0},
      {"\0<a/>"s, 0},
      {"<a/><a/>", 4},
      {"<a></a><b/>", 7},
      {"<a/></a>", 6},
      {"</a>", 2},
      {"<a>", 3},
      {"<a><b></a></b>", 8},
      {"<a></b>", 5},
      {"<a></ab>", 6},
      {"<ab></a>", 6},
      {"<a></ a>", 5},
      {"<a></a b=''>", 7},
      {"<a></a", 6},
      {"<a></A>", 5},
      {"< a/>", 1},
      {"<a", 2},
      {"<a/", 2},
      {"<a/ >", 2},
      {"<1a/>", 1},
      {"<-a/>", 1},
      {"<.a/>", 1},
      {"<a$/>", 2},
      {"<\xC3\x97/>", 1},
      {"<\xC2\xB7/>", 1},
      {"<\xCD\xBE/>", 1},
      {"<a\xFF/>", 2},
      {"<a\0/>"s, 2},
      {"<>", 1},
      {"<<a/>", 1},
      {"<a b/>", 4},
      {"<a b=/>", 5},
      {"<a b=c/>", 5},
      {"<a b='c/>", 9},
      {"<a b='\"/>", 9},
      {"<a b='c\"/>", 10},
      {"<a b=''c=''/>", 7},
      {"<a b='<'/>", 6},
      {"<a b='&'/>", 6},
      {"<a b='&b;'/>", 6},
      {"<a b='&#0;'/>", 9},
      {"<a b='\x01'/>", 6},
      {"<a b='\xFF'/>", 6},
      {"<a b='' b=''/>", 9},
      {"<a b='' c='' b=''/>", 14},
      {"<a ='c'/>", 3},
      {"<a 1='c'/>", 3},
      {"<a>&</a>", 3},
      {"<a>& </a>", 3},
      {"<a>&amp</a>", 3},
      {"<a>&AMP;</a>", 3},
      {"<a>&nbsp;</a>", 3},
      {"<a>&#;</a>", 5},
      {"<a>&#x;</a>", 6},
      {"<a>&#X41;</a>", 5},
      {"<a>&#65</a>", 7},
      {"<a>&#6a;</a>", 6},
      {"<a>&#xg;</a>", 6},
      {"<a>&#-1;</a>", 5},
      {"<a>&#0;</a>", 6},
      {"<a>&#8;</a>", 6},
      {"<a>&#x1F;</a>", 8},
      {"<a>&#xD800;</a>", 10},
      {"<a>&#xDFFF;</a>", 10},
      {"<a>&#xFFFE;</a>", 10},
      {"<a>&#xFFFF;</a>", 10},
      {"<a>&#x110000;</a>", 12},
      {"<a>&#4294967361;</a>", 15},            // 65 modulo 2^32
      {"<a>&#18446744073709551681;</a>", 25},  // 65 modulo 2^64
      {"<a>]]></a>", 3},
      {"<a>\0</a>"s, 3},
      {"<a>\x01</a>", 3},
      {"<a>\x08</a>", 3},
      {"<a>\x0B</a>", 3},
      {"<a>\x0C</a>", 3},
      {"<a>\x1F</a>", 3},
      {"<a>\xEF\xBF\xBE</a>", 3},
      {"<a>\xEF\xBF\xBF</a>", 3},
      {"<a>\xED\xA0\x80</a>", 3},
      {"<a>\xC0\x80</a>", 3},
      {"<a>\xF4\x90\x80\x80</a>", 3},
      {"<a>\xC3</a>", 3},
      {"<a>\xE4</a>", 3},
      {"<a><!-- -- --></a>", 10},
      {"<a><!-- ---></a>", 10},
      {"<a><!-- </a>", 12},
      {"<a><!-- \x01 --></a>", 8},
      {"<a><!- x --></a>", 3},
      {"<!-- \xFF --><a/>", 5},
      {"<a><![CDATA[</a>", 16},
      {"<a><![CDATA[\x02]]></a>", 12},
      {"<a><![CDATA[]]>]]></a>", 15},
      {"<a><![cdata[]]></a>", 3},
      {"<a><! [CDATA[]]></a>", 3},
      {"<![CDATA[]]><a/>", 0},
      {"<a/><![CDATA[]]>", 4},
      {"<!DOCTYPE a><a/>", 0},
      {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 0},
      {"<!doctype a><a/>", 0},
      {"<a/><!DOCTYPE a>", 4},
      {"<a><!ELEMENT a></a>", 3},
      {"<a><?></a>", 5},
      {"<a><? x?></a>", 5},
      {"<a><?1?></a>", 5},
      {"<a><?x></a>", 6},
      {"<a><?x</a>", 6},
      {"<a><?x </a>", 11},
      {"<a><?x?</a>", 6},
      {"<a><?x \x01?></a>", 7},
      {"<a><?xml?></a>", 8},
      {"<a><?XML x?></a>", 8},
      {"<a><?xMl version='1.0'?></a>", 8},
      {" <?xml version='1.0'?><a/>", 6},
      {"<?xml version='1.0'?><?xml version='1.0'?><a/>", 26},
      {"<a/><?xml version='1.0'?>", 9},
      {"<?xml?><a/>", 5},
      {"<?xml ?><a/>", 5},
      {"<?xml encoding='UTF-8'?><a/>", 5},
      {"<?xml version=1.0?><a/>", 5},
      {"<?xml version='2.0'?><a/>", 19},
      {"<?xml version='1.'?><a/>", 18},
      {"<?xml version='1.0a'?><a/>", 20},
      {"<?xml version=''?><a/>", 16},
      {"<?xml version='1.0\"?><a/>", 5},
      {"<?xml version='1.0'encoding='UTF-8'?><a/>", 19},
      {"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", 41},
      {"<?xml version='1.0' encoding='UTF-16'?><a/>", 37},
      {"<?xml version='1.0' encoding='UTF8'?><a/>", 35},
      {"<?xml version='1.0' encoding=''?><a/>", 31},
      {"<?xml version='1.0' encoding='us-ascii'?><a>\xC3\xA4</a>", 44},
      {"<?xml version='1.0' standalone='maybe'?><a/>", 38},
      {"<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>", 37},
      {"<?xml version='1.0' x='y'?><a/>", 20},
      {"<?xml version='1.0' version='1.0'?><a/>", 20},
      {"<?xml version='1.0'><a/>", 19},
      {"<?xml version='1.0' ? ><a/>", 20},
      {"<?XML version='1.0'?><a/>", 5},
      {nested(kMaxDepth + 1), 3 * kMaxDepth},
  };
  for (const auto& c : cases) {
    const auto refusal = check_well_formed(c.document);
    ASSERT_TRUE(refusal) << c.document;
    EXPECT_EQ(refusal->offset, c.offset) << c.document << "\n" << refusal->why;
    EXPECT_FALSE(refusal->why.empty());
    EXPECT_EQ(refusal->why.find('\n'), std::string::npos);
  }
}

TEST(XmlWellFormed, RefusesEveryTruncation) {
  ASSERT_FALSE(check_well_formed(kRich));
  for (std::size_t size = 0; size < kRich.size(); ++size) {
    const auto refusal = check_well_formed(kRich.substr(0, size));
    ASSERT_TRUE(refusal) << kRich.substr(0, size);
    EXPECT_LE(refusal->offset, size);
  }
}

TEST(XmlWellFormed, NamesTheElementButNoOtherBytes) {
  const auto refusal = check_well_formed("<order><line></order>secret");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->why, "the end tag of <line> does not match");
  const auto long_name = check_well_formed("<" + std::string(1'000'000, 'n') + ">");
  ASSERT_TRUE(long_name);
  EXPECT_LT(long_name->why.size(), 200U);
}

TEST(XmlWellFormed, CountsEveryKindOfNode) {
  const std::string document = "<a b='' c=''>text<!-- --><?pi?><![CDATA[]]><d/>text</a>";
  EXPECT_FALSE(check_well_formed(document, 9));
  const auto refusal = check_well_formed(document, 8);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->offset, document.rfind("text"));
}

TEST(XmlWellFormed, HasLimitsThatTheCallerMayRaise) {
  std::string many = "<r>";
  for (std::size_t i = 0; i < kMaxNodes; ++i) many += "<a/>";
  many += "</r>";
  EXPECT_TRUE(check_well_formed(many));
  EXPECT_FALSE(check_well_formed(many, kMaxNodes + 1));
  EXPECT_TRUE(check_well_formed(with_attributes(257)));
}

}  // namespace
}  // namespace spoolmq::xml
