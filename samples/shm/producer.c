/* Puts each line of stdin into the bounded buffer of `spoolmq shm-in`, and prints the line once it is
 * durable in the queue: its entry was freed, with verdict 0. Several may run at once.
 *
 *   spoolmq shm-in orders --object /orders --create &
 *   seq 1000 | shm_producer /orders
 *
 * One that was killed and runs again puts again what it did not see confirmed. */
#include "segment.h"

enum { MOST_UNDER_WAY = 1024 };

static struct {
  uint64_t number;
  char *line;
} under_way[MOST_UNDER_WAY];
static size_t first, last; /* of those that are put and not confirmed, modulo the size */

/* With the lock held. Looks at its entries before anybody can put others in their place. */
static int confirm_freed(struct segment *segment) {
  int bad = 0;
  uint64_t freed = atomic_load(&segment->freed);
  while (first != last && under_way[first % MOST_UNDER_WAY].number < freed) {
    uint64_t number = under_way[first % MOST_UNDER_WAY].number;
    char *line = under_way[first % MOST_UNDER_WAY].line;
    struct entry *entry = entry_at(segment, number);
    if (entry->number == number + 1 && entry->verdict != 0) {
      fprintf(stderr, "refused (%u): %s\n", entry->verdict, line);
      bad = 1;
    } else {
      puts(line);
    }
    free(line);
    ++first;
  }
  fflush(stdout);
  return bad;
}

static void put(struct segment *segment, const char *line, size_t length) {
  uint64_t number = atomic_load(&segment->put);
  struct entry *entry = entry_at(segment, number);
  memset(entry, 0, sizeof *entry);
  entry->length = (uint32_t)length;
  entry->priority = 4;
  memcpy(entry->body, line, length);
  entry->number = number + 1;
  atomic_store(&segment->put, number + 1); /* from here on it is there */
  under_way[last % MOST_UNDER_WAY].number = number;
  under_way[last % MOST_UNDER_WAY].line = strdup(line);
  ++last;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s /NAME\n", argv[0]);
    return 64;
  }
  struct segment *segment = open_segment(argv[1]);
  char *line = NULL;
  size_t room = 0;
  ssize_t length = 0;
  int bad = 0;
  while ((length = getline(&line, &room, stdin)) > 0) {
    if (line[length - 1] == '\n') line[--length] = '\0';
    if ((size_t)length > segment->entry_bytes - ENTRY_HEADER_BYTES) {
      fprintf(stderr, "too long: %zd bytes\n", length);
      bad = 1;
      continue;
    }
    lock_segment(segment);
    bad |= confirm_freed(segment);
    while (segment->put - segment->freed >= segment->entries || last - first == MOST_UNDER_WAY) {
      wait_for(segment, &segment->room);
      bad |= confirm_freed(segment);
    }
    put(segment, line, (size_t)length);
    unlock_segment(segment);
    announce(&segment->news);
  }
  lock_segment(segment);
  while (bad |= confirm_freed(segment), first != last) wait_for(segment, &segment->room);
  unlock_segment(segment);
  free(line);
  return bad ? 65 : 0;
}
