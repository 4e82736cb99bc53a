/* Prints each message that `spoolmq shm-out` puts into the bounded buffer, a line each. An entry is
 * freed, and its message acknowledged, only after it was printed. One consumer may run at a time.
 *
 *   spoolmq shm-out results --object /results --create &
 *   shm_consumer /results [COUNT] */
#include "segment.h"

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: %s /NAME [COUNT]\n", argv[0]);
    return 64;
  }
  struct segment *segment = open_segment(argv[1]);
  long left = argc == 3 ? atol(argv[2]) : -1;
  while (left != 0) {
    lock_segment(segment);
    while (segment->put == segment->freed) wait_for(segment, &segment->news);
    uint64_t number = atomic_load(&segment->freed);
    unlock_segment(segment); /* what is put and not freed is ours */

    struct entry *entry = entry_at(segment, number);
    uint32_t length = entry->length;
    int sound =
        entry->number == number + 1 && length <= segment->entry_bytes - ENTRY_HEADER_BYTES;
    int done = sound && fwrite(entry->body, 1, length, stdout) == length &&
               putchar('\n') != EOF && fflush(stdout) == 0;
    entry->verdict = done ? 0 : sound ? 75 : 65;

    lock_segment(segment);
    atomic_store(&segment->freed, number + 1);
    unlock_segment(segment);
    announce(&segment->room);
    if (left > 0) --left;
  }
  return 0;
}
