/* SPDX-License-Identifier: MIT */
/* scanner: bytes in, the lines that hold one of a set of texts out.
 *
 * Texts that share two bytes at the same distance share one pair of the
 * prefilter: "Creating new database session", "Closing database session" and
 * "Database session error" cost one comparison, not three. */
#include "session_log/scanner.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct needle {
  char *text; /* owned */
  size_t bytes;
  size_t at;   /* of its pair's first byte in the text */
  size_t pair; /* index */
  uint64_t bit;
};

struct scanner {
  struct prefilter prefilter;
  struct needle needles[SCANNER_TEXTS_MAX];
  size_t needles_len;
};

/* How often a byte stands in logs, roughly, in thousandths: counted over
 * Python, JSON, syslog and server logs. */
static unsigned frequency(uint8_t c) {
  static const char *const common = " eta0-ionsr1:2\"d,lc.5345u6789mpgh/=_";
  const char *found = c == '\0' ? NULL : strchr(common, (char)c);
  if (found != NULL) {
    return 60U - (unsigned)(found - common);
  }
  if (c >= 'A' && c <= 'Z') {
    return 4;
  }
  return c >= 'a' && c <= 'z' ? 12 : 6;
}

static unsigned cost_of(const struct prefilter_pair *pair) {
  return 1 + frequency(pair->first) * frequency(pair->second);
}

/* Where PAIR stands in the text; SIZE_MAX where it does not. */
static size_t find_pair(const struct needle *needle,
                        const struct prefilter_pair *pair) {
  for (size_t i = 0; i + pair->gap < needle->bytes; i++) {
    if ((uint8_t)needle->text[i] == pair->first &&
        (uint8_t)needle->text[i + pair->gap] == pair->second) {
      return i;
    }
  }
  return SIZE_MAX;
}

static size_t count_covered(const struct scanner *scanner,
                            const struct prefilter_pair *pair) {
  size_t covered = 0;
  for (size_t i = 0; i < scanner->needles_len; i++) {
    covered += scanner->needles[i].pair == SIZE_MAX &&
               find_pair(&scanner->needles[i], pair) != SIZE_MAX;
  }
  return covered;
}

struct choice {
  struct prefilter_pair pair;
  size_t covered;
  unsigned cost;
};

/* Offers every pair of the text; what covers more texts wins, then what is
 * rarer. */
static void offer_pairs_of(const struct scanner *scanner,
                           const struct needle *needle, struct choice *best) {
  for (size_t i = 0; i < needle->bytes; i++) {
    for (size_t gap = 1; gap <= PREFILTER_GAP_MAX && i + gap < needle->bytes;
         gap++) {
      struct choice choice = {.pair = {.first = (uint8_t)needle->text[i],
                                       .second = (uint8_t)needle->text[i + gap],
                                       .gap = (uint8_t)gap}};
      choice.cost = cost_of(&choice.pair);
      choice.covered = count_covered(scanner, &choice.pair);
      if (choice.covered > best->covered ||
          (choice.covered == best->covered && choice.cost < best->cost)) {
        *best = choice;
      }
    }
  }
}

/* Greedy cover: each round takes the pair that serves most of what is left. */
static int choose_pairs(struct scanner *scanner) {
  struct prefilter *prefilter = &scanner->prefilter;
  for (;;) {
    struct choice best = {0};
    for (size_t i = 0; i < scanner->needles_len; i++) {
      if (scanner->needles[i].pair == SIZE_MAX) {
        offer_pairs_of(scanner, &scanner->needles[i], &best);
      }
    }
    if (best.covered == 0) {
      return 0;
    }
    if (prefilter->pairs_len == PREFILTER_PAIRS_MAX) {
      return -EINVAL;
    }
    for (size_t i = 0; i < scanner->needles_len; i++) {
      struct needle *needle = &scanner->needles[i];
      size_t at = find_pair(needle, &best.pair);
      if (needle->pair == SIZE_MAX && at != SIZE_MAX) {
        needle->pair = prefilter->pairs_len;
        needle->at = at;
      }
    }
    prefilter->pairs[prefilter->pairs_len++] = best.pair;
  }
}

