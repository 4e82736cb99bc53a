#include "adapters/webhook_settings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "adapters/curl_library.h"
#include "adapters/key_table.h"
#include "adapters/place_key.h"
#include "adapters/socket_keys.h"
#include "adapters/webhook_adapter.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "webhook";
constexpr std::size_t kMostConcurrency = 256;
constexpr std::uint64_t kMostBodyBytes = 1 << 30;
constexpr std::uint64_t kMostRedirects = 10;
constexpr std::size_t kMostUrlBytes = 4096;

using Settings = WebhookSettings;

struct FreeUrl {
  void operator()(CURLU* url) const { Curl::get().url_cleanup(url); }
};

// One part of a URL that curl understands; empty: it has none.
std::string part_of(const std::string& url, CURLUPart part) {
  const Curl& curl = Curl::get();
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl.url());
  char* text = nullptr;
  if (!parsed || curl.url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl.url_get(parsed.get(), part, &text, 0) != CURLUE_OK) {
    return {};
  }
  std::string found(text);
  curl.free(text);
  return found;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

// A refusal must not show a password.
KeyValue without_value(const KeyValue& given) {
  return {given.key, "…", given.where.substr(0, given.where.find(given.value))};
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char one) { return one > ' ' && one < '\x7f'; });
}

void read_url(Settings& settings, const KeyValue& given) {
  if (given.value.size() > kMostUrlBytes || !is_plain(given.value)) {
    throw bad_value(given, "not a URL such as https://host.example/orders");
  }
  const std::string scheme = part_of(given.value, CURLUPART_SCHEME);
  if (!part_of(given.value, CURLUPART_USER).empty() ||
      !part_of(given.value, CURLUPART_PASSWORD).empty()) {
    throw bad_value(without_value(given), "no user or password in it: use headers-file");
  }
  if (scheme != "https" && scheme != "http") {
    throw bad_value(given, "not a URL such as https://host.example/orders");
  }
  settings.url = given.value;
}

void read_content_type(Settings& settings, const KeyValue& given) {
  const bool fits =
      std::ranges::all_of(given.value, [](char one) { return one >= ' ' && one < '\x7f'; });
  if (given.value.empty() || given.value.size() > 256 || !fits) {
    throw bad_value(given, "not a content type such as application/json");
  }
  settings.content_type = given.value;
}

constexpr auto kTable = std::to_array<KeyRow<Settings>>({
    {{"url", "URL", "where each message is posted"}, read_url},
    {{"concurrency", "N", "requests under way at a time (default 8)"},
     [](Settings& to, const KeyValue& given) {
       to.concurrency = parse_count(given, 1, kMostConcurrency);
     }},
    {{"timeout", "D", "for one request and its answer (default 30s)"},
     [](Settings& to, const KeyValue& given) { to.timeout_ms = parse_some_time(given); }},
    {{"connect-timeout", "D", "for a connection and its TLS handshake (default 10s)"},
     [](Settings& to, const KeyValue& given) { to.connect_ms = parse_some_time(given); }},
    {{"max-bytes", "S", "a larger message goes dead (default 64M)"},
     [](Settings& to, const KeyValue& given) {
       to.most_bytes = parse_bytes(given);
       if (to.most_bytes > kMostBodyBytes) throw bad_value(given, "more than 1G");
     }},
    {{"content-type", "T", "of messages that have none (default application/octet-stream)"},
     read_content_type},
    {{"secret-file", "PATH", "signs each request with the secret there (standardwebhooks.com)"},
     [](Settings& to, const KeyValue& given) { to.secret_file = parse_file_path(given); }},
    {{"headers-file", "PATH", "lines NAME: VALUE that each request has, such as Authorization"},
     [](Settings& to, const KeyValue& given) { to.headers_file = parse_file_path(given); }},
    {{"tls-ca", "PATH",
      "PEM: who may have signed the certificate (default: whom the system trusts)"},
     [](Settings& to, const KeyValue& given) { to.tls.authorities = parse_file_path(given); }},
    {{"tls-certificate", "PATH", "PEM, our own, for a server that asks"},
     [](Settings& to, const KeyValue& given) { to.tls.certificate = parse_file_path(given); }},
    {{"tls-key", "PATH", "its private key, PEM"},
     [](Settings& to, const KeyValue& given) { to.tls.key = parse_file_path(given); }},
    {{"proxy", "URL", "goes through this one (default: none, whatever the environment says)"},
     [](Settings& to, const KeyValue& given) { to.proxy = given.value; }},
    {{"redirects", "N", "how many redirects are followed (default 0: one stops it)"},
     [](Settings& to, const KeyValue& given) {
       to.redirects = static_cast<long>(parse_count(given, 0, kMostRedirects));
     }},
    {{"insecure", "", "http to other machines, where everybody in between can read it"},
     [](Settings& to, const KeyValue& given) { to.insecure = parse_flag(given); }},
});

}  // namespace

std::span<const AdapterKey> webhook_keys() {
  static constexpr auto kKeys = keys_of(kTable);
  return kKeys;
}

WebhookSettings parse_webhook_settings(std::span<const KeyValue> given) {
  WebhookSettings settings;
  read_keys(settings, given, kTable, kType);
  const KeyValue& url = required_value(given, "url", kType);
  check_certificate(given);
  if (!settings.insecure && part_of(settings.url, CURLUPART_SCHEME) == "http" &&
      !is_loopback(part_of(settings.url, CURLUPART_HOST))) {
    throw clash(url, "http leaves this machine: use https, or insecure");
  }
  return settings;
}

std::shared_ptr<const BridgePlan> plan_webhook(std::string queue, std::span<const KeyValue> given) {
  WebhookSettings settings = parse_webhook_settings(given);
  // What stands behind '?' may be a token.
  std::string place = settings.url.substr(0, settings.url.find('?'));
  return std::make_shared<PlanOf<WebhookSettings, WebhookAdapter>>(
      std::move(queue), std::move(place), std::move(settings));
}

}  // namespace spoolmq::adapters
