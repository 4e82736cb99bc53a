// What all ways of splitting have in common.

#include "adapters/split.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/xml_codec.h"
#include "tests/adapters/split_run.h"

namespace spoolmq::adapters {
namespace {

struct Sample {
  const char* rule;
  std::string bytes;
};

const std::vector<Sample>& valid_samples() {
  static const std::vector<Sample> samples = {
      {"lines", "\xEF\xBB\xBFone\r\ntwo\n\n\xFFthree \r four\nlast"},
      {"csv", "\xEF\xBB\xBFid,text\r\n1,\"a \"\"b\"\",\r\nc\"\r\n\r\n2,plain\n3,\"\"\n4,last"},
      {"xml:/o:orders/o:order",
       "\xEF\xBB\xBF<?xml version='1.0' encoding=\"utf-8\"?>\n<!DOCTYPE o:orders [<!-- > ] -->"
       "<!ELEMENT a (#PCDATA)><?pi ]> ?>]>\n<!-- <o:order> --><o:orders xmlns:o='urn:o' "
       "xmlns=\"urn:d\"><head o:x='>'>&amp;</head>\n<o:order id='1'><a><![CDATA[</o:order>]]></a>"
       "<o:order/></o:order><o:order xmlns='' /><!-- -- ?--><?x y?>\n<o:order>é</o:order >"
       "</o:orders>\n<!-- end -->"},
      {"xml:a", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r><a>\xE9</a><b/><a>2</a></r>"},
  };
  return samples;
}

void expect_same(const std::vector<SplitRecord>& left, const std::vector<SplitRecord>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].number, right[i].number);
    EXPECT_EQ(left[i].offset, right[i].offset);
    EXPECT_EQ(left[i].line, right[i].line);
    EXPECT_EQ(left[i].body, right[i].body);
    EXPECT_EQ(left[i].bad, right[i].bad);
  }
}

// Numbers count up, offsets never go back, and lines are those of the offsets.
void expect_positions(const std::vector<SplitRecord>& records, std::string_view bytes) {
  std::uint64_t number = 0;
  std::uint64_t offset = 0;
  for (const SplitRecord& one : records) {
    EXPECT_EQ(one.number, ++number);
    EXPECT_GE(one.offset, offset);
    ASSERT_LE(one.offset, bytes.size());
    offset = one.offset;
    EXPECT_EQ(one.line, 1 + std::ranges::count(bytes.substr(0, one.offset), '\n'));
    if (!one.bad) continue;
    EXPECT_EQ(bytes.substr(one.offset, one.body.size()), one.body);
  }
}

TEST(SplitRule, TakesItsThreeKinds) {
  std::string why;
  EXPECT_EQ(SplitRule::parse("lines", &why)->kind, SplitKind::kLines);
  EXPECT_EQ(SplitRule::parse("csv", &why)->kind, SplitKind::kCsv);
  const auto xml = SplitRule::parse("xml:/orders/*/eb:order", &why);
  EXPECT_EQ(xml->kind, SplitKind::kXml);
  EXPECT_EQ(xml->path, "/orders/*/eb:order");
  EXPECT_EQ(why, "");
}

TEST(SplitRule, SaysWhatItDoesNotUnderstandAndWhere) {
  struct {
    const char* text;
    const char* why;
  } const cases[] = {
      {"", "not one of lines, csv, xml:PATH"},
      {"line", "not one of lines, csv, xml:PATH"},
      {"xml", "not one of lines, csv, xml:PATH"},
      {"xml:", "column 5: a name or * is missing"},
      {"xml:/", "column 6: a name or * is missing"},
      {"xml:/a//b", "column 8: a name or * is missing"},
      {"xml:/a/", "column 8: a name or * is missing"},
      {"xml:/a/b[1]", "column 9: a step is"},
      {"xml:/a/@id", "column 8: a step is"},
      {"xml:/a/b*", "column 9: a step is"},
      {"xml:**", "column 5: a step is"},
      {"xml:a b", "column 6: a step is"},
      {"xml:1a", "column 5: a step is"},
      {"xml:a\xFF", "column 6: a step is"},
  };
  for (const auto& one : cases) {
    std::string why;
    EXPECT_FALSE(SplitRule::parse(one.text, &why)) << one.text;
    EXPECT_TRUE(why.starts_with(one.why)) << one.text << ": " << why;
    EXPECT_FALSE(SplitRule::parse(one.text, nullptr));
  }
}

TEST(Split, GivesTheSameRecordsHoweverTheBytesArrive) {
  for (const Sample& sample : valid_samples()) {
    const auto whole = split(sample.rule, sample.bytes);
    EXPECT_GE(whole.size(), 2U) << sample.rule;
    for (const SplitRecord& one : whole) EXPECT_EQ(one.bad, std::nullopt);
    expect_positions(whole, sample.bytes);
    for (const std::size_t chunk : {1U, 2U, 3U, 7U, 64U}) {
      SCOPED_TRACE(std::string(sample.rule) + " in pieces of " + std::to_string(chunk));
      expect_same(whole, split(sample.rule, sample.bytes, {.chunk = chunk}));
    }
  }
}

