#include "adapters/export_checksum.h"

#include <array>

#include "adapters/openssl_library.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kDigestBytes = 32;

// OpenSSL refuses where it has no memory, or where its configuration forbids the algorithm.
void require(int result) {
  if (result == 1) return;
  throw Error(ErrorCode::kOsResource, "compute a checksum", "sha256", "OpenSSL refuses it");
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  OpenSsl::get().EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(OpenSsl::get().EVP_MD_CTX_new()) {
  const OpenSsl& openssl = OpenSsl::get();
  require(context_ == nullptr
              ? 0
              : openssl.EVP_DigestInit_ex(context_.get(), openssl.EVP_sha256(), nullptr));
}

void Sha256::add(std::span<const std::byte> bytes) {
  require(OpenSsl::get().EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hex() {
  std::array<unsigned char, kDigestBytes> digest{};
  unsigned int length = 0;
  require(OpenSsl::get().EVP_DigestFinal_ex(context_.get(), digest.data(), &length));
  SPOOLMQ_CHECK(length == digest.size());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

std::string sha256sum_line(std::string_view digits, std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    switch (c) {
      case '\\':
        escaped += "\\\\";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      default:
        escaped += c;
    }
  }
  std::string line = escaped == name ? "" : "\\";
  return line.append(digits).append("  ").append(escaped).append("\n");
}

}  // namespace spoolmq::adapters
