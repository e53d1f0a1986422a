/* SPDX-License-Identifier: MIT */
/* scanner: bytes in, the lines that hold one of a set of texts out.
 *
 * Texts that share three bytes share an anchor of the prefilter: "Creating new
 * database session", "Closing database session" and "Database session error"
 * cost no more than one of them. */
#include "session_log/scan/scanner.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct needle {
  char *text; /* owned */
  size_t bytes;
  size_t at; /* of its anchor in the text */
  uint64_t bit;
};

/* What one anchor serves. */
struct group {
  uint32_t key;
  size_t len;
  uint8_t needles[SCANNER_TEXTS_MAX]; /* their places */
};

struct scanner {
  struct prefilter prefilter;
  struct needle needles[SCANNER_TEXTS_MAX];
  size_t needles_len;
  struct group groups[SCANNER_TEXTS_MAX]; /* one an anchor, in their order */
};

/* How many of a thousand bytes of a log are this one, roughly: counted over
 * Python, JSON, syslog and server logs. */
static unsigned frequency(uint8_t c) {
  static const struct {
    const char *bytes;
    unsigned per_mille;
  } groups[] = {
      {" ", 110},         {"e0", 55},
      {"taonisr1\"", 40}, {"dcl23456789-:.", 25},
      {"umpgh/=_", 15},   {"bfwy,[]{}", 10},
  };
  for (size_t i = 0; c != '\0' && i < sizeof(groups) / sizeof(groups[0]); i++) {
    if (strchr(groups[i].bytes, (char)c) != NULL) {
      return groups[i].per_mille;
    }
  }
  return c >= 'A' && c <= 'Z' ? 3 : 5;
}

/* Words that stand in every line of many logs: poor anchors. */
static bool is_everywhere(const char *anchor) {
  static const char *const words[] = {
      "message", "timestamp", "level",   "logger", "request",
      "info",    "debug",     "warning", "time",   "name",
  };
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (memmem(words[i], strlen(words[i]), anchor, PREFILTER_ANCHOR_BYTES)) {
      return true;
    }
  }
  return false;
}

/* Put together in a register: a copy through memory would wait for the store.
 */
