/* SPDX-License-Identifier: MIT */
/* line_fields: reads the time and the level of a line, where loggers put them:
 * in the words before the message, in the pairs of logfmt, or in a JSON object.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "session_log/match/level_words.h"
#include "session_log/match/line_cursor.h"
#include "session_log/match/line_json.h"
#include "session_log/match/matcher.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
/* How far into a line the words before the message reach. */
#define HEAD_BYTES 512
/* Names of hosts, processes, threads and loggers before the level; without a
 * time in the line most words are those of a message. */
#define NAMES_MAX 5
#define NAMES_MAX_WITHOUT_TIME 1

/* The words before the message, one after the other. */
struct head_reader {
  struct line_reader *lines;
  struct line_fields *fields;
  struct line_cursor at;
  const char *start;
  int names;
  int depth;      /* of brackets */
  bool was_plain; /* the word before may be one of a sentence */
  bool is_over;   /* the message begins */
  bool is_indented;
  bool is_behind_time; /* only blanks and marks since the time */
  bool is_structured;  /* RFC 5424: host, application, process, message */
  bool has_bad_date;   /* its time of day alone would be another day's */
};

static char get_char(const struct head_reader *reader, const char *at) {
  return at >= reader->start && at < reader->at.end ? *at : '\0';
}

/* Faster than strchr(3) for a few characters. */
static inline bool is_one_of(char c, const char *set) {
  bool is_found = false;
  for (; *set != '\0' && !is_found; set++) {
    is_found = *set == c;
  }
  return is_found;
}

/* Does a word end before C? */
static bool is_word_end(char c) {
  static const bool ends[256] = {
      [' '] = true,  ['\t'] = true, ['['] = true, [']'] = true, ['('] = true,
      [')'] = true,  ['{'] = true,  ['}'] = true, ['|'] = true, ['<'] = true,
      ['>'] = true,  [','] = true,  [';'] = true, [':'] = true, ['"'] = true,
      ['\''] = true, ['='] = true};
  return ends[(unsigned char)c];
}

/* ---- logfmt ---- */

static bool is_key_char(char c) {
  return isalnum((unsigned char)c) || is_one_of(c, "_.@-");
}

/* Steps over a value, quoted or up to the next blank. */
static struct line_cursor skip_pair_value(struct line_cursor *at) {
  char quote = at->at < at->end && is_one_of(*at->at, "\"'") ? *at->at : '\0';
  if (quote == '\0') {
    struct line_cursor value = *at;
    while (at->at < at->end && !is_one_of(*at->at, " \t")) {
      at->at++;
    }
    value.end = at->at;
    return value;
  }
  struct line_cursor value = {++at->at, at->end};
  for (; at->at < at->end && *at->at != quote; at->at++) {
    at->at += *at->at == '\\' && at->at + 1 < at->end;
  }
  value.end = at->at;
  at->at += at->at < at->end;
  return value;
}

static enum level_class classify_value(const struct line_cursor *value) {
  const char *at = value->at;
  while (at < value->end &&
         (isalpha((unsigned char)*at) || !isascii((unsigned char)*at))) {
    at++;
  }
  bool is_whole = at == value->end || is_one_of(*at, "+- ,");
  return is_whole ? level_words_classify(value->at, (size_t)(at - value->at))
                  : LEVEL_NONE;
}

void line_fields_widen_level(struct line_fields *fields) {
  bool is_short = fields->level == LEVEL_SHORT_ERROR ||
                  fields->level == LEVEL_SHORT_BELOW_ERROR;
  if (is_short) {
    fields->is_coded = true;
    fields->level =
        fields->level == LEVEL_SHORT_ERROR ? LEVEL_ERROR : LEVEL_BELOW_ERROR;
  }
}

static void set_level(struct head_reader *reader, enum level_class level) {
  if (reader->fields->level == LEVEL_NONE) {
    reader->fields->level = level;
    line_fields_widen_level(reader->fields);
  }
}

