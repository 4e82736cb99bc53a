#include "adapters/content_type.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace spoolmq::adapters {
namespace {

using std::string_literals::operator""s;

TEST(ContentType, GoesByTheExtensionFirst) {
  struct {
    const char* name;
    const char* type;
  } const cases[] = {
      {"orders.xml", "application/xml"},
      {"ORDERS.XML", "application/xml"},
      {"a.tar.gz", "application/gzip"},
      {"report.csv", "text/csv"},
      {"a.7z", "application/x-7z-compressed"},  // the first of the table, and the last
      {"a.zst", "application/zstd"},
      {"a.jpeg", "image/jpeg"},
      {"a.Txt", "text/plain"},
      {"a.hl7", "x-application/hl7-v2+er7"},
  };
  for (const auto& one : cases) EXPECT_EQ(guess_content_type(one.name, "%PDF-1.4"), one.type);
}

TEST(ContentType, ElseByTheFirstBytes) {
  struct {
    std::string head;
    const char* type;
  } const cases[] = {
      {"", "application/octet-stream"},
      {"\n", "application/octet-stream"},
      {"%PDF-1.4\n", "application/pdf"},
      {"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"s, "image/png"},
      {"\xFF\xD8\xFF\xE0\0\x10JFIF"s, "image/jpeg"},
      {"GIF89a", "image/gif"},
      {"GIF87a", "image/gif"},
      {"PK\x03\x04\x14", "application/zip"},
      {"\x1F\x8B\x08\0"s, "application/gzip"},
      {"<?xml version='1.0'?>", "application/xml"},
      {"\xEF\xBB\xBF<?xml version='1.0'?>", "application/xml"},
      {"\n <orders>", "application/xml"},
      {"<eb:order xmlns:eb='u'", "application/xml"},
      {"<a/>", "application/xml"},
      {"<!-- -->", "application/xml"},
      {"<!DOCTYPE orders>", "application/xml"},
      {"\xFF\xFE<\0o\0"s, "application/xml"},
      {"<?xml encoding='ISO-8859-1'?><r>\xE9</r>", "application/xml"},
      {"<!doctype HTML><html>", "text/html"},
      {"<HTML>", "text/html"},
      {"<addressee@example.com>", "text/plain"},
      {"<- here", "text/plain"},
      {"<", "text/plain"},
      {"{\"id\": 1}", "application/json"},
      {" {\n  \"id\"", "application/json"},
      {"{}", "application/json"},
      {"[{\"id\"", "application/json"},
      {"[]", "application/json"},
      {"[1, 2]", "application/json"},
      {"[true", "application/json"},
      {"{name}", "text/plain"},
      {"[section]\nkey=1", "text/plain"},
      {"[2024-01-02] start", "text/plain"},
      {"[2024-01-02 10:00:00] start", "text/plain"},
      {"UNA:+.? 'UNB+UNOA:1", "application/EDIFACT"},
      {"UNB+UNOC:3", "application/EDIFACT"},
      {"UNAVAILABLE today", "text/plain"},
      {"UNB", "text/plain"},
      {"ISA*00*          *", "application/EDI-X12"},
      {"ISA is a name", "text/plain"},
      {"ISABELLE", "text/plain"},
      {"MSH|^~\\&|LAB", "x-application/hl7-v2+er7"},
      {"plain text, naïve\r\n\ttab\f", "text/plain"},
      {"caf\xE9", "application/octet-stream"},
      {"a\0b"s, "application/octet-stream"},
      {std::string(511, 'a') + "é", "text/plain"},  // cut within a character
      {"short \xC3", "application/octet-stream"},
      {std::string(512, 'a') + "\0"s, "text/plain"},  // not looked at
  };
  for (const char* name : {"", "order", "order.", ".profile", "order.unknown", "a.b c"}) {
    for (const auto& one : cases) {
      EXPECT_EQ(guess_content_type(name, one.head), one.type) << name << ": " << one.head;
    }
  }
}

TEST(ContentType, AnyBytesHaveOne) {
  const std::string_view heads[] = {
      "<?xml version='1.0'?>", "{\"id\": [1]}", "UNA:+.? 'UNB", "ISA*00*", "MSH|^~\\&|",
      "\x89PNG\r\n\x1A\n",     "[1 , 2]"};
  for (const std::string_view head : heads) {
    for (std::size_t size = 0; size <= head.size(); ++size) {
      EXPECT_NE(guess_content_type("order", head.substr(0, size)), "");
    }
  }
}

}  // namespace
}  // namespace spoolmq::adapters
