#include "store/clock_step.h"

#include <cstdlib>

namespace spoolmq {
namespace {

constexpr std::int64_t kStepMs = 1000;  // less is slewing

// Nothing that is to end with its time lasts longer than it would have from now.
void shorten_times(Index& index, const Now& now, const Settings& settings) {
  index.clamp_times(now);
  for (const char* const settled : {"UPDATE m SET due=?1 WHERE state IN (9,10) AND due>?1",
                                    "UPDATE f SET settled=?1 WHERE settled>?1"}) {
    index.db().prepare(settled).bind(1, now.wall_ms).run();
  }
  struct Kept {
    const char* sql;
    std::int64_t for_ms;
  };
  const Kept kept[] = {
      {"UPDATE m SET due=?1 WHERE state=8 AND due>?1", settings.archive.count()},
      {"UPDATE d SET until=?1 WHERE substr(key,1,2)=CAST('k:' AS BLOB) AND until>?1",
       settings.dedupe_window.count()},
      {"UPDATE d SET until=?1 WHERE substr(key,1,2)=CAST('i:' AS BLOB) AND until>?1",
       settings.id_window.count()},
  };
  for (const Kept& one : kept) {
    // Of what is not kept any more, by a setting of today, nobody knows how long it was to be.
    if (one.for_ms > 0) index.db().prepare(one.sql).bind(1, now.wall_ms + one.for_ms).run();
  }
}

}  // namespace

std::int64_t notice_clock_step(Index& index, const Now& now, const Settings& settings,
                               layout::LockHeader& header) {
  const std::int64_t offset = now.wall_ms - now.boot_ms;
  const std::int64_t known = header.wall_offset_ms;
  if (known != 0 && std::abs(offset - known) < kStepMs) return 0;
  header.wall_offset_ms = offset;
  if (known == 0 || offset > known) return 0;
  shorten_times(index, now, settings);
  return known - offset;
}

}  // namespace spoolmq
