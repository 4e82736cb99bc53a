#include <algorithm>
#include <array>

#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

constexpr std::array kTargets{
    Target{"acks", acks},
    Target{"addresses", addresses},
    Target{"answers", answers},
#ifndef SPOOLMQ_FUZZ_WITHOUT_ADAPTERS
    Target{"configuration", configuration},
#endif
    Target{"frames", frames},
    Target{"handles", handles},
    Target{"names", names},
    Target{"passwords", passwords},
    Target{"patterns", patterns},
    Target{"queue", queue, Target::Beginning::kPartOfIt},
    Target{"receipts", receipts},
    Target{"record", record},
    Target{"ring", ring},
    Target{"rows", rows},
    Target{"segment", segment},
    Target{"selector", selector},
    Target{"settings", settings},
    Target{"split", split},
    Target{"stomp", stomp},
    Target{"stomp_meaning", stomp_meaning},
    Target{"syslog", syslog},
    Target{"templates", templates},
    Target{"units", units},
    Target{"verdicts", verdicts},
    Target{"xml", xml},
};

}  // namespace

std::span<const Target> targets() { return kTargets; }

const Target* find_target(std::string_view name) {
  const auto* const found = std::ranges::find(kTargets, name, &Target::name);
  return found == kTargets.end() ? nullptr : found;
}

}  // namespace spoolmq::fuzz