static uint32_t word_at(const char *text) {
  const unsigned char *bytes = (const unsigned char *)text;
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

/* Where the anchor KEY stands in the text; SIZE_MAX where it does not. */
static size_t find_anchor(const struct needle *needle, uint32_t key) {
  for (size_t i = 0; i + PREFILTER_ANCHOR_BYTES <= needle->bytes; i++) {
    if (word_at(needle->text + i) == key) {
      return i;
    }
  }
  return SIZE_MAX;
}

struct choice {
  uint32_t key;
  char bytes[PREFILTER_ANCHOR_BYTES];
  double cost; /* for each text that it serves */
};

/* What an anchor costs: a share of every look, and a look at the line for each
 * time it is met. */
static double cost_of(const struct scanner *scanner, const char *anchor) {
  double cost = is_everywhere(anchor) ? 1e-8 : 1e-9;
  for (size_t i = 0; i < PREFILTER_ANCHOR_BYTES; i++) {
    cost *= frequency((uint8_t)anchor[i]);
  }
  size_t served = 0;
  for (size_t i = 0; i < scanner->needles_len; i++) {
    served += scanner->needles[i].at == SIZE_MAX &&
              find_anchor(&scanner->needles[i], word_at(anchor)) != SIZE_MAX;
  }
  return (cost + 1e-5) / (double)served;
}

/* Greedy cover: the anchor that serves what is left at the lowest price. */
static bool choose_anchor(const struct scanner *scanner,
                          struct choice *ret_choice) {
  bool is_found = false;
  for (size_t i = 0; i < scanner->needles_len; i++) {
    const struct needle *needle = &scanner->needles[i];
    for (size_t j = 0;
         needle->at == SIZE_MAX && j + PREFILTER_ANCHOR_BYTES <= needle->bytes;
         j++) {
      double cost = cost_of(scanner, needle->text + j);
      if (!is_found || cost < ret_choice->cost) {
        is_found = true;
        ret_choice->cost = cost;
        ret_choice->key = word_at(needle->text + j);
        memcpy(ret_choice->bytes, needle->text + j, PREFILTER_ANCHOR_BYTES);
      }
    }
  }
  return is_found;
}

static void choose_anchors(struct scanner *scanner) {
  struct prefilter *prefilter = &scanner->prefilter;
  struct choice choice = {.key = 0};
  while (choose_anchor(scanner, &choice)) {
    struct group *group = &scanner->groups[prefilter->anchors_len];
    group->key = choice.key;
    memcpy(prefilter->anchors[prefilter->anchors_len++], choice.bytes,
           PREFILTER_ANCHOR_BYTES);
    for (size_t i = 0; i < scanner->needles_len; i++) {
      struct needle *needle = &scanner->needles[i];
      size_t at = find_anchor(needle, choice.key);
      if (needle->at == SIZE_MAX && at != SIZE_MAX) {
        needle->at = at;
        group->needles[group->len++] = (uint8_t)i;
      }
    }
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
  needle->at = SIZE_MAX;
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
  if (code != 0) {
    scanner_free(scanner);
    return code;
  }
  choose_anchors(scanner);
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

int scanner_use(struct scanner *scanner, enum prefilter_engine engine) {
  return prefilter_use(&scanner->prefilter, engine);
}

/* ---- running ---- */

static bool stands_at(const struct needle *needle, const char *data,
                      size_t bytes, size_t at) {
  if (at < needle->at || needle->bytes > bytes - (at - needle->at)) {
    return false;
  }
  const char *start = data + at - needle->at;
  return start[0] == needle->text[0] &&
         memcmp(start, needle->text, needle->bytes) == 0;
}

/* The texts that stand around DATA[at], where an anchor may. */
static uint64_t verify(const struct scanner *scanner, const char *data,
                       size_t bytes, size_t at) {
  uint32_t word = word_at(data + at);
  uint64_t found = 0;
  for (size_t i = 0; i < scanner->prefilter.anchors_len; i++) {
    const struct group *group = &scanner->groups[i];
    if (group->key != word) {
      continue;
    }
    for (size_t j = 0; j < group->len; j++) {
      const struct needle *needle = &scanner->needles[group->needles[j]];
      if (stands_at(needle, data, bytes, at)) {
        found |= needle->bit;
      }
    }
    break; /* anchors differ */
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

/* Looks closely at what the prefilter has found in a span. */
static void take_found(const struct scanner *scanner, const char *data,
                       size_t bytes, size_t span,
                       const struct prefilter_found *found, size_t len,
                       struct progress *progress) {
  for (size_t i = 0; i < len; i++) {
    for (uint64_t mask = found[i].mask; mask != 0; mask &= mask - 1) {
      size_t at = span + found[i].at + (size_t)__builtin_ctzll(mask);
      take_place(scanner, data, bytes, at, progress);
    }
  }
}

size_t scanner_run(const struct scanner *scanner, const char *data,
                   size_t bytes,
                   void (*take)(void *context, const struct scanner_line *line),
                   void *context) {
  struct progress progress = {.take = take, .context = context};
  struct prefilter_found found[PREFILTER_FOUND_MAX];
  size_t newlines = 0;
  for (size_t span = 0; span < bytes; span += PREFILTER_SPAN_BYTES) {
    size_t left = bytes - span;
    size_t len = prefilter_find(
        &scanner->prefilter, (const uint8_t *)data + span,
        left < PREFILTER_SPAN_BYTES ? left : PREFILTER_SPAN_BYTES, found,
        &newlines);
    take_found(scanner, data, bytes, span, found, len, &progress);
  }
  close_line(&progress);
  return newlines;
}
