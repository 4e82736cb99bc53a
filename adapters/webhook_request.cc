#include "adapters/webhook_request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "adapters/descriptor.h"
#include "adapters/openssl_library.h"
#include "core/check.h"
#include "core/read_to_end.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostFileBytes = 64 << 10;
constexpr std::size_t kMostHeaders = 100;
constexpr std::size_t kMostHeaderBytes = 32 << 10;
constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::string_view kContentType = "content-type";

[[noreturn]] void refuse(const std::string& path, std::string_view why) {
  throw Error(ErrorCode::kConfiguration, "set up the webhook", path, why);
}

std::string read_private(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.number(), &status) != 0) {
    refuse(path, std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) refuse(path, "it is not a file");
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    refuse(path, "others may read or write it: chmod 600, or 640 for one group");
  }
  std::optional<std::string> text = read_to_end(file.number(), kMostFileBytes + 1);
  if (!text) refuse(path, std::generic_category().message(errno));
  if (text->size() > kMostFileBytes) refuse(path, "it is longer than 64 KiB");
  return *std::move(text);
}

std::string_view without_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

// A token of RFC 9110 section 5.6.2.
bool is_field_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [kMarks](char one) {
    return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') ||
           kMarks.find(one) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view value) {
  return std::ranges::none_of(value, [](char one) {
    const auto byte = static_cast<unsigned char>(one);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

std::string read_webhook_secret(const std::string& path) {
  const std::string text = read_private(path);
  std::string_view secret = without_end(text);
  if (secret.starts_with(kSecretPrefix)) {
    const auto bytes = base64_decode(secret.substr(kSecretPrefix.size()));
    if (!bytes || bytes->empty()) refuse(path, "what follows whsec_ is not base64");
    return *bytes;
  }
  if (secret.empty()) refuse(path, "there is no secret in it");
  return std::string(secret);
}

std::vector<std::string> read_webhook_headers(const std::string& path) {
  const std::string text = read_private(path);
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), whole.size() + 1));
    const std::string_view line = without_end(whole);
    if (line.empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_field_name(line.substr(0, colon)) ||
        !is_field_value(line)) {
      refuse(path, "a line that is not NAME: VALUE");
    }
    if (lines.size() == kMostHeaders) refuse(path, "more than 100 lines");
    lines.emplace_back(line);
  }
  return lines;
}

std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::int64_t timestamp_s, std::string_view body) {
  std::string text = std::string(id) + "." + std::to_string(timestamp_s) + ".";
  text.append(body);
  std::array<unsigned char, 32> mark{};
  unsigned length = 0;
  const OpenSsl& openssl = OpenSsl::get();
  SPOOLMQ_CHECK(openssl.HMAC(openssl.EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                             mark.data(), &length) != nullptr);
  return "v1," + base64_encode({reinterpret_cast<const char*>(mark.data()), length});
}

std::vector<std::string> webhook_headers(const WebhookSubject& subject) {
  const Message& message = subject.message;
  const std::string id = message.id.text();
  const std::string* const own = message.header(kContentType);
  const bool has_own = own != nullptr && !own->empty() && is_field_value(*own);
  const std::string_view type =
      has_own ? std::string_view(*own)
              : (subject.content_type.empty() ? "application/octet-stream" : subject.content_type);
  std::vector<std::string> lines{"Content-Type: " + std::string(type),
                                 "Idempotency-Key: " + id,
                                 "X-Spoolmq-Id: " + id,
                                 "X-Spoolmq-Queue: " + std::string(subject.queue),
                                 "X-Spoolmq-Deliveries: " + std::to_string(subject.deliveries),
                                 "X-Spoolmq-Sent-At: " + format_time(message.sent_at_ms)};
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const auto& [name, value] : message.headers) {
    if (name == kContentType || value.empty() || !is_field_name(name) || !is_field_value(value)) {
      continue;
    }
    std::string line = "X-Spoolmq-H-" + name + ": " + value;
    bytes += line.size();
    if (++count > kMostHeaders || bytes > kMostHeaderBytes) break;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace spoolmq::adapters
