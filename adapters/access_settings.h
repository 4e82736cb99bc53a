#pragma once
// The keys by which a server says who may do what. An adapter whose settings have a member `access`
// joins these rows to its own: join_rows(kOwn, kAccessRows<Settings>).

#include <array>
#include <string>
#include <vector>

#include "adapters/key_table.h"
#include "adapters/rights.h"

namespace spoolmq::adapters {

struct AccessSettings {
  std::string passwords;  // the file; empty: nobody can prove a name by a passcode
  std::vector<RightsRow> rights;
};

// Each throws bad_value.
void read_passwords(AccessSettings& to, const KeyValue& given);
void add_rights(AccessSettings& to, const KeyValue& given);

template <typename Settings>
inline constexpr auto kAccessRows = std::to_array<KeyRow<Settings>>({
    {{"passwords", "PATH", "names and hashed passcodes, as spoolmq passwd writes them"},
     [](Settings& to, const KeyValue& given) { read_passwords(to.access, given); }},
    {{"rights", "ROW",
      "'WHO: RIGHT… PATTERN…' as 'alice: send receive orders.#'; WHO: a login, unix:USER, "
      "unix-group:GROUP, cert:SUBJECT, *; rights: send receive browse create * (default: nobody)",
      KeyTimes::kMany},
     [](Settings& to, const KeyValue& given) { add_rights(to.access, given); }},
});

}  // namespace spoolmq::adapters
