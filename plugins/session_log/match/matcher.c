/* SPDX-License-Identifier: MIT */
/* matcher: finds the lines of a log that match a rule, and their kinds.
 *
 * One search over the data finds the lines that contain a text which some
 * pattern requires; only these lines are tried against the patterns.
 *
 * The search samples the data: every few bytes it looks up the next three, a
 * gram, in a small table. The table has so much of each text, its window, that
 * any occurrence of the text contains a sample that is found. With the usual
 * texts, the shortest of which has five bytes, samples are three bytes apart.
 * The cost does not depend on the number of texts. Measured on lines of 140
 * bytes, of which 5 % contain one of 17 texts: 0.14 ns a byte. Pairs of bytes
 * compared in vectors of 16 took 0.43, PCRE2's JIT with six alternatives 1.0.
 */
#include "session_log/match/matcher.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX 128
#define GRAM_BYTES 3
#define DISTANCE_MAX 8 /* between samples: more gains nothing */
/* 32 KiB, most of a first-level cache. With 8 KiB four times as many grams of a
 * log share a place with one that is searched, which costs more. */
#define TABLE_BITS 15
#define TABLE_LEN (1U << TABLE_BITS)
/* Windows that may be entered; the table has their number in a byte. */
#define WINDOW_GRAMS_MAX 255

/* Searched and counted at a time, so that the second pass finds it cached. */
#define SPAN_BYTES ((size_t)16384)

/* Lines of the kind contain it, or another text of the kind. */
struct search_text {
  struct pattern_span span; /* borrowed from the pattern */
  unsigned kind;
};

/* A gram of a window. Those with the same place in the table are neighbours. */
struct window_gram {
  uint32_t gram;
  uint8_t text;    /* its number */
  uint8_t is_last; /* of those with this place */
  size_t at;       /* of the gram in the text */
};

struct matcher {
  struct matcher_rule rules[MATCHER_KINDS_MAX]; /* by kind */
  struct pattern *patterns[MATCHER_KINDS_MAX];  /* owned; NULL: none */
  unsigned unsure_kinds; /* a text alone does not make such a line */
  struct search_text texts[TEXTS_MAX];
  size_t texts_len;
  size_t distance;                                /* between samples */
  struct window_gram grams[WINDOW_GRAMS_MAX + 1]; /* from 1 on */
  bool has_level_rule;
  unsigned level_kind;
  bool has_codes;           /* the level of some line was a code */
  uint8_t table[TABLE_LEN]; /* the first of the grams at this place; 0: none */
};

/* ---- preparing ---- */

/* How many of a thousand bytes of a log are this one, roughly: counted over
 * Python, JSON, syslog and server logs. */
