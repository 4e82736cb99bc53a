#include "adapters/passcode_hash.h"

#include <crypt.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "adapters/openssl_library.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kPrefix = "$y$";
constexpr unsigned long kUsualCost = 0;  // the library's default
constexpr std::size_t kHashBytes = 43;   // 256 bits in crypt's base 64

// Its working memory, wiped: crypt(3) leaves there what it made of the passcode.
struct Workplace {
  Workplace() = default;
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() { ::explicit_bzero(&memory, sizeof memory); }
  crypt_data memory{};
};

// Null: it cannot be hashed like that. Valid as long as the workplace.
const char* crypt_in(Workplace& place, const Secret& passcode, const std::string& setting) {
  return ::crypt_rn(passcode.bytes().data(), setting.c_str(), &place.memory, sizeof place.memory);
}

bool is_of_crypt(char one) {
  return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') ||
         one == '.' || one == '/';
}

// "$y$PARAMETERS$", all in front of the salt.
std::size_t parameters_end(std::string_view hash) { return hash.find('$', kPrefix.size()) + 1; }

}  // namespace

bool is_passcode_hash(std::string_view text) {
  if (!text.starts_with(kPrefix)) return false;
  std::array<std::string_view, 3> parts;  // parameters, salt, hash
  text.remove_prefix(kPrefix.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? text.find('$') : text.size();
    if (end == std::string_view::npos) return false;
    parts[i] = text.substr(0, end);
    if (!std::ranges::all_of(parts[i], is_of_crypt)) return false;
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return !parts[0].empty() && !parts[1].empty() && parts[2].size() == kHashBytes;
}

std::string hash_passcode(const Secret& passcode) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  if (::crypt_gensalt_rn(kPrefix.data(), kUsualCost, nullptr, 0, setting.data(),
                         static_cast<int>(setting.size())) == nullptr) {
    throw Error::from_errno(errno, "make", "a salt");
  }
  const auto place = std::make_unique<Workplace>();
  const char* const hash = crypt_in(*place, passcode, setting.data());
  if (hash == nullptr || !is_passcode_hash(hash)) {
    throw Error(ErrorCode::kOsResource, "hash", "a passcode",
                "libcrypt has no yescrypt, or no memory for it");
  }
  return hash;
}

bool is_passcode(const Secret& passcode, const std::string& hash) {
  const auto place = std::make_unique<Workplace>();
  const char* const found = crypt_in(*place, passcode, hash);
  return found != nullptr && std::string_view(found).size() == hash.size() &&
         OpenSsl::get().CRYPTO_memcmp(found, hash.data(), hash.size()) == 0;
}

std::string hash_of_nobody(const std::string& like) {
  const std::string parameters = like.substr(0, parameters_end(like));
  const std::size_t salt = parameters.size();
  // All ones would be a hash with a probability of 2^-256.
  return parameters + like.substr(salt, like.find('$', salt) + 1 - salt) +
         std::string(kHashBytes, '.');
}

}  // namespace spoolmq::adapters