static void take_pair(struct head_reader *reader, const char *key, size_t bytes,
                      struct line_cursor value) {
  static const char *const levels[] = {
      "level", "lvl", "severity", "loglevel", "levelname", "log.level", "级别"};
  static const char *const times[] = {"time", "ts", "timestamp", "t",
                                      "asctime"};
  for (size_t i = 0; i < LENGTH(levels); i++) {
    if (strncasecmp(levels[i], key, bytes) == 0 && levels[i][bytes] == '\0') {
      set_level(reader, classify_value(&value));
    }
  }
  for (size_t i = 0; i < LENGTH(times) && !reader->fields->has_time; i++) {
    reader->fields->has_time =
        strncasecmp(times[i], key, bytes) == 0 && times[i][bytes] == '\0' &&
        line_time_parse(reader->lines, &value, &reader->fields->at_s) == 0;
  }
}

/* From a key on to the end of the line: the level may be the last pair. */
static void read_pairs(struct head_reader *reader, const char *end) {
  struct line_cursor at = {reader->at.at, end};
  while (at.at < at.end) {
    const char *key = at.at;
    while (at.at < at.end && (is_key_char(*at.at) || (*at.at & 0x80) != 0)) {
      at.at++;
    }
    size_t bytes = (size_t)(at.at - key);
    bool is_pair = bytes > 0 && line_cursor_skip_char(&at, '=');
    struct line_cursor value = skip_pair_value(&at);
    if (is_pair) {
      take_pair(reader, key, bytes, value);
    }
    while (line_cursor_skip_one_of(&at, " \t")) {
    }
  }
  reader->is_over = true;
}

/* ---- words ---- */

static bool is_upper_case(const char *text, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    if (!isupper((unsigned char)text[i])) {
      return false;
    }
  }
  return true;
}

static const char *skip_blanks_back(const struct head_reader *reader,
                                    const char *at) {
  while (is_one_of(get_char(reader, at), " \t")) {
    at--;
  }
  return at;
}

static const char *skip_blanks(const struct head_reader *reader,
                               const char *at) {
  while (is_one_of(get_char(reader, at), " \t")) {
    at++;
  }
  return at;
}

/* A word in small letters is a level only in the places where loggers put one:
 * "an error" in a sentence is none. */
static bool is_marked(const struct head_reader *reader, const char *word,
                      size_t bytes) {
  char before = get_char(reader, word - 1);
  char after = get_char(reader, word + bytes);
  char mark_before = get_char(reader, skip_blanks_back(reader, word - 1));
  char mark_after = get_char(reader, skip_blanks(reader, word + bytes));
  bool is_small = islower((unsigned char)word[0]);
  return (is_one_of(mark_before, "[(<|:") && is_one_of(mark_after, "])>|") &&
          (reader->depth > 0 || is_one_of(mark_before, "<|"))) ||
         (mark_before == '-' && mark_after == '-') ||
         (before == '\t' && after == '\t') ||
         (is_small && reader->names == 0 && after == ':' &&
          is_one_of(get_char(reader, word + bytes + 1), " \t")) ||
         (reader->is_behind_time && reader->depth == 0 &&
          is_one_of(after, " \t:"));
}

/* What may stand beside a word in capital letters. */
static bool is_alone(const struct head_reader *reader, const char *word,
                     size_t bytes) {
  char before = get_char(reader, word - 1);
  char after = get_char(reader, word + bytes);
  return (before == '\0' || is_one_of(before, " \t[(|:<-.,\"")) &&
         (after == '\0' || is_one_of(after, " \t])|:>[,-+/"));
}

/* Does the word at [from, to) give the level? */
static bool take_level_word(struct head_reader *reader, const char *from,
                            const char *to) {
  size_t bytes = (size_t)(to - from);
  enum level_class level = level_words_classify(from, bytes);
  bool is_upper = is_upper_case(from, bytes);
  if (level == LEVEL_NONE && is_upper && get_char(reader, to) == ':' &&
      reader->fields->has_time && level_words_is_server_word(from, bytes)) {
    level = LEVEL_BELOW_ERROR;
  }
  if (level == LEVEL_NONE || !is_alone(reader, from, bytes) ||
      (!is_upper && !is_marked(reader, from, bytes))) {
    return false;
  }
  /* "got ERROR": without a time only a mark tells a name from a sentence. */
  if (reader->was_plain && !reader->fields->has_time) {
    return false;
  }
  set_level(reader, level);
  return true;
}

/* The last part of "app.ERROR:" (monolog) and of "daemon.err" (syslog), the
 * first of "ERROR/MainProcess" (celery). */