static unsigned estimate_byte_frequency(uint8_t c) {
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

/* The gram in the lower three bytes; four bytes are read. */
static inline uint32_t load_gram(const char *data) {
  uint32_t word;
  memcpy(&word, data, sizeof(word));
  return le32toh(word);
}

/* Multiplicative hashing (Knuth); the shift to the left drops the byte that is
 * not the gram's. */
static inline uint32_t hash_gram(uint32_t gram) {
  return (gram << 8) * UINT32_C(0x9e3779b1) >> (32 - TABLE_BITS);
}

static uint32_t load_text_gram(const char *text) {
  char gram[4] = {0};
  memcpy(gram, text, GRAM_BYTES);
  return load_gram(gram);
}

/* Returns where in TEXT the window begins whose grams are rarest in logs: each
 * gram that is met costs a comparison. */
static size_t choose_window(const struct pattern_span *text, size_t distance) {
  double fewest = 0;
  size_t window = 0;
  for (size_t at = 0; at + distance + GRAM_BYTES - 1 <= text->bytes; at++) {
    double sum = 0;
    for (size_t i = at; i < at + distance; i++) {
      double frequency = 1;
      for (size_t j = 0; j < GRAM_BYTES; j++) {
        frequency *= estimate_byte_frequency((uint8_t)text->text[i + j]);
      }
      sum += frequency;
    }
    if (at == 0 || sum < fewest) {
      fewest = sum;
      window = at;
    }
  }
  return window;
}

static int compare_gram_places(const void *a, const void *b) {
  const struct window_gram *left = a;
  const struct window_gram *right = b;
  uint32_t first = hash_gram(left->gram);
  uint32_t second = hash_gram(right->gram);
  return (first > second) - (first < second);
}

/* Enters the grams of all windows, sorted by their place in the table. */
static void fill_gram_table(struct matcher *matcher) {
  struct window_gram *grams = matcher->grams;
  size_t len = 0;
  for (size_t i = 0; i < matcher->texts_len; i++) {
    const struct pattern_span *text = &matcher->texts[i].span;
    size_t window = choose_window(text, matcher->distance);
    for (size_t at = window; at < window + matcher->distance; at++) {
      grams[++len] =
          (struct window_gram){.gram = load_text_gram(text->text + at),
                               .text = (uint8_t)i,
                               .at = at};
    }
  }
  qsort(grams + 1, len, sizeof(*grams), compare_gram_places);
  for (size_t i = len; i > 0; i--) {
    uint32_t place = hash_gram(grams[i].gram);
    grams[i].is_last = matcher->table[place] == 0;
    matcher->table[place] = (uint8_t)i;
  }
}

/* As far apart as the shortest text and the table allow. */
static size_t choose_distance(const struct matcher *matcher) {
  size_t distance = WINDOW_GRAMS_MAX / matcher->texts_len;
  distance = distance < DISTANCE_MAX ? distance : DISTANCE_MAX;
  for (size_t i = 0; i < matcher->texts_len; i++) {
    size_t most = matcher->texts[i].span.bytes - GRAM_BYTES + 1;
    distance = most < distance ? most : distance;
  }
  return distance;
}

/* Compiles the rule's pattern and adds the texts that its lines contain. */
static int add_rule(struct matcher *matcher, const struct matcher_rule *rule,
                    struct error *error) {
  struct pattern **pattern = &matcher->patterns[rule->kind];
  const struct pattern_span *spans = NULL;
  size_t spans_len = 0;
  matcher->rules[rule->kind] = *rule;
  if (rule->pattern != NULL) {
    int code = pattern_new(rule->pattern, pattern, error);
    if (code != 0) {
      error_prefix(error, "%s", rule->option);
      return code;
    }
    spans_len = pattern_get_literals(*pattern, &spans);
  } else if (rule->is_by_level) {
    spans_len = level_words_get_texts(&spans);
    matcher->has_level_rule = true;
    matcher->level_kind = rule->kind;
  }
  if (spans_len > TEXTS_MAX - matcher->texts_len) {
    return error_set(error, -EINVAL,
                     "the patterns have more than %d alternatives", TEXTS_MAX);
  }
  for (size_t i = 0; i < spans_len; i++) {
    matcher->texts[matcher->texts_len++] =
        (struct search_text){.span = spans[i], .kind = rule->kind};
  }
  if (*pattern == NULL || !pattern_is_literal(*pattern)) {
    matcher->unsure_kinds |= MATCHER_KIND_BIT(rule->kind);
  }
  return 0;
}

int matcher_new(const struct matcher_rule *rules, size_t rules_len,
                struct matcher **ret_matcher, struct error *error) {
  struct matcher *matcher = calloc(1, sizeof(*matcher));
  int code = matcher == NULL ? -ENOMEM : 0;
  for (size_t i = 0; i < rules_len && code == 0; i++) {
    code = add_rule(matcher, &rules[i], error);
  }
  if (code == 0 && matcher->texts_len == 0) {
    code =
        error_set(error, -EINVAL, "no pattern contains a text to search for");
  }
  if (code != 0) {
    matcher_free(matcher);
    return code;
  }
  matcher->distance = choose_distance(matcher);
  fill_gram_table(matcher);
  *ret_matcher = matcher;
  return 0;
}

void matcher_free(struct matcher *matcher) {
  if (matcher == NULL) {
    return;
  }
  for (size_t i = 0; i < MATCHER_KINDS_MAX; i++) {
    pattern_free(matcher->patterns[i]);
  }
  free(matcher);
}

/* ---- lines ---- */

struct matcher_run {
  const struct matcher *matcher;
  struct line_reader *reader;
  struct matcher_limit *limit;
  const char *data;
  size_t bytes;
  struct matcher_line line; /* kinds == 0: none is open */
  size_t line_end;          /* of the line that was found last */
  void (*on_line)(void *context, struct matcher_line *line);
  void *context;
};

bool matcher_search_pattern(struct pattern *pattern, const char *option,
                            const char *line, size_t bytes,
                            struct pattern_span *ret_part,
                            struct matcher_limit *limit) {
  int found = pattern_match(pattern, line, bytes, ret_part);
  if (found < 0) {
    limit->hits++;
    limit->option = option;
  }
  return found == 1;
}

/* For a line with a text of KIND: whether its regex or its level agrees. */
static bool is_line_of_kind(struct matcher_run *run, unsigned kind) {
  struct matcher_line *line = &run->line;
  struct pattern *pattern = run->matcher->patterns[kind];
  if (pattern != NULL) {
    return matcher_search_pattern(pattern, run->matcher->rules[kind].option,
                                  line->text, line->bytes, NULL, run->limit);
  }
  line_fields_read(run->reader, line->text, line->bytes, &line->fields);
  line->is_read = true;
  return line->fields.level == LEVEL_ERROR;
}

/* Confirms the kinds of the line that is open, and hands it over. */
static void finish_line(struct matcher_run *run) {
  struct matcher_line *line = &run->line;
  if (line->kinds == 0) {
    return;
  }
  line->bytes -= line->bytes > 0 && line->text[line->bytes - 1] == '\r';
  unsigned unsure = line->kinds & run->matcher->unsure_kinds;
  for (; unsure != 0; unsure &= unsure - 1) {
    unsigned kind = (unsigned)__builtin_ctz(unsure);
    if (!is_line_of_kind(run, kind)) {
      line->kinds &= ~MATCHER_KIND_BIT(kind);
    }
  }
  if (line->kinds != 0) {
    run->on_line(run->context, line);
  }
  line->kinds = 0;
}

/* Adds KIND to the line around AT, where one of its texts was found. */
static void add_line_kind(struct matcher_run *run, size_t at, unsigned kind) {
  if (run->line.kinds == 0 || at >= run->line_end) {
    finish_line(run);
    const char *data = run->data;
    const char *before =
        memrchr(data + run->line_end, '\n', at - run->line_end);
    const char *start = before == NULL ? data + run->line_end : before + 1;
    const char *end = memchr(data + at, '\n', run->bytes - at);
    end = end == NULL ? data + run->bytes : end;
    run->line.text = start;
    run->line.bytes = (size_t)(end - start);
    run->line.is_read = false;
    run->line_end = (size_t)(end - data);
  }
  run->line.kinds |= MATCHER_KIND_BIT(kind);
}

/* ---- searching ---- */

/* Compares the texts that have the gram at AT. */
static void match_sample(struct matcher_run *run, size_t at, uint32_t gram) {
  const struct matcher *matcher = run->matcher;
  size_t i = matcher->table[hash_gram(gram)];
  for (bool is_last = i == 0; !is_last; i++) {
    const struct window_gram *entry = &matcher->grams[i];
    const struct search_text *text = &matcher->texts[entry->text];
    is_last = entry->is_last;
    if (((entry->gram ^ gram) & 0xffffff) == 0 && at >= entry->at &&
        text->span.bytes <= run->bytes - (at - entry->at) &&
        memcmp(run->data + at - entry->at, text->span.text, text->span.bytes) ==
            0) {
      add_line_kind(run, at, text->kind);
    }
  }
}

/* Looks again at the samples from AT on, one of which is in the table. Not
 * inlined, so that the loop below has all registers for itself. */
static __attribute__((noinline)) void match_samples(struct matcher_run *run,
                                                    size_t at, size_t len) {
  const size_t distance = run->matcher->distance;
  for (size_t i = 0; i < len; i++, at += distance) {
    match_sample(run, at, load_gram(run->data + at));
  }
}

/* Samples DATA from AT on, up to END. Returns where the next sample is due. */
static inline size_t search_span(struct matcher_run *run, size_t at, size_t end,
                                 size_t distance) {
  const uint8_t *table = run->matcher->table;
  const char *data = run->data; /* a local: it stays in a register */
  for (; at + 4 * distance < end; at += 4 * distance) {
    unsigned found = table[hash_gram(load_gram(data + at))];
    found |= table[hash_gram(load_gram(data + at + distance))];
    found |= table[hash_gram(load_gram(data + at + 2 * distance))];
    found |= table[hash_gram(load_gram(data + at + 3 * distance))];
    if (found != 0) { /* one branch for four samples: they hardly find any */
      match_samples(run, at, 4);
    }
  }
  for (; at < end; at += distance) {
    match_samples(run, at, 1);
  }
  return at;
}

static size_t search_to(struct matcher_run *run, size_t at, size_t end) {
  size_t distance = run->matcher->distance;
  /* The distance of "error" and "fatal": as a constant it saves 4 %. */
  return distance == 3 ? search_span(run, at, end, 3)
                       : search_span(run, at, end, distance);
}

/* ---- levels in codes: numbers and short words ---- */

/* Lines looked at in each call: a log has codes everywhere or nowhere. */
#define CODED_LINES 8

static size_t find_line_end(const char *data, size_t at, size_t bytes) {
  const char *end = memchr(data + at, '\n', bytes - at);
  return end == NULL ? bytes : (size_t)(end - data);
}

static bool has_codes(struct line_reader *reader, const char *data,
                      size_t bytes) {
  struct line_fields fields = {.is_coded = false};
  size_t at = 0;
  for (int i = 0; i < CODED_LINES && at < bytes && !fields.is_coded; i++) {
    size_t end = find_line_end(data, at, bytes);
    line_fields_read(reader, data + at, end - at, &fields);
    at = end + 1;
  }
  return fields.is_coded;
}

/* As search_to(), line by line. */
static size_t search_coded_lines(struct matcher_run *run, size_t last) {
  size_t at = 0;
  for (size_t start = 0; start < run->bytes;) {
    size_t end = find_line_end(run->data, start, run->bytes);
    struct line_fields fields;
    line_fields_read(run->reader, run->data + start, end - start, &fields);
    if (fields.level == LEVEL_ERROR) {
      add_line_kind(run, start, run->matcher->level_kind);
    }
    at = search_to(run, at, end < last ? end : last);
    start = end + 1;
  }
  return at;
}

/* ---- counting ---- */

#define LANES ((size_t)16) /* what every vector unit has */
#define VECTORS                                                                \
  ((size_t)4)         /* counted at a time: one at a time takes twice as long */
#define ROUNDS_MAX 63 /* of four: what a counter of one byte can hold */
typedef uint8_t lanes __attribute__((vector_size(LANES)));

/* 1 in each lane that holds a newline. */
static inline lanes find_newlines(const char *data) {
  lanes here;
  memcpy(&here, data, LANES);
  return -(lanes)(here == '\n'); /* true is -1 */
}

static size_t sum_lanes(const lanes *counts) {
  uint8_t bytes[LANES];
  size_t sum = 0;
  memcpy(bytes, counts, sizeof(bytes));
  for (size_t i = 0; i < LANES; i++) {
    sum += bytes[i];
  }
  return sum;
}

/* Twelve times as fast as what GCC 12 makes of the obvious loop. */
static size_t count_newlines(const char *data, size_t bytes) {
  const char *end = data + bytes;
  size_t newlines = 0;
  while ((size_t)(end - data) >= VECTORS * LANES) {
    lanes counts = {0};
    for (int i = 0; i < ROUNDS_MAX && (size_t)(end - data) >= VECTORS * LANES;
         i++) {
      counts += find_newlines(data) + find_newlines(data + LANES) +
                find_newlines(data + 2 * LANES) +
                find_newlines(data + 3 * LANES);
      data += VECTORS * LANES;
    }
    newlines += sum_lanes(&counts);
  }
  for (; data < end; data++) {
    newlines += *data == '\n';
  }
  return newlines;
}

size_t
matcher_find_lines(struct matcher *matcher, struct line_reader *reader,
                   const char *data, size_t bytes, struct matcher_limit *limit,
                   void (*on_line)(void *context, struct matcher_line *line),
                   void *context) {
  struct matcher_run run = {.matcher = matcher,
                            .reader = reader,
                            .limit = limit,
                            .data = data,
                            .bytes = bytes,
                            .on_line = on_line,
                            .context = context};
  /* A sample reads four bytes: the last ones are taken from a copy. */
  size_t safe = bytes < sizeof(uint32_t) ? 0 : bytes - sizeof(uint32_t) + 1;
  size_t newlines = 0;
  size_t at = 0;
  matcher->has_codes = matcher->has_level_rule &&
                       (matcher->has_codes || has_codes(reader, data, bytes));
  if (matcher->has_codes) {
    at = search_coded_lines(&run, safe);
    newlines = count_newlines(data, bytes);
  }
  for (size_t span = 0; span < bytes && !matcher->has_codes;
       span += SPAN_BYTES) {
    size_t end = bytes - span < SPAN_BYTES ? bytes : span + SPAN_BYTES;
    at = search_to(&run, at, end < safe ? end : safe);
    newlines += count_newlines(data + span, end - span);
  }
  for (; at + GRAM_BYTES <= bytes; at += matcher->distance) {
    match_sample(&run, at, load_text_gram(data + at));
  }
  finish_line(&run);
  return newlines;
}

/* ---- numbers in lines ---- */

#define NUMBER_BYTES_MAX 32

double matcher_parse_number(const struct pattern_span *part) {
  char text[NUMBER_BYTES_MAX];
  size_t len = 0;
  while (len < part->bytes && len + 1 < sizeof(text) &&
         strchr("0123456789.", part->text[len]) != NULL &&
         part->text[len] != '\0') {
    text[len] = part->text[len];
    len++;
  }
  text[len] = '\0';
  return strtod(text, NULL);
}

double matcher_parse_number_after(const struct matcher_line *line,
                                  const char *text) {
  const char *found = memmem(line->text, line->bytes, text, strlen(text));
  if (found == NULL) {
    return 0;
  }
  found += strlen(text);
  const struct pattern_span rest = {found,
                                    (size_t)(line->text + line->bytes - found)};
  return matcher_parse_number(&rest);
}
