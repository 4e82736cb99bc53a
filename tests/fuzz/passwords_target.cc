// The file of passcodes: read whole or refused with a line that repeats nothing of what stands
// there; what was read is written and read again as the same.

#include <algorithm>

#include "adapters/passcode_hash.h"
#include "adapters/password_file.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

// Shorter pieces are words of ours.
constexpr std::size_t kShortestSecret = 8;

bool repeats(std::string_view said, std::string_view input) {
  for (std::size_t at = 0; at + kShortestSecret <= input.size(); ++at) {
    if (said.find(input.substr(at, kShortestSecret)) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

void passwords(std::string_view input) {
  using adapters::PasswordHashes;
  PasswordHashes hashes;
  try {
    hashes = adapters::parse_passwords(input, "p");
  } catch (const Error& error) {
    SPOOLMQ_CHECK(error.code() == ErrorCode::kConfiguration && !error.why().empty());
    // Of each sentence there is, the same is said of a file with nothing secret in it.
    bool is_ours = false;
    for (const char* plain : {"x", "x:y", "x:$y$j9T$a$b\nx:$y$j9T$a$b\n"}) {
      try {
        static_cast<void>(adapters::parse_passwords(plain, "p"));
      } catch (const Error& other) {
        is_ours = is_ours || other.why() == error.why();
      }
    }
    SPOOLMQ_CHECK(is_ours || !repeats(error.why(), input));
    return;
  }
  std::string text = "# a comment\n\n";
  for (const auto& [name, hash] : hashes) {
    SPOOLMQ_CHECK(!adapters::refuse_login_name(name) && adapters::is_passcode_hash(hash));
    SPOOLMQ_CHECK(name.size() <= adapters::kMostLoginBytes);
    text += name + ":" + hash + "\n";
  }
  SPOOLMQ_CHECK(adapters::parse_passwords(text, "p") == hashes);
  if (hashes.empty()) return;
  // A name has one passcode.
  text += hashes.begin()->first + ":" + hashes.begin()->second;
  SPOOLMQ_CHECK(is_refused([&] { static_cast<void>(adapters::parse_passwords(text, "p")); }));
}

}  // namespace spoolmq::fuzz