static int add_needle(struct scanner *scanner, const struct pattern_span *text,
                      size_t index) {
  if (index >= SCANNER_TEXTS_MAX || text->bytes < PATTERN_LITERAL_BYTES_MIN ||
      memchr(text->text, '\n', text->bytes) != NULL) {
    return -EINVAL;
  }
  struct needle *needle = &scanner->needles[scanner->needles_len];
  needle->text = malloc(text->bytes);
  if (needle->text == NULL) {
    return -ENOMEM;
  }
  memcpy(needle->text, text->text, text->bytes);
  needle->bytes = text->bytes;
  needle->pair = SIZE_MAX;
  needle->bit = UINT64_C(1) << index;
  scanner->needles_len++;
  return 0;
}

int scanner_new(const struct pattern_span *texts, size_t texts_len,
                struct scanner **ret_scanner) {
  struct scanner *scanner = calloc(1, sizeof(*scanner));
  int code = scanner == NULL ? -ENOMEM : texts_len == 0 ? -EINVAL : 0;
  for (size_t i = 0; code == 0 && i < texts_len; i++) {
    code = add_needle(scanner, &texts[i], i);
  }
  if (code == 0) {
    code = choose_pairs(scanner);
  }
  if (code != 0) {
    scanner_free(scanner);
    return code;
  }
  prefilter_prepare(&scanner->prefilter);
  *ret_scanner = scanner;
  return 0;
}

void scanner_free(struct scanner *scanner) {
  if (scanner == NULL) {
    return;
  }
  for (size_t i = 0; i < scanner->needles_len; i++) {
    free(scanner->needles[i].text);
  }
  free(scanner);
}

/* ---- running ---- */

/* The texts that stand around DATA[at], where a pair of the prefilter does. */
static uint64_t verify(const struct scanner *scanner, const char *data,
                       size_t bytes, size_t at) {
  uint64_t found = 0;
  for (size_t i = 0; i < scanner->needles_len; i++) {
    const struct needle *needle = &scanner->needles[i];
    if (data[at] == needle->text[needle->at] && at >= needle->at &&
        needle->bytes <= bytes - (at - needle->at) &&
        memcmp(data + at - needle->at, needle->text, needle->bytes) == 0) {
      found |= needle->bit;
    }
  }
  return found;
}

static void open_line(struct scanner_line *line, const char *data, size_t bytes,
                      size_t from, size_t at) {
  const char *before = memrchr(data + from, '\n', at - from);
  const char *start = before == NULL ? data + from : before + 1;
  const char *end = memchr(data + at, '\n', bytes - at);
  end = end == NULL ? data + bytes : end;
  line->text = start;
  line->bytes = (size_t)(end - start);
  line->texts = 0;
}

struct progress {
  struct scanner_line line; /* texts == 0: none is open */
  size_t line_end;          /* position of its newline */
  void (*take)(void *context, const struct scanner_line *line);
  void *context;
};

static void close_line(struct progress *progress) {
  struct scanner_line *line = &progress->line;
  if (line->texts != 0) {
    line->bytes -= line->bytes > 0 && line->text[line->bytes - 1] == '\r';
    progress->take(progress->context, line);
    line->texts = 0;
  }
}

static void take_place(const struct scanner *scanner, const char *data,
                       size_t bytes, size_t at, struct progress *progress) {
  uint64_t texts = verify(scanner, data, bytes, at);
  if (texts == 0) {
    return;
  }
  if (progress->line.texts == 0 || at >= progress->line_end) {
    close_line(progress);
    open_line(&progress->line, data, bytes, progress->line_end, at);
    progress->line_end =
        (size_t)(progress->line.text - data) + progress->line.bytes;
  }
  progress->line.texts |= texts;
}

void scanner_run(const struct scanner *scanner, const char *data, size_t bytes,
                 void (*take)(void *context, const struct scanner_line *line),
                 void *context) {
  struct progress progress = {.take = take, .context = context};
  size_t block = 0;
  uint64_t mask = 0;
  while ((block = prefilter_next(&scanner->prefilter, (const uint8_t *)data,
                                 block, bytes, &mask)) < bytes) {
    for (; mask != 0; mask &= mask - 1) {
      size_t at = block + (size_t)__builtin_ctzll(mask);
      take_place(scanner, data, bytes, at, &progress);
    }
    block += PREFILTER_BLOCK_BYTES;
  }
  close_line(&progress);
}