static bool take_level_part(struct head_reader *reader, const char *from,
                            const char *to) {
  static const char *const facilities[] = {
      "kern", "user", "mail", "daemon", "auth",     "syslog", "lpr",
      "news", "uucp", "cron", "ftp",    "authpriv", "local"};
  const char *dot = memrchr(from, '.', (size_t)(to - from));
  const char *slash = memchr(from, '/', (size_t)(to - from));
  if (slash != NULL && is_upper_case(from, (size_t)(slash - from))) {
    return take_level_word(reader, from, slash);
  }
  if (dot == NULL) {
    return false;
  }
  size_t bytes = (size_t)(to - dot - 1);
  if (is_upper_case(dot + 1, bytes)) {
    return get_char(reader, to) == ':' && take_level_word(reader, dot + 1, to);
  }
  for (size_t i = 0; i < LENGTH(facilities); i++) {
    size_t len = strlen(facilities[i]);
    enum level_class level = level_words_classify(dot + 1, bytes);
    if (level != LEVEL_NONE && (size_t)(dot - from) >= len &&
        (size_t)(dot - from) <= len + 1 &&
        memcmp(from, facilities[i], len) == 0) {
      set_level(reader, level);
      return true;
    }
  }
  return false;
}

static bool has_ending(const char *from, const char *to, const char *ending) {
  size_t bytes = strlen(ending);
  return (size_t)(to - from) >= bytes && memcmp(to - bytes, ending, bytes) == 0;
}

/* An exception's name and a colon begin its text. */
static bool is_exception(const char *from, const char *to) {
  static const char *const endings[] = {"Error", "Exception", "Failure",
                                        "Warning", "Timeout"};
  bool is_found = false;
  for (size_t i = 0; i < LENGTH(endings) && !is_found; i++) {
    is_found = has_ending(from, to, endings[i]);
  }
  return is_found;
}

static bool is_number(const char *from, const char *to) {
  for (; from < to; from++) {
    if (!isdigit((unsigned char)*from) && !is_one_of(*from, ".+-/#@_")) {
      return false;
    }
  }
  return true;
}

static bool is_sentence_word(const char *from, const char *to) {
  for (; from < to; from++) {
    if (!islower((unsigned char)*from)) {
      return false;
    }
  }
  return true;
}

/* A word that is no level: a name, a number, or the message's first. */
static void pass_name(struct head_reader *reader, const char *from,
                      const char *to) {
  if (is_number(from, to)) {
    reader->has_bad_date |= to - from >= 8 &&
                            memchr(from, '.', (size_t)(to - from)) == NULL &&
                            (memchr(from, '-', (size_t)(to - from)) != NULL ||
                             memchr(from, '/', (size_t)(to - from)) != NULL);
    return;
  }
  bool is_colon = get_char(reader, to) == ':';
  bool is_plain = !reader->is_structured &&
                  is_one_of(get_char(reader, to), " \t") &&
                  is_sentence_word(from, to);
  char behind = is_colon ? get_char(reader, to + 1) : '\0';
  bool is_end = is_colon && (behind == '\0' || is_one_of(behind, " \t"));
  reader->names += reader->depth == 0;
  reader->is_behind_time = false;
  reader->is_over =
      reader->names >
          (reader->fields->has_time ? NAMES_MAX : NAMES_MAX_WITHOUT_TIME) ||
      (is_plain && reader->was_plain) ||
      (is_end && (is_exception(from, to) ||
                  (!reader->fields->has_time && reader->depth == 0)));
  reader->was_plain = is_plain;
}

static void take_word(struct head_reader *reader) {
  const char *from = reader->at.at;
  const char *to = from;
  while (to < reader->at.end && !is_word_end(*to)) {
    to++;
  }
  if (to == from) {
    reader->is_over = true;
    return;
  }
  bool is_key = get_char(reader, to) == '=';
  reader->at.at = is_key ? from : to;
  if (is_key) {
    bool is_url = memchr(from, '/', (size_t)(to - from)) != NULL ||
                  memchr(from, '?', (size_t)(to - from)) != NULL;
    reader->is_over = is_url;
    if (!is_url) {
      read_pairs(reader, reader->at.end);
    }
  } else if (!take_level_word(reader, from, to) &&
             !take_level_part(reader, from, to)) {
    pass_name(reader, from, to);
  }
}

