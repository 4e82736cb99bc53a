#include "adapters/content_type.h"

#include <algorithm>

#include "adapters/content_bytes.h"
#include "adapters/template_text.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kUnknown = "application/octet-stream";

struct Extension {
  std::string_view name;
  std::string_view type;
};
// Sorted. From the media type registry of IANA, and where it has none, Debian's mime.types.
constexpr Extension kExtensions[] = {
    {"7z", "application/x-7z-compressed"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"dcm", "application/dicom"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eml", "message/rfc822"},
    {"eps", "application/postscript"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"gpx", "application/gpx+xml"},
    {"gz", "application/gzip"},
    {"heic", "image/heic"},
    {"hl7", "x-application/hl7-v2+er7"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar"},
    {"jar", "application/java-archive"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"jsonl", "application/x-ndjson"},
    {"kml", "application/vnd.google-earth.kml+xml"},
    {"log", "text/plain"},
    {"md", "text/markdown"},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ndjson", "application/x-ndjson"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"},
    {"p7m", "application/pkcs7-mime"},
    {"p7s", "application/pkcs7-signature"},
    {"parquet", "application/vnd.apache.parquet"},
    {"pcl", "application/vnd.hp-PCL"},
    {"pdf", "application/pdf"},
    {"pgp", "application/pgp-encrypted"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"rar", "application/vnd.rar"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"sql", "application/sql"},
    {"sqlite", "application/vnd.sqlite3"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"vcf", "text/vcard"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xsd", "application/xml"},
    {"xsl", "application/xslt+xml"},
    {"xslt", "application/xslt+xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};
static_assert(std::ranges::is_sorted(kExtensions, {}, &Extension::name));

std::string_view by_extension(std::string_view name) {
  const std::string_view with_dot = split_extension(name).second;
  if (with_dot.empty()) return {};
  const std::string wanted = ascii_lower(with_dot.substr(1));
  const auto* const found =
      std::ranges::lower_bound(kExtensions, std::string_view(wanted), {}, &Extension::name);
  return found != std::end(kExtensions) && found->name == wanted ? found->type : std::string_view();
}

}  // namespace

std::string guess_content_type(std::string_view name, std::string_view head) {
  if (const std::string_view type = by_extension(name); !type.empty()) return std::string(type);
  const std::string_view type = content_type_of_bytes(head);
  return std::string(type.empty() ? kUnknown : type);
}

}  // namespace spoolmq::adapters
