#include "cli/look_commands.h"

#include <array>

namespace spoolmq::cli {
namespace {

constexpr std::array kListOptions = {
    OptionSpec{"--state", "S", "only messages in this state", Times::kMany},
    OptionSpec{"--where", "EXPR", "only messages for which this holds"},
    OptionSpec{"--limit", "N", "at most so many (100)"},
};
constexpr std::array kPeekOptions = {
    OptionSpec{"-n", "N", "how many, at most 1000 (1)"},
};
constexpr std::array kTailOptions = {
    OptionSpec{"-f,--follow", "", "goes on with what is sent from then on, until INT or TERM"},
    OptionSpec{"-n", "N", "begins with the last N (10); with --follow 0: with the next one"},
    OptionSpec{"--after", "ID", "begins behind this message instead"},
    OptionSpec{"--from", "now|oldest", "begins with the next one, or with the oldest there is"},
    OptionSpec{"--timeout", "D", "with --follow: ends after D"},
    OptionSpec{"--null", "", "a NUL behind each body, in place of an end of line"},
};
constexpr std::array kStatsOptions = {
    OptionSpec{"--format", "prometheus", "the text format of that name"},
};

constexpr std::array kCommands = {
    Command{"look", "list", "Q", 1, 1, false, "lists messages in the order they were sent",
            "spoolmq list orders --state dead --where \"age > 1h and header.site ~ 'LY*'\"",
            kListOptions, run_list},
    Command{"look", "peek", "Q", 1, 1, false, "shows who is next, in the order of delivery",
            "spoolmq peek orders -n 5", kPeekOptions, run_peek},
    Command{"look",
            "cat",
            "Q ID",
            2,
            2,
            false,
            "puts the body of a message on stdout",
            "spoolmq cat orders 3f9ac1 > body.xml",
            {},
            run_cat},
    Command{"look",
            "info",
            "Q ID",
            2,
            2,
            false,
            "shows everything known of a message",
            "spoolmq info orders 3f9ac1",
            {},
            run_info},
    Command{"look",
            "search",
            "Q TEXT",
            2,
            2,
            false,
            "lists messages with the text in their body or a header's value",
            "spoolmq search orders 'INV-2031'",
            {},
            run_search},
    Command{"look", "stats", "[Q]", 0, 1, false, "counts messages and bytes per state",
            "spoolmq stats\nspoolmq stats --format prometheus", kStatsOptions, run_stats},
    Command{"look",
            "consumers",
            "Q",
            1,
            1,
            false,
            "lists the processes that have the queue open",
            "spoolmq consumers orders",
            {},
            run_consumers},
    Command{"look",
            "why",
            "Q|FILE [ID]",
            1,
            2,
            false,
            "tells what keeps a queue, a message or a file from moving; exit 0: it moves",
            "spoolmq why orders 3f9ac1\nspoolmq why /srv/in/a.xml",
            {},
            run_why},
    Command{"look", "tail", "Q", 1, 1, false,
            "shows the messages that were sent last, and as they come; takes none of them",
            "spoolmq tail orders -f\nspoolmq tail orders -f --from oldest --json", kTailOptions,
            run_tail},
    Command{"look",
            "trace",
            "Q ID",
            2,
            2,
            false,
            "shows what happened to a message",
            "spoolmq trace orders 3f9ac1",
            {},
            run_trace},
};

}  // namespace

std::span<const Command> look_commands() { return kCommands; }

}  // namespace spoolmq::cli