/* ---- lines ---- */

/* Chinese: a level word, a bracket, or the message's first word. */
static void take_wide(struct head_reader *reader) {
  static const char *const marks[] = {"【", "】", "：", "｜", "「", "」"};
  struct line_cursor *at = &reader->at;
  enum level_class level = LEVEL_NONE;
  for (size_t i = 0; i < LENGTH(marks); i++) {
    if (line_cursor_skip_text(at, marks[i])) {
      return;
    }
  }
  size_t bytes =
      level_words_measure_wide(at->at, (size_t)(at->end - at->at), &level);
  struct line_cursor behind = {at->at + bytes, at->end};
  bool is_whole = behind.at == behind.end ||
                  is_one_of(*behind.at, " \t])|:>,-") ||
                  line_cursor_skip_text(&behind, "】") ||
                  line_cursor_skip_text(&behind, "：") ||
                  line_cursor_skip_text(&behind, "｜") ||
                  line_cursor_skip_text(&behind, "」");
  if (bytes > 0 && is_whole) {
    set_level(reader, level);
  } else if (memmem(at->at,
                    (size_t)(at->end - at->at) < 16 ? (size_t)(at->end - at->at)
                                                    : 16,
                    "=", 1) != NULL) {
    read_pairs(reader, at->end);
  } else {
    reader->is_over = true;
  }
}

/* Returns true if a time begins here, and steps over it. */
static bool take_time(struct head_reader *reader) {
  if (reader->fields->has_time || reader->is_indented || reader->has_bad_date ||
      isalnum((unsigned char)get_char(reader, reader->at.at - 1)) ||
      line_time_parse(reader->lines, &reader->at, &reader->fields->at_s) != 0) {
    return false;
  }
  reader->fields->has_time = true;
  reader->is_behind_time = true;
  reader->was_plain = false;
  return true;
}

/* Steps over syslog's "message repeated 5 times: [". */
static bool skip_repeated(struct line_cursor *at) {
  struct line_cursor ahead = *at;
  int64_t digit = 0;
  if (!line_cursor_skip_text(&ahead, "message repeated ")) {
    return false;
  }
  while (line_cursor_parse_digits(&ahead, 1, &digit)) {
  }
  if (!line_cursor_skip_text(&ahead, " times: [")) {
    return false;
  }
  *at = ahead;
  return true;
}

/* One step: a mark, a time, a word, an object. */
static void take_step(struct head_reader *reader) {
  struct line_cursor *at = &reader->at;
  char c = *at->at;
  if (is_one_of(c, "[(")) {
    reader->depth++;
  } else if (is_one_of(c, ")]")) {
    reader->depth -= reader->depth > 0;
  }
  if (c == '{' && at->end - at->at > 1 && is_one_of(at->at[1], "\" ")) {
    line_json_read(reader->lines, at->at, (size_t)(at->end - at->at),
                   reader->fields);
    reader->is_over = true;
  } else if (is_one_of(c, "\"'")) {
    reader->is_over = true;
  } else if (is_one_of(c, " \t")) {
    at->at++;
  } else if (is_one_of(c, "[](){}|<>,;:-=*#")) {
    reader->was_plain = false;
    reader->is_behind_time = reader->is_behind_time && c != ']';
    at->at++;
  } else if (!take_time(reader)) {
    if ((c & 0x80) != 0) {
      take_wide(reader);
    } else if (!skip_repeated(at)) {
      take_word(reader);
    }
  }
}

/* The time behind the level, as Django has it: only marks and names in between.
 */
static void find_time_behind_level(struct head_reader *reader) {
  struct line_cursor *at = &reader->at;
  for (int words = 0; words < 3 && at->at < at->end; words++) {
    while (line_cursor_skip_one_of(at, " \t[](|:,-")) {
    }
    if (take_time(reader)) {
      return;
    }
    while (at->at < at->end && !is_one_of(*at->at, " \t[](|")) {
      at->at++;
    }
  }
}

