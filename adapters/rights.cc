#include "adapters/rights.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>

#include "adapters/account_names.h"
#include "adapters/name_pattern.h"
#include "adapters/password_file.h"

namespace spoolmq::adapters {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kRightWords{"send"sv, "receive"sv, "browse"sv, "create"sv};
constexpr std::array kRightPhrases{"send to"sv, "receive from"sv, "browse"sv, "create"sv};
constexpr std::uint8_t kAllRights = (1U << kRightWords.size()) - 1;
constexpr std::string_view kAll = "*";
constexpr std::string_view kUnixUser = "unix:";
constexpr std::string_view kUnixGroup = "unix-group:";
constexpr std::string_view kCertificate = "cert:";
constexpr std::size_t kMostRowBytes = 4096;

std::uint8_t bit(std::size_t right) { return static_cast<std::uint8_t>(1U << right); }

// Nothing: the word names no right.
std::optional<std::uint8_t> right_of(const std::string& word) {
  const auto found = std::ranges::find(kRightWords, word);
  if (found == kRightWords.end()) return std::nullopt;
  return bit(static_cast<std::size_t>(found - kRightWords.begin()));
}

std::vector<std::string> words_in(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// A subject that ends in half an escape would match where another one goes on.
bool ends_in_escape(std::string_view subject) {
  const std::size_t last = subject.find_last_not_of('\\');
  return (subject.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 1;
}

void read_who(RightsRow& row, const KeyValue& given, std::string_view who) {
  using Who = RightsRow::Who;
  if (who == kAll) return;
  if (who.starts_with(kUnixUser)) {
    const auto user = find_user(std::string(who.substr(kUnixUser.size())));
    if (!user) throw bad_value(given, "there is no such user");
    row.who = Who::kUnixUser;
    row.account = *user;
  } else if (who.starts_with(kUnixGroup)) {
    const auto group = find_group(std::string(who.substr(kUnixGroup.size())));
    if (!group) throw bad_value(given, "there is no such group");
    row.who = Who::kUnixGroup;
    row.account = *group;
  } else if (who.starts_with(kCertificate)) {
    row.who = Who::kCertificate;
    row.name = who.substr(kCertificate.size());
    if (row.name.empty() || ends_in_escape(row.name)) {
      throw bad_value(given, "not the subject of a certificate, such as CN=desk,O=Example");
    }
  } else {
    if (const auto why = refuse_login_name(who)) throw bad_value(given, *why);
    row.who = Who::kLogin;
    row.name = who;
  }
}

// The last word is a pattern, whatever it is called; "*" in front is every right.
void read_what(RightsRow& row, const KeyValue& given, const std::vector<std::string>& words) {
  std::size_t next = 0;
  if (words.size() > 1 && words.front() == kAll) {
    row.rights = kAllRights;
    next = 1;
  } else {
    for (; next + 1 < words.size(); ++next) {
      const auto right = right_of(words[next]);
      if (!right) break;
      row.rights |= *right;
    }
  }
  if (row.rights == 0) {
    throw bad_value(given, "not WHO: RIGHT… PATTERN…; rights are send receive browse create or *");
  }
  for (; next < words.size(); ++next) {
    if (const auto why = refuse_name_pattern(words[next])) throw bad_value(given, *why);
    row.patterns.push_back(words[next]);
  }
}

bool has_group(const Peer& peer, gid_t group) {
  return peer.group == group || std::ranges::find(peer.further, group) != peer.further.end();
}

// The whole subject, or the parts it begins with.
bool begins_subject(std::string_view wanted, std::string_view subject) {
  return subject.starts_with(wanted) &&
         (subject.size() == wanted.size() || subject[wanted.size()] == ',');
}

}  // namespace

std::string_view words_of(Right right) { return kRightPhrases[static_cast<std::size_t>(right)]; }

std::string Identity::text() const {
  if (!login.empty()) return login;
  if (!subject.empty()) return std::string(kCertificate) + subject;
  return peer.is_local ? std::string(kUnixUser) + peer.name : peer.name;
}

bool RightsRow::is_of(const Identity& identity) const {
  switch (who) {
    case Who::kAnybody:
      return true;
    case Who::kLogin:
      return identity.login == name;
    case Who::kUnixUser:
      return identity.peer.is_local && identity.peer.user == account;
    case Who::kUnixGroup:
      return identity.peer.is_local && has_group(identity.peer, account);
    case Who::kCertificate:
      return begins_subject(name, identity.subject);
  }
  return false;
}

bool RightsRow::allows(Right right, std::string_view queue) const {
  return (rights & bit(static_cast<std::size_t>(right))) != 0 &&
         std::ranges::any_of(patterns, [queue](const std::string& pattern) {
           return matches_name(pattern, queue);
         });
}

RightsRow parse_rights(const KeyValue& given) {
  if (given.value.size() > kMostRowBytes) throw bad_value(given, "longer than 4096 bytes");
  // A subject may have colons in it; rights and patterns have none.
  const std::size_t colon = given.value.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    throw bad_value(given, "not WHO: RIGHT… PATTERN…, such as 'alice: send receive orders.#'");
  }
  RightsRow row;
  read_who(row, given, std::string_view(given.value).substr(0, colon));
  read_what(row, given, words_in(std::string_view(given.value).substr(colon + 1)));
  return row;
}

}  // namespace spoolmq::adapters