TEST(Split, OfATruncatedFileOnlyTheLastRecordIsBad) {
  for (const Sample& sample : valid_samples()) {
    const auto whole = split(sample.rule, sample.bytes);
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      SCOPED_TRACE(std::string(sample.rule) + " of " + std::to_string(size));
      const std::string_view cut = std::string_view(sample.bytes).substr(0, size);
      const auto records = split(sample.rule, cut, {.chunk = 5});
      expect_positions(records, cut);
      ASSERT_LE(records.size(), whole.size() + 1);
      for (std::size_t i = 0; i + 1 < records.size(); ++i) {
        EXPECT_EQ(records[i].bad, std::nullopt);
        EXPECT_EQ(records[i].body, whole[i].body);
      }
    }
  }
}

TEST(Split, HoldsAgainstBytesThatWereChanged) {
  std::mt19937 random(7);
  const std::string favourites("\"',<>/!?[]&-=\r\nx\0", 17);
  for (const Sample& sample : valid_samples()) {
    const bool utf8_xml = sample.bytes.find("utf-8") != std::string::npos;
    for (int round = 0; round < 2000; ++round) {
      std::string bytes = sample.bytes;
      for (auto changes = 1 + random() % 3; changes > 0; --changes) {
        bytes[random() % bytes.size()] = favourites[random() % favourites.size()];
      }
      const auto records = split(sample.rule, bytes, {.limit = 80});
      expect_positions(records, bytes);
      expect_same(records, split(sample.rule, bytes, {.limit = 80, .chunk = 3}));
      for (const SplitRecord& one : records) {
        if (one.bad) continue;
        EXPECT_LE(one.body.size(), 80U);
        if (utf8_xml) {
          EXPECT_FALSE(xml::check_well_formed(one.body)) << one.body;
        }
      }
      if (HasFailure()) FAIL() << sample.rule << ": " << bytes;
    }
  }
}

TEST(Split, LetsThroughWhatTheSourceThrows) {
  for (const Sample& sample : valid_samples()) {
    auto bytes = source_of(sample.bytes.substr(0, 30), 1);
    const auto splitter =
        make_splitter(*SplitRule::parse(sample.rule, nullptr), [&](std::span<char> into) {
          const std::size_t got = bytes(into);
          if (got == 0) throw std::runtime_error("EIO");
          return got;
        });
    EXPECT_THROW(records_of(*splitter), std::runtime_error);
  }
}

TEST(Split, ShowsAtMostItsShareOfABadRecord) {
  const std::string huge(kMaxShownBadBytes + 1000, 'x');
  const auto lines = split("lines", "a\n" + huge + "\nb\n", {.limit = 1 << 20});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].body.size(), kMaxShownBadBytes);
  EXPECT_EQ(*lines[1].bad,
            "it is longer than 1048576 bytes; kept are the first 1048576 of its 1049576 bytes");
  EXPECT_EQ(lines[2].body, "b");
  EXPECT_EQ(lines[2].line, 3U);

  const auto xml = split("xml:a", "<r><a>1</a><a>" + huge + "</b>" + huge, {});
  ASSERT_EQ(xml.size(), 2U);
  EXPECT_EQ(xml[1].body.size(), kMaxShownBadBytes);
}

// Reads no further ahead than a window, so that memory is that of one record.
TEST(Split, OfALargeFileHoldsOneRecord) {
  constexpr std::size_t kFileBytes = 20 << 20;
  struct {
    const char* rule;
    const char* head;
    const char* row;
  } const cases[] = {
      {"lines", "", "a line of some length, which is one record\n"},
      {"csv", "id,text\n", "1,\"text, with a\nline end\"\n"},
      {"xml:/r/a", "<r>", "<a id='1'>text <b/></a>\n"},
  };
  for (const auto& one : cases) {
    const std::string_view row = one.row;
    std::string ready = one.head;
    std::size_t given = 0;
    auto splitter = make_splitter(*SplitRule::parse(one.rule, nullptr), [&](std::span<char> into) {
      if (given >= kFileBytes) return std::size_t{0};
      while (ready.size() < into.size()) ready += row;
      const std::size_t size = std::min(into.size(), ready.size());
      std::memcpy(into.data(), ready.data(), size);
      ready.erase(0, size);
      given += size;
      return size;
    });
    std::uint64_t count = 0;
    while (auto record = splitter->next()) {
      if (record->bad) break;  // the cut at the end
      ASSERT_LE(given - record->offset, (128U << 10)) << one.rule;
      ++count;
    }
    EXPECT_GT(count, kFileBytes / row.size() - 2) << one.rule;
  }
}

}  // namespace
}  // namespace spoolmq::adapters