static void read_head(struct head_reader *reader) {
  while (!reader->is_over && reader->fields->level == LEVEL_NONE &&
         reader->at.at < reader->at.end &&
         reader->at.at - reader->start < HEAD_BYTES) {
    take_step(reader);
  }
  if (!reader->fields->has_time && reader->fields->level != LEVEL_NONE &&
      !reader->is_over) {
    find_time_behind_level(reader);
  }
}

/* Copies LINE without colours into HEAD. Returns the bytes. */
static size_t strip_colours(const char *line, size_t bytes, char *head) {
  size_t len = 0;
  for (size_t i = 0; i < bytes && len < HEAD_BYTES; i++) {
    if (line[i] == '\x1b') {
      for (i++; i < bytes && !isalpha((unsigned char)line[i]); i++) {
      }
    } else {
      head[len++] = line[i];
    }
  }
  return len;
}

/* Steps over syslog's "<11>" and "<11>1 ". Returns the level. */
static enum level_class take_priority(struct line_cursor *at,
                                      bool *ret_is_structured) {
  struct line_cursor ahead = *at;
  int64_t number = 0;
  if (!line_cursor_skip_char(&ahead, '<') ||
      (!line_cursor_parse_digits(&ahead, 3, &number) &&
       !line_cursor_parse_digits(&ahead, 2, &number) &&
       !line_cursor_parse_digits(&ahead, 1, &number)) ||
      !line_cursor_skip_char(&ahead, '>')) {
    return LEVEL_NONE;
  }
  *ret_is_structured = line_cursor_skip_text(&ahead, "1 ");
  *at = ahead;
  return number % 8 <= 3 ? LEVEL_ERROR : LEVEL_BELOW_ERROR;
}

/* klog's "E0131 10:00:00". */
static enum level_class find_klog_level(struct line_cursor at) {
  char letter = at.at < at.end ? *at.at : '\0';
  int64_t number = 0;
  bool is_klog = line_cursor_skip_one_of(&at, "IWEF") &&
                 line_cursor_parse_digits(&at, 4, &number) &&
                 line_cursor_skip_char(&at, ' ') &&
                 line_cursor_parse_digits(&at, 2, &number) &&
                 line_cursor_skip_char(&at, ':');
  return !is_klog                  ? LEVEL_NONE
         : is_one_of(letter, "EF") ? LEVEL_ERROR
                                   : LEVEL_BELOW_ERROR;
}

/* The colours, a hole in the file and a mark of the encoding are skipped. head:
 * HEAD_BYTES, for a line with colours. */
static struct line_cursor skip_dressing(struct line_cursor at, char *head) {
  size_t bytes = (size_t)(at.end - at.at);
  if (bytes > 0 && *at.at != '{' &&
      memchr(at.at, '\x1b', bytes < HEAD_BYTES ? bytes : HEAD_BYTES) != NULL) {
    size_t len = strip_colours(at.at, bytes, head);
    at = (struct line_cursor){head, head + len};
  }
  return at;
}

void line_fields_read(struct line_reader *lines, const char *line, size_t bytes,
                      struct line_fields *ret_fields) {
  char head[HEAD_BYTES];
  struct line_cursor at = {line, line + bytes};
  bool is_structured = false;
  while (at.at < at.end && *at.at == '\0') {
    at.at++; /* from a hole in the file */
  }
  (void)line_cursor_skip_text(&at, "\xef\xbb\xbf");
  enum level_class priority = take_priority(&at, &is_structured);
  *ret_fields = (struct line_fields){.level = LEVEL_NONE};
  at = skip_dressing(at, head);
  struct head_reader reader = {.lines = lines,
                               .fields = ret_fields,
                               .at = at,
                               .start = at.at,
                               .is_structured = is_structured,
                               .is_indented =
                                   at.at < at.end && is_one_of(*at.at, " \t")};
  enum level_class klog = find_klog_level(at);
  if (klog != LEVEL_NONE) {
    (void)take_time(&reader);
    ret_fields->level = klog;
    ret_fields->is_coded = true;
    ret_fields->begins_record = true;
    return;
  }
  read_head(&reader);
  if (ret_fields->level == LEVEL_NONE) {
    ret_fields->level = priority;
    ret_fields->is_coded = priority != LEVEL_NONE;
  }
  ret_fields->begins_record = ret_fields->has_time ||
                              ret_fields->level != LEVEL_NONE ||
                              (at.at < at.end && *at.at == '{');
}
