#include "adapters/launch.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/account_names.h"
#include "adapters/message_environment.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

[[noreturn]] void refuse(std::string_view what, std::string_view why) {
  throw Error(ErrorCode::kConfiguration, "run as", what, why);
}

// ---- Users and groups

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // empty: a number without an entry
  std::string home = "/";
  std::string shell = "/bin/sh";
};

User user_of(const passwd& entry) {
  return {entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir, entry.pw_shell};
}

User user_to_be(const std::string& name) {
  User user;
  const auto take = [&user](const passwd& entry) { user = user_of(entry); };
  const auto number = account_number(name);
  if (number ? with_user(*number, take) : with_user(name, take)) return user;
  if (!number) refuse(name, "there is no such user");
  return {*number, *number, {}};
}

gid_t group_to_be(const std::string& name) {
  if (const auto number = account_number(name)) return *number;
  if (const auto found = group_of_name(name)) return *found;
  refuse(name, "there is no such group");
}

// ---- What it takes to become one

bool may_leave_to_children(unsigned long capability) {
  return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1;
}

// Inheritable and permitted is enough to raise it again where an earlier child cleared it.
bool may_raise(unsigned long capability) {
  if (may_leave_to_children(capability)) return true;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return false;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, capability, 0, 0);
  return true;
}

void require_privileges(const std::string& who) {
  if (::geteuid() == 0) return;
  constexpr std::array<std::pair<unsigned long, std::string_view>, 3> kNeeded{{
      {CAP_SETUID, "CAP_SETUID"},
      {CAP_SETGID, "CAP_SETGID"},
      {CAP_KILL, "CAP_KILL"},
  }};
  for (const auto& [capability, name] : kNeeded) {
    if (may_raise(capability)) continue;
    refuse(who, "this process has no " + std::string(name) +
                    ", which the unit spoolmq-exec.service gives");
  }
}

// ---- The environment

std::string value_of(std::string_view name, std::string_view otherwise) {
  const char* const value = std::getenv(std::string(name).c_str());
  return std::string(name) + "=" + (value == nullptr ? std::string(otherwise) : value);
}

std::vector<std::string> clean_environment(const User& user) {
  std::vector<std::string> variables{"PATH=" + std::string(kDefaultPath), "HOME=" + user.home,
                                     "SHELL=" + (user.shell.empty() ? "/bin/sh" : user.shell)};
  if (!user.name.empty()) {
    variables.push_back("USER=" + user.name);
    variables.push_back("LOGNAME=" + user.name);
  }
  if (std::getenv("LANG") != nullptr) variables.push_back(value_of("LANG", ""));
  if (std::getenv("TZ") != nullptr) variables.push_back(value_of("TZ", ""));
  return variables;
}

void set_variable(std::vector<std::string>& variables, const std::string& variable) {
  const std::string name = variable.substr(0, variable.find('=') + 1);
  std::erase_if(variables, [&name](const std::string& one) { return one.starts_with(name); });
  variables.push_back(variable);
}

void prepend(std::vector<std::string>& words, std::vector<std::string> before) {
  before.insert(before.end(), std::make_move_iterator(words.begin()),
                std::make_move_iterator(words.end()));
  words = std::move(before);
}

// ---- The words before the program's

void add_limits(Launch& launch, const ProgramSettings& program) {
  std::vector<std::string> words{"prlimit"};
  if (program.memory_bytes) words.push_back("--as=" + std::to_string(*program.memory_bytes));
  if (program.cpu_seconds) {
    // XCPU first, KILL a second later.
    words.push_back("--cpu=" + std::to_string(*program.cpu_seconds) + ":" +
                    std::to_string(*program.cpu_seconds + 1));
  }
  if (words.size() == 1) return;
  words.emplace_back("--");
  prepend(launch.words, std::move(words));
}

void add_user(Launch& launch, const User& user, gid_t gid, bool has_group) {
  std::vector<std::string> words{"setpriv", "--reuid=" + std::to_string(user.uid),
                                 "--regid=" + std::to_string(gid)};
  words.emplace_back(has_group || user.name.empty() ? "--clear-groups" : "--init-groups");
  for (const char* const word :
       {"--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", "--"}) {
    words.emplace_back(word);
  }
  prepend(launch.words, std::move(words));
  launch.privileges = Privileges::kChangeUser;
}

}  // namespace

Launch prepare_launch(const ProgramSettings& program) {
  Launch launch;
  launch.words = program.words;
  User user = user_to_be(program.user.empty() ? std::to_string(::geteuid()) : program.user);
  const gid_t gid = !program.group.empty() ? group_to_be(program.group)
                    : program.user.empty() ? ::getegid()
                                           : user.gid;
  const bool changes = user.uid != ::geteuid() || gid != ::getegid();
  add_limits(launch, program);
  if (changes) {
    require_privileges(program.user.empty() ? program.group : program.user);
    add_user(launch, user, gid, !program.group.empty());
  }
  launch.environment =
      changes || program.clean_environment ? clean_environment(user) : own_environment();
  for (const std::string& variable : program.environment) {
    set_variable(launch.environment, variable);
  }
  return launch;
}

}  // namespace spoolmq::adapters
