// passwd: the users in a password file of servers' (adapters/password_file.h).

#include <array>
#include <string>

#include "adapters/passcode_hash.h"
#include "adapters/password_edit.h"
#include "adapters/password_file.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/passcode_input.h"
#include "cli/streams.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::array kPasswdOptions = {
    OptionSpec{"--stdin", "", "the passcode is the first line of stdin"},
    OptionSpec{"--delete", "", "removes that user"},
    OptionSpec{"--list", "", "prints the names of all users"},
};

Error usage(std::string_view subject, std::string_view why) {
  return {ErrorCode::kUsage, "passwd", subject, why};
}

void check_options(const Arguments& arguments) {
  const bool lists = arguments.has("--list");
  if (lists && arguments.operands.size() > 1) throw usage("--list", "it takes no NAME");
  if (!lists && arguments.operands.size() < 2)
    throw usage(arguments.operands.front(), "NAME is missing");
  for (const auto& [one, other] : {std::pair{"--list", "--delete"}, std::pair{"--list", "--stdin"},
                                   std::pair{"--delete", "--stdin"}}) {
    if (arguments.has(one) && arguments.has(other)) {
      throw usage(std::string(one) + " " + other, "give one of them");
    }
  }
}

int list(const Context& context, const std::string& path) {
  for (const auto& [name, hash] : adapters::read_passwords(path)) {
    if (context.json) {
      nlohmann::ordered_json object;
      object["name"] = name;
      print_line(object);
    } else {
      put_line(name);
    }
  }
  return kDone;
}

int run_passwd(Context& context, const Arguments& arguments) {
  check_options(arguments);
  const std::string& path = arguments.operands.front();
  if (arguments.has("--list")) return list(context, path);
  const std::string& name = arguments.operands[1];
  if (const auto why = adapters::refuse_login_name(name)) throw usage(name, *why);
  if (arguments.has("--delete")) {
    adapters::remove_login(path, name);
    put_word(context, name + ": removed");
    return kDone;
  }
  hide_memory();
  const adapters::Secret passcode = arguments.has("--stdin") ? read_passcode() : ask_passcode(name);
  const adapters::Edited edited =
      adapters::set_passcode_hash(path, name, adapters::hash_passcode(passcode));
  put_word(context, name + (edited == adapters::Edited::kAdded ? ": added" : ": changed"));
  return kDone;
}

constexpr std::array kPasswdCommands = {
    Command{"service", "passwd", "FILE [NAME]", 1, 2, false,
            "sets, removes or lists the users that may log in to a server",
            "spoolmq passwd /etc/spoolmq/passwords alice\n"
            "pass show spool/bob | spoolmq passwd /etc/spoolmq/passwords bob --stdin",
            kPasswdOptions, run_passwd},
};

}  // namespace

std::span<const Command> passwd_commands() { return kPasswdCommands; }

}  // namespace spoolmq::cli
